//! The audit: questions about the past that the log answers. Who was master when, who decided that and on what evidence;
//! what was set aside and what became of it; what the farm was at some moment, and what changed between two.
//!
//! Everything here only reads: what events mean is decided by the rules and the fold.

mod changes;
mod event_name;
mod history;
mod promotions;
mod set_aside;
mod things;
mod writes;

pub use changes::{Cause, Change, FieldChange, How, ThingChange, changes};
pub use event_name::{EventNameError, event_short, event_text, find_event};
pub use history::History;
pub use promotions::{PromotionRecord, Vote, promotions};
pub use set_aside::{SetAside, can_be_settled, set_aside};
pub use things::{Fields, Subject, things};
