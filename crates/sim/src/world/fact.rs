//! What happened that a check may want to know.

use hostler_events::{EventRef, Hash};
use hostler_model::{Epoch, HostId, ItemId, TicketId, UserName};

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// A second has passed.
    Second,
    /// A broker found a seat. Since when its own views say that it is disabled.
    Seated { by: usize, disabled_since: Option<u64> },
    /// A command was answered: carried out, and on so many disks.
    Acknowledged { at: usize, events: Vec<EventRef>, durable_on: u32 },
    /// A broker has told another one of its own event, which is not on its disk.
    ToldUnstored { at: usize, event: EventRef, is_vote: bool },
    /// A clock is set, which showed this before.
    ClockJumps { at: usize, showed: u64 },
    /// A promotion is on a disk.
    Promoted { epoch: Epoch, hash: Hash, automatic: bool },
    /// A node raised an alarm.
    Alarm { at: usize, code: &'static str, text: String },
    /// A host's report was refused.
    BadReport { host: HostId, text: String },
    /// A session began on a host, with a ticket where it was one.
    Began { host: usize, ticket: Option<TicketId>, user: UserName, item: ItemId },
    /// A logon came to nothing; whether that can't be blamed on a fault.
    LogonFailed { user: UserName, why: String, blameless: bool },
    /// Something that had to be noticed was not.
    Unnoticed { what: String },
    /// A broker's disk has lost what it had: wiped, or replaced by a copy.
    DiskLost { at: usize },
}
