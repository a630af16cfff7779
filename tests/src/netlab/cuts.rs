//! Which addresses the bridge keeps apart. Every change is one transaction of nftables, so all members notice it at the
//! same moment.

use std::net::Ipv4Addr;

use anyhow::Result;

use super::net::feed;

/// The rules of one bridge: what goes from one address of the set to the other is dropped, without an answer.
#[derive(Debug)]
pub(super) struct Cuts {
    switch: String,
}

impl Cuts {
    pub(super) fn new(switch: &str) -> Self {
        Self { switch: switch.to_owned() }
    }

    /// Makes the table; nothing is cut.
    pub(super) fn prepare(&self) -> Result<()> {
        self.nft(
            "table bridge cuts {\n\
             set one_way { type ipv4_addr . ipv4_addr; }\n\
             chain forward { type filter hook forward priority 0; ip saddr . ip daddr @one_way drop; }\n\
             }\n",
        )
    }

    /// Drops what goes from any of the first to any of the second.
    pub(super) fn add(&self, from: &[Ipv4Addr], to: &[Ipv4Addr]) -> Result<()> {
        self.change("add", from, to)
    }

    /// Lets it through again.
    pub(super) fn remove(&self, from: &[Ipv4Addr], to: &[Ipv4Addr]) -> Result<()> {
        // What is added first can be deleted, whether or not it was there.
        self.change("add", from, to)?;
        self.change("delete", from, to)
    }

    /// Lets everything through.
    pub(super) fn clear(&self) -> Result<()> {
        self.nft("flush set bridge cuts one_way\n")
    }

    fn change(&self, what: &str, from: &[Ipv4Addr], to: &[Ipv4Addr]) -> Result<()> {
        let pairs = from.iter().flat_map(|a| to.iter().filter(move |b| *b != a).map(move |b| format!("{a} . {b}")));
        let pairs = pairs.collect::<Vec<_>>().join(", ");
        self.nft(&format!("{what} element bridge cuts one_way {{ {pairs} }}\n"))
    }

    fn nft(&self, script: &str) -> Result<()> {
        feed("ip", &["netns", "exec", &self.switch, "nft", "-f", "-"], script)
    }
}
