//! A lab: real xrdp hosts and real FreeRDP clients on this machine, on loopback addresses only.
//!
//! Everything that a lab writes is in one temporary folder; accounts, home folders, /tmp and logs of its hosts are
//! there too, so that the machine's own are never touched. Set `HOSTLER_KEEP_LAB=1` to look at it afterwards.

mod client;
mod colour;
mod display;
mod folder;
mod hosts;
mod ini;
mod slot;
mod users;

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

pub use client::{Client, Connect};
pub use colour::Colour;
pub use display::Display;
pub use hosts::Host;
pub use users::{ALICE, BOB, CAROL, DAVE, ERIN, USERS, User};

pub(crate) use folder::LabFolder;
pub(crate) use slot::Slot;

use users::Accounts;

/// The place where a test's hosts and clients live.
///
/// Hosts and clients may outlive it: the folder goes with the last of them.
#[derive(Debug)]
pub struct Lab {
    folder: Arc<LabFolder>,
    slot: Arc<Slot>,
    accounts: Accounts,
}

impl Lab {
    /// A new, empty lab, apart from all others on this machine.
    pub fn new() -> Result<Self> {
        Ok(Self {
            folder: Arc::new(LabFolder::new()?),
            slot: Arc::new(Slot::take()?),
            accounts: Accounts::of_this_machine()?,
        })
    }

    /// The lab's folder, for what a test writes itself.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An address of this lab alone, for a test's own services. `number` is from 1 to 99.
    pub fn ip(&self, number: u8) -> Ipv4Addr {
        self.slot.ip(number)
    }

    /// Brings up session hosts 1 to `count`, all at once.
    pub fn hosts(&self, count: u8) -> Result<Vec<Host>> {
        let mut hosts = (1..=count)
            .map(|number| Host::new(number, &self.folder, &self.slot, &self.accounts))
            .collect::<Result<Vec<_>>>()?;
        for host in &mut hosts {
            host.begin()?;
        }
        for host in &mut hosts {
            host.wait_until_up()?;
        }
        Ok(hosts)
    }

    /// Starts a client on a display of its own. `name` is for its log.
    pub fn client(&self, name: &str, connect: &Connect) -> Result<Client> {
        Client::start(name, &self.folder, connect)
    }
}
