//! A port that must be open for a role.

use hostler_model::{MemberRole, ports};
use std::fmt;
use std::str::FromStr;

/// What runs on a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Protocol {
    /// RDP and HTTPS.
    Tcp,
    /// QUIC.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A port that must be open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Opening {
    /// Its number.
    pub port: u16,
    /// What runs on it.
    pub protocol: Protocol,
}

impl Opening {
    /// A TCP port.
    #[must_use]
    pub fn tcp(port: u16) -> Self {
        Self { port, protocol: Protocol::Tcp }
    }

    /// A UDP port.
    #[must_use]
    pub fn udp(port: u16) -> Self {
        Self { port, protocol: Protocol::Udp }
    }

    /// What a role needs where nothing else is configured.
    #[must_use]
    pub fn usual(role: MemberRole) -> Vec<Self> {
        match role {
            MemberRole::Broker => vec![
                Self::udp(ports::JOIN),
                Self::tcp(ports::ACCESS),
                Self::udp(ports::ACCESS),
                Self::udp(ports::AGENT),
                Self::udp(ports::PEER),
            ],
            MemberRole::Gateway | MemberRole::Agent => vec![Self::tcp(ports::RDP)],
        }
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

impl FromStr for Opening {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (port, protocol) = text.split_once('/').ok_or(())?;
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Err(()),
        };
        Ok(Self { port: port.parse().map_err(drop)?, protocol })
    }
}
