//! Brokers, session hosts and gateways.

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
    #[command(flatten)]
    Ask(BrokerAsk),
}

/// What is asked about brokers.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum BrokerAsk {
    /// All brokers of the site, by priority
    List,
}

/// Gateways.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum GatewayCommand {
    /// Run this machine's gateway in the foreground
    Run(RunArgs),
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
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostCommand {
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
