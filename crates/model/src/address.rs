//! Where something listens: a host name or an IP address, and a port.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Why a text is not an address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// No port.
    #[error("{0:?} has no port: write HOST:PORT, and [ADDRESS]:PORT for IPv6")]
    NoPort(String),
    /// Not a port.
    #[error("{0:?} does not end in a port from 1 to 65535")]
    Port(String),
    /// Neither an IP address nor a host name.
    #[error("{0:?} is neither an IP address nor a host name")]
    Host(String),
}

/// A host name or an IP address, and a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Checks a host name or IP address and puts the port behind it.
    ///
    /// # Errors
    /// Where `host` is neither an IP address nor a host name, or the port is 0.
    pub fn new(host: &str, port: u16) -> Result<Self, AddressError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_name = !host.is_empty()
            && host.len() <= crate::limits::HOST_NAME_BYTES
            && host.split('.').all(|l| {
                !l.is_empty()
                    && l.len() <= 63
                    && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
                    && !l.starts_with('-')
            });
        if port == 0 {
            return Err(AddressError::Port(format!("{host}:0")));
        }
        if bare.parse::<IpAddr>().is_err() && !is_name {
            return Err(AddressError::Host(host.chars().take(64).collect()));
        }
        Ok(Self { host: bare.to_string(), port })
    }

    /// The host name or IP address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same machine, another port.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(s: &str) -> Result<Self, AddressError> {
        let (host, port) = s.rsplit_once(':').ok_or_else(|| AddressError::NoPort(s.chars().take(64).collect()))?;
        if host.contains(':') && !host.starts_with('[') {
            return Err(AddressError::NoPort(s.chars().take(64).collect()));
        }
        let port = port.parse().map_err(|_| AddressError::Port(s.chars().take(64).collect()))?;
        Self::new(host, port)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(s: String) -> Result<Self, AddressError> {
        s.parse()
    }
}

impl From<Address> for String {
    fn from(a: Address) -> Self {
        a.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["127.0.0.1:3389", "rdsh1.example:20003", "[::1]:443"] {
            assert_eq!(good.parse::<Address>().map(|a| a.to_string()), Ok(good.to_string()));
        }
        for (bad, error) in [
            ("rdsh1", AddressError::NoPort("rdsh1".into())),
            ("::1", AddressError::NoPort("::1".into())),
            ("a:b", AddressError::Port("a:b".into())),
            ("a:0", AddressError::Port("a:0".into())),
            ("a b:1", AddressError::Host("a b".into())),
            ("-x:1", AddressError::Host("-x".into())),
        ] {
            assert_eq!(bad.parse::<Address>(), Err(error));
        }
    }
}
