//! The parts of the demo farm: a small RDP session host, alone or as a member of a farm; a small RDP client without a
//! screen of its own; and the farm that is made of such hosts and of the real servers. They are a library so that tests
//! can run them in one process; what a user starts is the binary beside it.

pub mod client;
pub mod farm;
pub mod host;
pub mod member;
mod stop;
