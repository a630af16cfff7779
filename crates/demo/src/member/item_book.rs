//! The published items that were started on this host, and what they are called here. A seat names its item by an id
//! and says what to start; the item's name is the brokers' business, so a host makes up its own.

use hostler_model::{ItemId, Launch, Name};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Items that a host knows at once.
pub(super) const ITEMS: usize = 1_024;
/// What a desktop is called.
const DESKTOP: &str = "Desktop";
/// What an application is called whose command has no letters.
const APPLICATION: &str = "Application";
/// The longest part of a command that becomes a name, in letters.
const LETTERS: usize = 24;

/// Names by items, each name for one item only. A clone is the same book.
#[derive(Clone, Default)]
pub(super) struct ItemBook(Arc<Mutex<BTreeMap<ItemId, Name>>>);

impl ItemBook {
    /// What an item is called here; it is entered where it is new. `None` where the book is full.
    pub(super) fn name(&self, item: ItemId, launch: &Launch) -> Option<Name> {
        let mut names = self.names();
        if let Some(name) = names.get(&item) {
            return Some(name.clone());
        }
        let plain = plain_name(launch);
        let taken = |wanted: &Name| names.values().any(|name| name.key() == wanted.key());
        let candidates = [plain.clone(), format!("{plain} {}", item.short()), format!("{plain} {item}")];
        let name = candidates.iter().filter_map(|text| text.parse().ok()).find(|name| !taken(name))?;
        if names.len() >= ITEMS {
            return None;
        }
        names.insert(item, name.clone());
        Some(name)
    }

    /// The item with this name.
    pub(super) fn item(&self, name: &Name) -> Option<ItemId> {
        self.names().iter().find(|(_, known)| known.key() == name.key()).map(|(item, _)| *item)
    }

    fn names(&self) -> MutexGuard<'_, BTreeMap<ItemId, Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an item of this name is what a plain client means that names no item.
pub(super) fn is_desktop(name: &Name) -> bool {
    name.as_str().starts_with(DESKTOP)
}

fn plain_name(launch: &Launch) -> String {
    let Launch::Application { command } = launch else { return DESKTOP.to_string() };
    let program = command.split_whitespace().next().unwrap_or_default();
    let base = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let letters = base.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).take(LETTERS);
    let name: String = letters.collect();
    // An application must not look like a desktop, which is what those get who name nothing.
    if name.is_empty() || name.starts_with(DESKTOP) { APPLICATION.to_string() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(command: &str) -> Launch {
        Launch::Application { command: command.to_string() }
    }

    #[test]
    fn names() {
        let book = ItemBook::default();
        for (id, launch, want) in [
            (1, Launch::Desktop, "Desktop"),
            (2, Launch::Desktop, "Desktop aibaeaqc"),
            (1, application("no longer looked at"), "Desktop"),
            (3, application("/usr/bin/xterm -e top"), "xterm"),
            (4, application("XTERM"), "XTERM aqcaibae"),
            (5, application("C:\\Program"), "Program"),
            (6, application("\u{1F980}"), "Application"),
            (7, application("Desktop"), "Application a4dqobyh"),
            (8, application(&"x".repeat(1_000)), "xxxxxxxxxxxxxxxxxxxxxxxx"),
        ] {
            let item = ItemId([id; 16]);
            let name = book.name(item, &launch).unwrap();
            assert_eq!(name.as_str(), want);
            assert_eq!((book.name(item, &launch), book.item(&name)), (Some(name.clone()), Some(item)));
            assert_eq!(is_desktop(&name), id < 3, "{name}");
        }
        assert_eq!(book.item(&"xTerm".parse().unwrap()), Some(ItemId([3; 16])), "case does not matter");
        assert_eq!(book.item(&"vi".parse().unwrap()), None);
    }

    #[test]
    fn a_full_book_takes_known_items_only() {
        let book = ItemBook::default();
        let item = |n: usize| ItemId(u128::try_from(n).unwrap().to_be_bytes());
        for n in 0..ITEMS {
            assert!(book.name(item(n), &application(&format!("program{n}"))).is_some());
        }
        assert_eq!(book.name(item(ITEMS), &application("late")), None);
        assert_eq!(book.name(item(0), &Launch::Desktop).unwrap().as_str(), "program0");
    }
}
