//! Seating: who sits where, and why. The machines of a site (on a broker) and of a host (in an agent), and the words
//! that they exchange. No I/O: time and randomness come in as arguments.

pub mod admission;
pub mod board;
pub mod catalog;
pub mod choose;
pub mod explanation;
mod fault;
pub mod home;
pub mod host_set;
pub mod report;
pub mod seat;
pub mod site;

pub use admission::{
    Admission, AdmissionConfig, AdmissionInput, AdmissionOutput, FoundSession, KeptSession, KeptTicket,
};
pub use catalog::{Catalog, CatalogHost, CatalogItem, CatalogUser, Policy, RateLimit};
pub use explanation::Explanation;
#[cfg(feature = "planted-faults")]
pub use fault::Fault;
pub use home::home_order;
pub use site::{HostView, SeatView, Site, SiteInput, SiteOutput};
