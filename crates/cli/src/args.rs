//! What can be typed: the types that clap fills in. What a command does is in `commands` and `service`.

mod adding;
mod backup;
mod log;
mod members;
mod people;
mod publishing;
mod simulating;
mod tokens;

pub(crate) use adding::{
    AddArgs, AddBrokerArgs, AddGatewayArgs, AddHostArgs, FirewallArgs, InstallArgs, ServiceCommand,
};
pub(crate) use backup::{BackupArgs, RestoreArgs};
pub(crate) use log::{FromArg, LogCommand, Moment, TailFilter};
pub(crate) use members::{
    AgentCommand, BrokerAsk, BrokerCommand, GatewayAsk, GatewayCommand, HostAsk, HostChangeArgs, HostCommand,
    PromoteArgs,
};
pub(crate) use people::{AdminCommand, GroupCommand, RoleArg, UserCommand};
pub(crate) use publishing::{ItemChangeArgs, ItemCommand, PublishArgs, PublishCommand};
pub(crate) use simulating::SimulateArgs;
pub(crate) use tokens::{ApiTokenCommand, TokenCommand};

use crate::service::{self, InitArgs, JoinArgs};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use hostler_model::{Address, AddressError, ports};
use hostler_node::AlarmCode;
use hostler_wire::Fingerprint;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed
  2  wrong usage
  3  nothing answers
  4  not logged in, or not allowed

Environment:
  HOSTLER_PASSWORD      the password for `login`, instead of asking
  HOSTLER_NEW_PASSWORD  the new password for `admin add` and `admin passwd`, instead of asking
  HOSTLER_TOKEN         an API token to use instead of the stored logon
  HOSTLER_CONFIG_DIR    where the logon is stored, instead of ~/.config/hostler";

/// Hostler: an open connection broker for remote desktops.
#[derive(Parser, Clone, Debug)]
#[command(name = "hostler", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What goes with every command that asks a broker.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GlobalArgs {
    /// The broker to ask, instead of any that is known: HOST or HOST:PORT
    // An id of its own: a command's own argument "broker" would take its place.
    #[arg(id = "asked_broker", long = "broker", global = true, value_name = "ADDRESS", value_parser = broker_address)]
    pub(crate) broker: Option<Address>,
    /// The fingerprint of that broker's key, where it is not known yet
    #[arg(long, global = true, value_name = "FINGERPRINT", value_parser = fingerprint)]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The site that it is about, by name or id; unless given, that of the stored logon
    #[arg(long, global = true, value_name = "SITE")]
    pub(crate) site: Option<String>,
    /// Print the broker's answer as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The configuration of this machine's own services
    #[arg(long, global = true, value_name = "FILE", default_value = service::DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    /// Don't ask before something is removed or ended
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
}

