//! The name of an xrdp session on its host.

use std::fmt;

/// The process of sesman that stands for the session, and when it began: a pid alone is used again some day.
///
/// Written as `PID-TICKS`, for instance `188-74635`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionKey {
    pub(super) leader: u32,
    pub(super) start_ticks: u64,
}

impl SessionKey {
    /// Reads what `Display` writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (leader, start_ticks) = text.split_once('-')?;
        Some(Self { leader: leader.parse().ok()?, start_ticks: start_ticks.parse().ok()? })
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.leader, self.start_ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let key = SessionKey { leader: 188, start_ticks: 74635 };
        assert_eq!(key.to_string(), "188-74635");
        assert_eq!(SessionKey::parse("188-74635"), Some(key));
        for bad in ["", "188", "188-", "-74635", "188-7-4", "x-1", "4294967296-1"] {
            assert_eq!(SessionKey::parse(bad), None, "{bad}");
        }
    }
}
