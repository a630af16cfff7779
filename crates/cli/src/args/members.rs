//! Brokers, session hosts and gateways.

use super::{AddBrokerArgs, AddGatewayArgs, AddHostArgs};
use crate::service::RunArgs;
use clap::{Args, Subcommand};

/// The agent on this machine.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum AgentCommand {
    /// Run the agent in the foreground
    Run(RunArgs),
}

/// Brokers.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum BrokerCommand {
    /// Run this machine's broker in the foreground
    Run(RunArgs),
    /// Make another machine a broker, over SSH
    Add(Box<AddBrokerArgs>),
    #[command(flatten)]
    Ask(BrokerAsk),
}

/// What is asked about brokers.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum BrokerAsk {
    /// All brokers of the site, by priority
    List,
    /// All that is known of one broker
    Show {
        /// Its name or id
        #[arg(id = "member", value_name = "BROKER")]
        broker: String,
    },
    /// Let a broker take work again; a standby becomes active
    Enable {
        /// Its name or id
        #[arg(id = "member", value_name = "BROKER")]
        broker: String,
    },
    /// Let a broker take no more work; it keeps the log
    Disable {
        /// Its name or id
        #[arg(id = "member", value_name = "BROKER")]
        broker: String,
    },
    /// Move a broker one place up in the priority list
    Up {
        /// Its name or id
        #[arg(id = "member", value_name = "BROKER")]
        broker: String,
    },
    /// Move a broker one place down in the priority list
    Down {
        /// Its name or id
        #[arg(id = "member", value_name = "BROKER")]
        broker: String,
    },
    /// Make a broker the master
    Promote(PromoteArgs),
    /// Remove a broker from the farm; to come back it needs a token
    Remove {
        /// Its name or id
        #[arg(id = "member", value_name = "BROKER")]
        broker: String,
    },
    /// Say that a broker's key was stolen: nothing that it wrote unseen counts
    Revoke {
        /// Its name or id
        #[arg(id = "member", value_name = "BROKER")]
        broker: String,
        /// That the key was stolen; to take out a broker that is sound, remove it
        #[arg(long, required = true)]
        compromised: bool,
    },
}

/// A promotion.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct PromoteArgs {
    /// Its name or id
    #[arg(id = "member", value_name = "BROKER")]
    pub(crate) broker: String,
    /// Although the present master does not answer
    #[arg(long, requires = "lost", requires = "reason")]
    pub(crate) force: bool,
    /// The name of the master that was lost
    #[arg(long, value_name = "NAME", requires = "force")]
    pub(crate) lost: Option<String>,
    /// Why; it stands in the log for ever
    #[arg(long, value_name = "TEXT", requires = "force")]
    pub(crate) reason: Option<String>,
}

/// Gateways.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum GatewayCommand {
    /// Run this machine's gateway in the foreground
    Run(RunArgs),
    /// Make another machine a gateway, over SSH
    Add(Box<AddGatewayArgs>),
    #[command(flatten)]
    Ask(GatewayAsk),
}

/// What is asked about gateways.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum GatewayAsk {
    /// All gateways of the site
    List,
    /// Remove a gateway from the farm
    Remove {
        /// Its name or id
        gateway: String,
    },
}

/// Session hosts.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum HostCommand {
    /// Make another machine a session host, over SSH
    Add(Box<AddHostArgs>),
    #[command(flatten)]
    Ask(HostAsk),
}

/// What is asked about session hosts.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostAsk {
    /// All session hosts of the site
    List,
    /// All that is known of one host
    Show {
        /// Its name or id
        host: String,
    },
    /// Send nobody new to a host; its sessions go on
    Drain {
        /// Its name or id
        host: String,
    },
    /// Let a drained host take users again
    Resume {
        /// Its name or id
        host: String,
    },
    /// Change a host's name, address or limits
    Set {
        /// Its name or id
        host: String,
        #[command(flatten)]
        change: HostChangeArgs,
    },
    /// Remove a host from the farm
    Remove {
        /// Its name or id
        host: String,
    },
}

/// What shall be otherwise with a host.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[group(required = true, multiple = true)]
pub(crate) struct HostChangeArgs {
    /// Another name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where gateways reach its RDP: HOST:PORT
    #[arg(long)]
    pub(crate) address: Option<String>,
    /// The most sessions; "auto" for the agent's own figure
    #[arg(long, value_name = "N|auto")]
    pub(crate) cap: Option<Figure>,
    /// Logons at the same time; "auto" for the agent's own figure
    #[arg(long, value_name = "N|auto")]
    pub(crate) slots: Option<Figure>,
}

/// A number, or the agent's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figure(pub(crate) Option<u32>);

impl std::str::FromStr for Figure {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self(None)),
            (_, Ok(n)) => Ok(Self(Some(n))),
            _ => Err("give a whole number, or auto".to_string()),
        }
    }
}
