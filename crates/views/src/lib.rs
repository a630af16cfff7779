//! Views: pure folds of a farm's events. What an event means is decided here, and only here; the same set of events
//! gives the same views, whatever the order of their arrival.
//!
//! [`Rules`] says which events count (lanes), [`State`] what they add up to, [`Timeline`] keeps both for one site while
//! events come in late, [`Views`] is all sites of a farm. [`SavedViews`] are what a start goes on from.

pub mod audit;
mod fault;
mod lane;
mod loaded;
mod names;
mod records;
mod rules;
mod state;
mod timeline;
mod views;

#[cfg(feature = "planted-faults")]
pub use fault::Fault;
pub use lane::{Lane, Note};
pub use loaded::Loaded;
pub use records::{
    Admin, ApiToken, Broker, Field, Founder, Gateway, Group, Host, Item, JoinToken, Mastership, Seal, Settlement, Site,
    User,
};
pub use rules::Rules;
pub use state::{Digests, State, digest_of};
pub use timeline::{Entry, Timeline};
pub use views::{SAVED_BYTES, SavedViews, SavedViewsError, Views};
