//! Published items.

use clap::{Args, Subcommand};

/// What to publish.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublishCommand {
    /// A desktop
    Desktop {
        #[command(flatten)]
        item: PublishArgs,
    },
    /// One application instead of a desktop
    App {
        #[command(flatten)]
        item: PublishArgs,
        /// Its command line
        #[arg(long)]
        command: String,
    },
}

/// For whom and where.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublishArgs {
    /// Its name
    pub(crate) name: String,
    /// Users who may use it
    #[arg(long, value_delimiter = ',', value_name = "USER,…")]
    pub(crate) users: Vec<String>,
    /// Groups whose members may use it
    #[arg(long, value_delimiter = ',', value_name = "GROUP,…")]
    pub(crate) groups: Vec<String>,
    /// All users of the site may use it
    #[arg(long)]
    pub(crate) everyone: bool,
    /// Hosts on which it runs; everywhere unless given
    #[arg(long, value_delimiter = ',', value_name = "HOST,…")]
    pub(crate) hosts: Vec<String>,
    /// Those get it who don't say what they want
    #[arg(long)]
    pub(crate) default: bool,
}

/// Published items.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ItemCommand {
    /// Change a published item; a list replaces the whole list
    Set {
        /// Its name or id
        item: String,
        #[command(flatten)]
        change: ItemChangeArgs,
    },
}

/// What shall be otherwise with an item.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[group(required = true, multiple = true)]
pub(crate) struct ItemChangeArgs {
    /// Another name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// An application's command line
    #[arg(long, conflicts_with = "desktop")]
    pub(crate) command: Option<String>,
    /// A desktop instead of an application
    #[arg(long)]
    pub(crate) desktop: bool,
    /// Users who may use it; an empty text for none
    #[arg(long, value_delimiter = ',', value_name = "USER,…")]
    pub(crate) users: Option<Vec<String>>,
    /// Groups whose members may use it; an empty text for none
    #[arg(long, value_delimiter = ',', value_name = "GROUP,…")]
    pub(crate) groups: Option<Vec<String>>,
    /// Whether all users of the site may use it
    #[arg(long, value_name = "true|false")]
    pub(crate) everyone: Option<bool>,
    /// Hosts on which it runs
    #[arg(long, value_delimiter = ',', value_name = "HOST,…", conflicts_with = "all_hosts")]
    pub(crate) hosts: Option<Vec<String>>,
    /// It runs on all hosts of the site
    #[arg(long)]
    pub(crate) all_hosts: bool,
    /// Whether those get it who don't say what they want
    #[arg(long, value_name = "true|false")]
    pub(crate) default: Option<bool>,
}
