//! Which user a name in a first packet means. Clients differ: FreeRDP sends the name in full and without its domain,
//! mstsc sends nine characters, and what it cuts may begin with `DOMAIN\`.

use hostler_model::UserName;

/// From this many characters on, a name may have been cut off by the client, its domain included.
pub const CUT_HINT_CHARACTERS: usize = 9;

/// Whom a hint means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UserMatch {
    /// This user's name stands there in full.
    Exact(UserName),
    /// The hint may be cut off, and is the beginning of this one known name.
    UniquePrefix(UserName),
    /// The hint may be cut off, and is the beginning of several known names: refuse.
    Ambiguous,
    /// Nobody's name: refuse.
    Unknown,
}

/// The name in a hint, without `DOMAIN\`; `None` where it can't be the beginning of a user's name. Names that begin
/// with it come directly after it in order, so a caller with a sorted map can begin to look here.
#[must_use]
pub fn hinted_name(hint: &str) -> Option<UserName> {
    hint.rsplit_once('\\').map_or(hint, |(_, name)| name).parse().ok()
}

/// Finds the user that a hint means among the known names, which must come in ascending order. Names before the hinted
/// one may be left out.
pub fn match_user<'a>(hint: &str, known_sorted: impl Iterator<Item = &'a UserName>) -> UserMatch {
    let Some(name) = hinted_name(hint) else { return UserMatch::Unknown };
    let may_be_cut = hint.chars().count() >= CUT_HINT_CHARACTERS;
    let mut longer = known_sorted
        .skip_while(|known| **known < name)
        .take_while(|known| known.as_str().starts_with(name.as_str()))
        .peekable();
    // A full name wins over longer ones: whoever has a long name that begins with another's must use a ticket.
    if longer.peek() == Some(&&name) {
        return UserMatch::Exact(name);
    }
    match (may_be_cut, longer.next(), longer.next()) {
        (true, Some(only), None) => UserMatch::UniquePrefix(only.clone()),
        (true, Some(_), Some(_)) => UserMatch::Ambiguous,
        _ => UserMatch::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints() {
        let known =
            ["alice", "alice.longname", "bob", "christopher", "maximilia", "maximilian", "veronica.a", "veronica.b"];
        let known: Vec<UserName> = known.iter().map(|n| n.parse().unwrap()).collect();
        let exact = |n: &str| UserMatch::Exact(n.parse().unwrap());
        let cut = |n: &str| UserMatch::UniquePrefix(n.parse().unwrap());
        for (hint, want) in [
            ("alice", exact("alice")),
            ("ALICE", exact("alice")),
            ("CORP\\alice", exact("alice")),
            ("alic", UserMatch::Unknown),
            ("CORP\\alic", UserMatch::Ambiguous),
            ("CORP\\bo", UserMatch::Unknown),
            ("CORPOR\\bo", cut("bob")),
            ("CORPORAT\\", UserMatch::Unknown),
            ("christoph", cut("christopher")),
            ("christop", UserMatch::Unknown),
            ("christopherus", UserMatch::Unknown),
            ("maximilia", exact("maximilia")),
            ("maximilian", exact("maximilian")),
            ("veronica.", UserMatch::Ambiguous),
            ("zacharias", UserMatch::Unknown),
            ("", UserMatch::Unknown),
            ("a b", UserMatch::Unknown),
            ("alice\0\0\0\0\0", UserMatch::Unknown),
        ] {
            assert_eq!(match_user(hint, known.iter()), want, "{hint:?}");
            if let Some(name) = hinted_name(hint) {
                let from = known.partition_point(|k| *k < name);
                assert_eq!(match_user(hint, known[from..].iter()), want, "{hint:?}, from the hinted name on");
            }
        }
        assert_eq!(match_user("alice", std::iter::empty()), UserMatch::Unknown);
    }
}
