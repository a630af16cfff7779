//! The table of event types. A number or name that was ever used is never used for something else.

use crate::{Class, OnUnknown};

/// What is known about one type of event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// Its number in the header.
    pub id: u16,
    /// Its name, for people and filters.
    pub name: &'static str,
    /// The version that is written today.
    pub version: u16,
    /// By which rules it is applied. `reapplied` and `discarded` have the class of the event that they are about.
    pub class: Class,
    /// What a reader does that does not know it.
    pub on_unknown: OnUnknown,
}

/// The type with this number.
#[must_use]
pub fn kind(id: u16) -> Option<&'static Kind> {
    REGISTRY.binary_search_by_key(&id, |k| k.id).ok().map(|at| &REGISTRY[at])
}

/// True where this program can read events of this type and version.
#[must_use]
pub fn registry_knows(id: u16, version: u16) -> bool {
    kind(id).is_some_and(|k| (1..=k.version).contains(&version))
}

/// The type with this name.
#[must_use]
pub fn kind_named(name: &str) -> Option<&'static Kind> {
    REGISTRY.iter().find(|k| k.name == name)
}

pub use crate::event::REGISTRY;
