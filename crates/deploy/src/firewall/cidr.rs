//! A part of the network that may come in.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A part of the network: 10.0.0.0/8, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cidr(IpNet);

/// Why a text is no part of a network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CidrError {
    /// It is something else.
    #[error("{0:?} is no part of a network: write 10.0.0.0/8, 2001:db8::/32 or one address")]
    Malformed(String),
    /// It names an address inside.
    #[error("{0} names an address in a network; the network is {1}")]
    Inside(String, String),
}

impl Cidr {
    /// Whether it is of the newer protocol.
    pub(crate) fn is_v6(&self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let net = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
        let net = net.map_err(|_| CidrError::Malformed(text.to_string()))?;
        if net.trunc() != net {
            return Err(CidrError::Inside(text.to_string(), net.trunc().to_string()));
        }
        Ok(Self(net))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood() {
        for (text, want) in [
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("10.1.2.3", Ok("10.1.2.3/32")),
            ("2001:db8::/32", Ok("2001:db8::/32")),
            ("10.1.2.3/8", Err("10.1.2.3/8 names an address in a network; the network is 10.0.0.0/8")),
            (
                "10.0.0.0/33",
                Err("\"10.0.0.0/33\" is no part of a network: write 10.0.0.0/8, 2001:db8::/32 or one address"),
            ),
            (
                "any; reboot",
                Err("\"any; reboot\" is no part of a network: write 10.0.0.0/8, 2001:db8::/32 or one address"),
            ),
        ] {
            let got = text.parse::<Cidr>().map(|cidr| cidr.to_string()).map_err(|error| error.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), want);
        }
    }
}
