//! The stored form of every event, one module per class. A stored form is never changed: a new version gets a type of
//! its own, and an upcaster from the old one.

mod everyday;
mod revocation;
mod structural;

pub use everyday::*;
pub use revocation::*;
pub use structural::*;