/// Everything that can be done.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Command {
    /// Begin a farm on this machine
    Init(InitArgs),
    /// Join a farm with a token
    Join(JoinArgs),
    /// The agent on this session host
    #[command(subcommand)]
    Agent(AgentCommand),
    /// The services of this machine
    #[command(subcommand)]
    Service(ServiceCommand),
    /// The keys of this machine's services
    #[command(subcommand)]
    Key(KeyCommand),
    /// Log in to a farm's administration
    Login(LoginArgs),
    /// Forget the stored logon
    Logout,
    /// The site at a glance
    Status,
    /// What an administrator should know
    #[command(subcommand)]
    Alarm(AlarmCommand),
    /// Sites of the farm
    #[command(subcommand)]
    Site(SiteCommand),
    /// Brokers
    #[command(subcommand)]
    Broker(BrokerCommand),
    /// Session hosts
    #[command(subcommand)]
    Host(HostCommand),
    /// Gateways
    #[command(subcommand)]
    Gateway(GatewayCommand),
    /// Users
    #[command(subcommand)]
    User(UserCommand),
    /// Groups of users
    #[command(subcommand)]
    Group(GroupCommand),
    /// Administrators
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Tokens to join the farm with
    #[command(subcommand)]
    Token(TokenCommand),
    /// Tokens with which programs act for you
    #[command(subcommand)]
    ApiToken(ApiTokenCommand),
    /// Settings of the farm and policies of the site
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Publish a desktop or an application
    #[command(subcommand)]
    Publish(PublishCommand),
    /// Publish an item no longer
    Unpublish {
        /// The item's name or id
        item: String,
    },
    /// List published items
    Items,
    /// Change a published item
    #[command(subcommand)]
    Item(ItemCommand),
    /// Users' sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Why a session is where it is
    Why {
        /// The session's id, or its beginning
        session: String,
    },
    /// Ask for a seat for a user
    Connect(ConnectArgs),
    /// Write everything that a broker needs to start again into one file, while it runs
    Backup(BackupArgs),
    /// Bring a broker back on this machine from a backup
    Restore(RestoreArgs),
    /// The log of everything that was done
    #[command(subcommand)]
    Log(LogCommand),
    /// Run a farm on a virtual clock under the faults that scenarios name; no broker is asked
    Simulate(SimulateArgs),
    /// Print what a shell needs to complete commands
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// Logging in.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginArgs {
    /// The administrator's name; asked for unless given
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// Alarms.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum AlarmCommand {
    /// The alarms that there are now, as the broker that answers sees them
    List,
    /// What an alarm means and what to do; no broker is asked
    Show {
        /// Its code; all that there can be unless given
        code: Option<AlarmCode>,
    },
}

/// Sites.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum SiteCommand {
    /// Begin a site; its first broker joins with a token that is made for it
    Add {
        /// Its name
        name: String,
    },
    /// All sites of the farm
    List,
}

/// Settings.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum SettingsCommand {
    /// All settings with their values
    List,
    /// One setting's value
    Get {
        /// Its key
        key: String,
    },
    /// Give a setting another value
    Set {
        /// Its key
        key: String,
        /// Its value: true, 20, 30s, 5m
        value: String,
    },
    /// Take a setting back to its default
    Unset {
        /// Its key
        key: String,
    },
}

/// Keys.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyCommand {
    /// Replace the key of this machine's broker, gateway or agent, which must run
    Rotate {
        /// broker, gateway or agent; all that are members unless given
        role: Option<hostler_model::MemberRole>,
    },
}

/// Sessions.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionCommand {
    /// All sessions
    List {
        /// Only this user's
        #[arg(long)]
        user: Option<String>,
        /// Only those on this host
        #[arg(long)]
        host: Option<String>,
    },
    /// Cut the client off; the session goes on
    Disconnect {
        /// The session's id, or its beginning
        session: String,
    },
    /// End the session, and all programs in it
    Logoff {
        /// The session's id, or its beginning
        session: String,
    },
    /// Show the session's user a text
    Message {
        /// The session's id, or its beginning
        session: String,
        /// The text
        text: String,
    },
}

/// A seat for a user.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectArgs {
    /// The published item's name or id; the site's default unless given
    pub(crate) item: Option<String>,
    /// The user
    #[arg(long, short)]
    pub(crate) user: String,
    /// The gateway's name or id; the one with the fewest connections unless given
    #[arg(long)]
    pub(crate) gateway: Option<String>,
    /// Write a .rdp file instead ("-" for standard output)
    #[arg(long, short, value_name = "FILE", conflicts_with = "json")]
    pub(crate) out: Option<PathBuf>,
}

/// A broker's address; its HTTPS port unless it names one.
fn broker_address(text: &str) -> Result<Address, AddressError> {
    match text.parse() {
        Err(AddressError::NoPort(_)) => Address::new(text, ports::ACCESS),
        other => other,
    }
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    crate::client::parse_fingerprint(text)
        .ok_or_else(|| format!("{text:?} is no fingerprint: one has 26 characters out of a–z and 2–7"))
}

#[cfg(test)]
mod tests;
