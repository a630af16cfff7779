//! A place for a farm without session hosts: any user may have one.

use anyhow::Result;

use super::Place;
use crate::lab::{LabFolder, Slot};

/// A folder and addresses that nobody else has on this machine.
#[derive(Debug)]
pub struct Ground {
    folder: LabFolder,
    slot: Slot,
}

impl Ground {
    /// A free one.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: LabFolder::new()?, slot: Slot::take()? })
    }

    /// A farm's place on it. Farms on one ground need different names and different first brokers.
    pub fn place(&self, name: &str) -> Place {
        Place { folder: self.folder.path().join(name), first_ip: self.slot.ip(0) }
    }
}
