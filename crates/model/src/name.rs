//! Validated names: of things that administrators name, and of users. They are copied again and again, so a short one
//! takes no memory of its own.

use crate::limits;
use serde::{Deserialize, Serialize, Serializer};
use smol_str::SmolStr;
use std::fmt;
use std::str::FromStr;

/// Why a text is not a name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// Nothing in it.
    #[error("a name must not be empty")]
    Empty,
    /// Too long for tables and file names.
    #[error("a name may have {max} bytes at most; this one has {0}", max = limits::NAME_BYTES)]
    TooLong(usize),
    /// A character that would need escaping somewhere.
    #[error("{0:?} can't be part of a name: use letters, digits, spaces inside, and any of . _ - ( ) ~")]
    Character(char),
}

/// The name of a broker, a host, a published item and so on: letters, digits, `. _ - ( ) ~`, and spaces inside.
/// Two names are the same where they differ in case only: see [`Name::key`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(SmolStr);

impl Name {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What to compare: the name in lower case.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// This name with `~n` behind it, shortened where it would become too long: for the later one of two things that
    /// were given the same name on two sides of a cut network.
    #[must_use]
    pub fn with_suffix(&self, n: u32) -> Self {
        let suffix = format!("~{n}");
        let mut base = self.0.to_string();
        while base.len() + suffix.len() > limits::NAME_BYTES {
            base.pop();
        }
        Self(format!("{}{suffix}", base.trim_end()).into())
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        let s = s.trim();
        if s.is_empty() {
            return Err(NameError::Empty);
        }
        if s.len() > limits::NAME_BYTES {
            return Err(NameError::TooLong(s.len()));
        }
        match s.chars().find(|c| !c.is_alphanumeric() && !" ._-()~".contains(*c)) {
            Some(c) => Err(NameError::Character(c)),
            None => Ok(Self(s.into())),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(s: String) -> Result<Self, NameError> {
        s.parse()
    }
}

impl From<Name> for String {
    fn from(n: Name) -> Self {
        n.0.into()
    }
}

/// As its text, without the copy that serde's `into` would make.
impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is not a user name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UserNameError {
    /// Nothing in it.
    #[error("a user name must not be empty")]
    Empty,
    /// Longer than any directory allows.
    #[error("a user name may have {max} bytes at most; this one has {0}", max = limits::USER_NAME_BYTES)]
    TooLong(usize),
    /// A character that no host would take, or that would break a line of text.
    #[error("{0:?} can't be part of a user name")]
    Character(char),
}

/// A user's name, in lower case: hosts and directories differ in whether case matters, so two users must not differ in
/// case only. `user@domain` is kept whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct UserName(SmolStr);

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserNameError;
    fn from_str(s: &str) -> Result<Self, UserNameError> {
        if s.is_empty() {
            return Err(UserNameError::Empty);
        }
        if s.len() > limits::USER_NAME_BYTES {
            return Err(UserNameError::TooLong(s.len()));
        }
        let bad = |c: &char| c.is_control() || c.is_whitespace() || "/\\:*?\"<>|;,=+[]'`$&(){}#!%^".contains(*c);
        match s.chars().find(bad) {
            Some(c) => Err(UserNameError::Character(c)),
            None => {
                let lower = s.to_lowercase();
                if lower.len() > limits::USER_NAME_BYTES {
                    return Err(UserNameError::TooLong(lower.len()));
                }
                Ok(Self(lower.into()))
            }
        }
    }
}

impl TryFrom<String> for UserName {
    type Error = UserNameError;
    fn try_from(s: String) -> Result<Self, UserNameError> {
        s.parse()
    }
}

impl From<UserName> for String {
    fn from(n: UserName) -> Self {
        n.0.into()
    }
}

/// As its text, without the copy that serde's `into` would make.
impl Serialize for UserName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "Office desktop", "rdsh-01.example", "Büro (2)"] {
            assert_eq!(good.parse::<Name>().map(String::from), Ok(good.to_string()));
        }
        for (bad, error) in [
            ("  ", NameError::Empty),
            ("a/b", NameError::Character('/')),
            ("a\nb", NameError::Character('\n')),
            (&"x".repeat(65), NameError::TooLong(65)),
        ] {
            assert_eq!(bad.parse::<Name>(), Err(error));
        }
        let long: Name = "x".repeat(64).parse().unwrap();
        assert_eq!(long.with_suffix(12).as_str(), format!("{}~12", "x".repeat(61)));
    }

    #[test]
    fn user_names() {
        for (text, want) in [
            ("Alice", Ok("alice")),
            ("bob@Example.org", Ok("bob@example.org")),
            ("", Err(UserNameError::Empty)),
            ("a b", Err(UserNameError::Character(' '))),
            ("a\\b", Err(UserNameError::Character('\\'))),
        ] {
            assert_eq!(text.parse::<UserName>().map(String::from), want.map(str::to_string));
        }
    }
}
