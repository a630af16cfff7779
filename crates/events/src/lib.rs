//! What can happen in a farm, and how it is stored: the event types and their versions, the signed and hash-chained
//! envelope around them, and the codec. Nothing here decides anything; that is done in `views` (what an event means)
//! and `node` (who may author one).

pub mod codec;
mod event;
mod forks;
mod hash;
mod header;
mod order;
pub mod payload;
mod registry;
mod stored;

pub use event::{DecodeEventError, Event};
pub use forks::{Forks, branch_of, has_fork};
pub use hash::Hash;
pub use header::{Actor, Class, EventRef, Frontier, Header, OnUnknown};
pub use order::OrderKey;
pub use registry::{Kind, REGISTRY, kind, kind_named, registry_knows};
pub use stored::{AuthorKey, StoredError, StoredEvent, verify_batch};
