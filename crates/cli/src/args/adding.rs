//! Making machines members: over SSH, and this one's own services.

use clap::{Args, Subcommand};
use hostler_deploy::{Cidr, SshOptions};
use hostler_model::{MemberRole, Name};
use std::net::IpAddr;
use std::path::PathBuf;

/// A machine that shall be a member.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddArgs {
    /// The machine, as ssh knows it: NAME, ADDRESS or USER@NAME
    #[arg(value_name = "NAME_OR_IP")]
    pub(crate) machine: String,
    /// Who to log in there as; root, or somebody with sudo. As ~/.ssh/config says unless given
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// The port of its SSH
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// The file of the key to log in with
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// Another file than ~/.ssh/config
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// Take the key of a machine that ssh has never seen for its own
    #[arg(long)]
    pub(crate) accept_new_key: bool,
    /// The member's name; the machine's own unless given
    #[arg(long)]
    pub(crate) name: Option<Name>,
    /// The name or address by which others reach it; NAME_OR_IP unless given
    #[arg(long)]
    pub(crate) address: Option<String>,
    /// The program to copy there, where it is not this one: a machine may have another architecture
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) firewall: FirewallArgs,
    /// Only look, and print everything that would be done: all commands and files
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the commands to give there, for somebody without SSH; nobody is asked anything
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) print: bool,
}

impl AddArgs {
    /// How to reach it.
    pub(crate) fn ssh(&self) -> SshOptions {
        SshOptions {
            user: self.user.clone(),
            port: self.port,
            identity: self.identity.clone(),
            config: self.ssh_config.clone(),
            accept_new_key: self.accept_new_key,
        }
    }
}

/// The machine's firewall.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FirewallArgs {
    /// Open exactly the ports that others need, in ufw, firewalld or nftables
    #[arg(long)]
    pub(crate) open_firewall: bool,
    /// Open them for these only: 10.0.0.0/8, or one address; may be given several times
    #[arg(long, value_name = "CIDR", requires = "open_firewall")]
    pub(crate) from: Vec<Cidr>,
}

/// A broker's machine.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddBrokerArgs {
    #[command(flatten)]
    pub(crate) add: AddArgs,
    /// Also set up a gateway there
    #[arg(long)]
    pub(crate) gateway: bool,
    /// Where clients reach that gateway; the first port is the one that they are told
    #[arg(long, value_name = "PORT,…", value_delimiter = ',', requires = "gateway", default_value = "3389")]
    pub(crate) rdp_port: Vec<u16>,
}

/// A gateway's machine.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddGatewayArgs {
    #[command(flatten)]
    pub(crate) add: AddArgs,
    /// Where clients reach it; the first port is the one that they are told
    #[arg(long, value_name = "PORT,…", value_delimiter = ',', default_value = "3389")]
    pub(crate) rdp_port: Vec<u16>,
}

/// A session host.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddHostArgs {
    #[command(flatten)]
    pub(crate) add: AddArgs,
    /// Where gateways reach its RDP
    #[arg(long, value_name = "PORT", default_value = "3389")]
    pub(crate) rdp_port: u16,
}

/// This machine's services.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServiceCommand {
    /// Let systemd run this machine's broker, gateway or agent
    Install(InstallArgs),
    /// Run it no longer; its key, its log and the configuration stay
    Uninstall {
        /// broker, gateway or agent
        role: MemberRole,
        /// Also close the ports that were opened for it
        #[arg(long)]
        close_firewall: bool,
        /// Only print what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// What this machine is, and whether it runs
    Status {
        /// broker, gateway or agent; all of them unless given
        role: Option<MemberRole>,
    },
}

/// A service of this machine.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstallArgs {
    /// broker, gateway or agent
    pub(crate) role: MemberRole,
    /// The name or address by which others reach this machine; needed where the configuration does not say it
    #[arg(long)]
    pub(crate) address: Option<String>,
    /// The address to listen on, where the configuration does not say it
    #[arg(long)]
    pub(crate) listen: Option<IpAddr>,
    #[command(flatten)]
    pub(crate) firewall: FirewallArgs,
    /// Only print what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}
