//! Every logon succeeds while a host that can be reached has room, and no fault is to blame; and after the healing
//! everybody gets in.

use super::Check;
use crate::world::{Fact, World};

pub(super) struct Logons;

impl Check for Logons {
    fn name(&self) -> &'static str {
        "logons-succeed"
    }

    fn see(&mut self, _world: &mut World, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::LogonFailed { user, why, blameless: true } => {
                Err(format!("{user} got no session although everything was in order and hosts had room: {why}"))
            }
            _ => Ok(()),
        }
    }
}
