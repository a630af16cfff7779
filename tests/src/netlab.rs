//! A farm whose members each have a network of their own: real processes in network namespaces, joined by a bridge in
//! one more namespace. Nothing of it touches the machine's own network, so members use the usual ports, and any set of
//! them can be cut off from any other, in one direction or both.
//!
//! [`Net`] knows namespaces and cuts, [`NetFarm`] knows Hostler. Everything of a run carries the run's name; what a
//! killed run has left is removed by the next.

mod copy;
mod cuts;
mod farm;
mod feeds;
mod logons;
mod net;
mod raise;
mod rest;
mod run_name;
mod space;

pub use copy::DataCopy;
pub use farm::NetFarm;
pub use feeds::Feeds;
pub use logons::{Logon, Logons};
pub use net::Net;
pub use raise::Plan;
pub use rest::{Answer, Rest};
pub use space::Space;
