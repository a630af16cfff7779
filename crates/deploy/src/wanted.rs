//! What a machine shall become.

use crate::firewall::Cidr;
use crate::opening::Opening;
use crate::program::Program;
use hostler_model::{MemberRole, Name};

/// Where the program goes.
pub(crate) const PROGRAM: &str = "/usr/local/bin/hostler";
/// The account of brokers and gateways.
pub(crate) const USER: &str = "hostler";

/// The configuration file as it shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where it is.
    pub path: String,
    /// What shall be in it.
    pub text: String,
    /// The data directory that it names.
    pub data_dir: String,
}

/// One role of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoleWanted {
    /// Which.
    pub role: MemberRole,
    /// The ports that others must reach, by the configuration.
    pub openings: Vec<Opening>,
}

impl RoleWanted {
    /// Whether it must be allowed to listen on a port below 1024.
    pub(crate) fn low_port(&self) -> bool {
        self.role != MemberRole::Agent && self.openings.iter().any(|opening| opening.port < 1_024)
    }
}

/// What a machine shall become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Its roles.
    pub roles: Vec<RoleWanted>,
    /// The program that shall be there.
    pub program: Program,
    /// The configuration that shall be there.
    pub config: Config,
    /// The farm's site that it shall join; `None` where it shall only be prepared.
    pub site: Option<String>,
    /// The member's name; the machine's own unless given.
    pub name: Option<Name>,
    /// Whether the firewall shall be opened.
    pub open_firewall: bool,
    /// For whom; for everybody where nobody is named.
    pub from: Vec<Cidr>,
}
