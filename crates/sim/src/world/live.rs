//! The sessions that really run on a host.

use hostler_model::UserName;
use hostler_seating::FoundSession;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The sessions of one host, found by their keys and by their users: of storms there are thousands.
#[derive(Default)]
pub(crate) struct Live {
    sessions: BTreeMap<String, FoundSession>,
    keys_of: HashMap<UserName, BTreeSet<String>>,
}

impl Live {
    pub(crate) fn insert(&mut self, session: FoundSession) {
        self.remove(&session.key);
        self.keys_of.entry(session.user.clone()).or_default().insert(session.key.clone());
        self.sessions.insert(session.key.clone(), session);
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<FoundSession> {
        let session = self.sessions.remove(key)?;
        if let Some(keys) = self.keys_of.get_mut(&session.user) {
            keys.remove(key);
            if keys.is_empty() {
                self.keys_of.remove(&session.user);
            }
        }
        Some(session)
    }

    /// All of them, in the order of their keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = &FoundSession> {
        self.sessions.values()
    }

    /// Those of a user, in the order of their keys.
    pub(crate) fn of(&self, user: &UserName) -> impl Iterator<Item = &FoundSession> {
        self.keys_of.get(user).into_iter().flatten().filter_map(|key| self.sessions.get(key))
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }
}
