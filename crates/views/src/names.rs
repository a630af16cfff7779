//! One name, one thing: of two that were given the same name on two sides, the later one gets a suffix.

use hostler_model::{Name, Thing};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

/// The names that are taken, by kind of thing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Names(OrdMap<(u8, String), Thing>);

impl Names {
    /// Gives `thing` this name, or the first free one with a suffix.
    pub(crate) fn take(&mut self, thing: Thing, wanted: &Name) -> Name {
        let mut name = wanted.clone();
        let mut n = 1;
        while self.0.contains_key(&(kind(thing), name.key())) {
            n += 1;
            name = wanted.with_suffix(n);
        }
        self.0.insert((kind(thing), name.key()), thing);
        name
    }

    /// Frees a name: its thing was removed or is about to get another.
    pub(crate) fn release(&mut self, thing: Thing, name: &str) {
        self.0.remove(&(kind(thing), name.to_lowercase()));
    }

    /// True where both are one in memory.
    pub(crate) fn is_same_map(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }

    /// What has this name among things of the kind of `like`.
    pub(crate) fn holder(&self, like: Thing, name: &str) -> Option<Thing> {
        self.0.get(&(kind(like), name.to_lowercase())).copied()
    }
}

fn kind(thing: Thing) -> u8 {
    match thing {
        Thing::Site(_) => 0,
        Thing::Broker(_) => 1,
        Thing::Gateway(_) => 2,
        Thing::Host(_) => 3,
        Thing::Item(_) => 4,
        Thing::User(_) => 5,
        Thing::Group(_) => 6,
        Thing::Admin(_) => 7,
        Thing::Token(_) => 8,
    }
}
