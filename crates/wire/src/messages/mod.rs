//! What the members of a farm say to each other: one module per link. Every message is one frame; a request carries a
//! number that its answer repeats.

pub mod agent;
pub mod gateway;
pub mod join;
pub mod peer;
pub mod roster;
