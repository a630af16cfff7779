//! The agent's view of the host: its sessions are those of the table, one for each user and item.

use super::item_book::ItemBook;
use crate::host::{SessionEntry, SessionNumber, SessionState, SessionTable, TableError};
use hostler_agent::sources::{
    FoundSession, Listing, SessionKind, SessionSource, SessionState as FoundState, SourceError,
};
use hostler_model::limits::TEXT_BYTES;
use std::time::{SystemTime, UNIX_EPOCH};

/// The table's sessions.
pub(super) struct TableSource {
    table: SessionTable,
    items: ItemBook,
    /// Which run of the host this is: numbers begin at one in each.
    run: String,
}

impl TableSource {
    pub(super) fn new(table: SessionTable, items: ItemBook) -> Self {
        let run = format!("{}-{}", std::process::id(), since_1970_ms(SystemTime::now()));
        Self { table, items, run }
    }

    fn key(&self, number: SessionNumber) -> String {
        format!("{}-{number}", self.run)
    }

    fn found(&self, entry: &SessionEntry) -> FoundSession {
        FoundSession {
            key: self.key(entry.number),
            user: entry.user.to_string(),
            item: self.items.item(&entry.item),
            state: match entry.state {
                SessionState::Active => FoundState::Active,
                SessionState::Disconnected => FoundState::Disconnected,
            },
            started_at_ms: since_1970_ms(entry.started_at),
            display: None,
            command: None,
            window_manager: None,
        }
    }

    fn on(
        &self,
        session: &FoundSession,
        act: impl FnOnce(&SessionTable, SessionNumber) -> Result<(), TableError>,
    ) -> Result<(), SourceError> {
        let gone = || SourceError::Gone { key: session.key.clone(), user: session.user.clone() };
        let number = self.table.list().iter().map(|entry| entry.number).find(|n| self.key(*n) == session.key);
        act(&self.table, number.ok_or_else(gone)?).map_err(|error| match error {
            TableError::TextTooLong(bytes) => SourceError::MessageTooLong { bytes, limit: TEXT_BYTES },
            TableError::NoSuchSession(_) | TableError::Full => gone(),
        })
    }
}

impl SessionSource for TableSource {
    fn name(&self) -> &'static str {
        "demo"
    }

    fn kind(&self) -> SessionKind {
        SessionKind::PerItem
    }

    fn list(&mut self) -> Result<Listing, SourceError> {
        let sessions = self.table.list().iter().map(|entry| self.found(entry)).collect();
        // A logon is a session as soon as its password was found good, so none is ever in flight.
        Ok(Listing { sessions, logons_in_flight: 0 })
    }

    fn disconnect(&mut self, session: &FoundSession) -> Result<(), SourceError> {
        self.on(session, SessionTable::disconnect)
    }

    fn log_off(&mut self, session: &FoundSession) -> Result<(), SourceError> {
        self.on(session, SessionTable::log_off)
    }

    fn message(&mut self, session: &FoundSession, text: &str) -> Result<(), SourceError> {
        self.on(session, |table, number| table.message(number, text))
    }
}

fn since_1970_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Look;
    use hostler_model::{ItemId, Launch, Name};

    #[test]
    fn what_the_agent_sees_and_does() {
        let (table, items) = (SessionTable::default(), ItemBook::default());
        let desktop = items.name(ItemId([1; 16]), &Launch::Desktop).unwrap();
        let stray: Name = "Stray".parse().unwrap();
        let mut source = TableSource::new(table.clone(), items.clone());
        assert_eq!((source.name(), source.kind()), ("demo", SessionKind::PerItem));
        let alice = table.attach(&"alice".parse().unwrap(), &desktop, &[]).unwrap();
        drop(table.attach(&"bob".parse().unwrap(), &stray, &[]).unwrap());

        let listing = source.list().unwrap();
        let seen: Vec<_> = listing.sessions.iter().map(|s| (s.user.as_str(), s.item, s.state)).collect();
        let item = Some(ItemId([1; 16]));
        assert_eq!(seen, [("alice", item, FoundState::Active), ("bob", None, FoundState::Disconnected)]);
        assert_eq!(source.list().unwrap(), listing, "the same as long as nothing happens");
        let (hers, his) = (&listing.sessions[0], &listing.sessions[1]);
        assert_ne!(hers.key, his.key);
        let other_run = TableSource { run: "earlier".into(), ..TableSource::new(table.clone(), items) };
        assert_ne!(other_run.found(&table.list()[0]).key, hers.key, "each run has keys of its own");

        source.message(hers, "Back up at noon").unwrap();
        assert!(matches!(alice.look(), Look::Shown(view) if view.message.as_deref() == Some("Back up at noon")));
        let long = source.message(hers, &"x".repeat(TEXT_BYTES + 1));
        assert!(matches!(long, Err(SourceError::MessageTooLong { bytes: 1_025, limit: TEXT_BYTES })));
        source.disconnect(hers).unwrap();
        assert_eq!(alice.look(), Look::Detached);
        source.log_off(his).unwrap();
        assert_eq!(source.list().unwrap().sessions.len(), 1);
        for result in [source.disconnect(his), source.log_off(his), source.message(his, "hello")] {
            assert!(matches!(result, Err(SourceError::Gone { .. })));
        }
    }
}
