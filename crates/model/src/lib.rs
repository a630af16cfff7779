//! The words that every part of Hostler shares: ids, epochs, the hybrid logical clock, limits, validated names and
//! addresses. No I/O, no clock and no randomness of its own: those come in as arguments.

mod address;
mod epoch;
mod feed;
mod hlc;
mod id;
mod key;
mod launch;
pub mod limits;
mod name;
mod planted;
mod platform;
mod ratio;
mod time;

pub use address::{Address, AddressError};
pub use epoch::Epoch;
pub use feed::{Feed, Incarnation};
pub use hlc::{Hlc, HlcClock};
pub use id::{
    AdminId, BrokerId, GatewayId, GroupId, HostId, IdError, ItemId, Random, SeatId, SessionId, SiteId, Thing, TicketId,
    TokenId, UserId, beginning_with,
};
pub use key::PublicKey;
pub use launch::Launch;
pub use name::{Name, NameError, UserName, UserNameError};
pub use planted::Planted;
pub use platform::{MemberRole, ports};
pub use ratio::PerMille;
pub use time::{Mono, Now, Wall};
