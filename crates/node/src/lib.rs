//! One broker as a state machine: commands become events, events are replicated, members come and go. No I/O: time,
//! randomness and identity come in as arguments, effects go out as [`Output`]s and come back as [`Input`]s.

mod alarm_code;
mod alarms;
mod author;
mod candidacy;
mod command;
mod copies;
mod decide;
mod fault;
mod found;
mod heard;
mod incarnation;
mod members;
mod message;
mod node;
mod pending;
mod random;
mod replica;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use alarm_code::{AlarmCode, Lasts, NoSuchAlarm, Severity};
pub use alarms::Alarm;
pub use author::Author;
pub use command::{Command, CommandError, ItemSpec, Outcome, PolicyKey, SettingKey};
#[cfg(feature = "planted-faults")]
pub use fault::Fault;
pub use found::{Founding, found};
pub use incarnation::Continuity;
pub use members::Members;
pub use message::{Heads, Message};
pub use node::{Input, Lag, Node, NodeConfig, Output};
