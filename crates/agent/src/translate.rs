//! From what a session source says to what the machine of the host takes.

use crate::sources;
use hostler_model::limits::USER_NAME_BYTES;
use hostler_model::{UserName, UserNameError, Wall};
use hostler_seating::admission::FoundSession;
use hostler_seating::report::{SessionKind, SessionState};

/// Stands for what no user name of the farm may contain, so that the account is nobody's namesake.
const STRANGE: char = '\u{FFFD}';

pub(crate) fn kind(kind: sources::SessionKind) -> SessionKind {
    match kind {
        sources::SessionKind::PerUser => SessionKind::PerUser,
        sources::SessionKind::PerItem => SessionKind::PerItem,
    }
}

pub(crate) fn session(found: &sources::FoundSession) -> FoundSession {
    FoundSession {
        key: found.key.clone(),
        user: user(&found.user),
        item: found.item,
        state: match found.state {
            sources::SessionState::Active => SessionState::Active,
            sources::SessionState::Disconnected => SessionState::Disconnected,
        },
        started: Wall(found.started_at_ms),
    }
}

/// The account's name. One that can't be a user of the farm is changed and not left out: its session takes a place all
/// the same, and an administrator must see it.
fn user(account: &str) -> UserName {
    let mut name: String = if account.is_empty() { STRANGE.into() } else { account.into() };
    loop {
        match name.parse() {
            Ok(user) => return user,
            // Each round takes one character away for good, or makes the name shorter.
            Err(UserNameError::Character(c)) => name = name.replace(c, &STRANGE.to_string()),
            Err(UserNameError::Empty | UserNameError::TooLong(_)) => {
                let mut end = name.len().saturating_sub(1).min(USER_NAME_BYTES);
                while !name.is_char_boundary(end) {
                    end -= 1;
                }
                name.truncate(end);
                if name.is_empty() {
                    name.push(STRANGE);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_has_a_name() {
        let long = "ä".repeat(200);
        for (account, name) in [
            ("Alice", "alice"),
            ("uid-1001", "uid-1001"),
            ("DOMAIN\\bob", "domain\u{FFFD}bob"),
            ("a b\nc", "a\u{FFFD}b\u{FFFD}c"),
            ("", "\u{FFFD}"),
            ("\\", "\u{FFFD}"),
            (&long, &"ä".repeat(128)),
            (&"\\".repeat(256), &"\u{FFFD}".repeat(85)),
        ] {
            assert_eq!(user(account).as_str(), name);
        }
    }
}
