//! Keeps labs on one machine apart. Hosts share the machine's network, so addresses, ports and display numbers (X has
//! sockets in the network's namespace) must differ between labs and between the hosts of one.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use anyhow::{Context, Result, bail};

/// How many labs may be up on one machine at once.
const SLOTS: u8 = 16;
/// How many hosts one lab may have.
pub(super) const MAX_HOSTS: u8 = 9;
/// Addresses 127.77.SLOT.x belong to labs.
const NETWORK: u8 = 77;
/// Hosts are at 127.77.SLOT.101 and on.
const FIRST_HOST: u8 = 100;
/// Where sesman listens on 127.0.0.1: below the ports that the system gives to outgoing connections.
const FIRST_SESMAN_PORT: u16 = 23_500;
/// Far above the displays that people use.
const FIRST_DISPLAY: u32 = 1_000;
/// sesman makes at most 50 sessions.
const DISPLAYS_PER_HOST: u32 = 100;

/// A number that no other lab on this machine has, held as the name of a socket in the network's own namespace: it
/// leaves nothing on disk, and is free again when the program ends.
#[derive(Debug)]
pub(crate) struct Slot {
    number: u8,
    _held: UnixListener,
}

impl Slot {
    pub(crate) fn take() -> Result<Self> {
        for number in 0..SLOTS {
            let name = SocketAddr::from_abstract_name(format!("hostler-lab-slot-{number}"))?;
            match UnixListener::bind_addr(&name) {
                Ok(held) => return Ok(Self { number, _held: held }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(error).context("can't reserve addresses for a lab"),
            }
        }
        bail!("{SLOTS} labs are up on this machine; wait until one ends")
    }

    pub(crate) fn ip(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, NETWORK, self.number, number)
    }

    pub(super) fn host_ip(&self, host: u8) -> Ipv4Addr {
        self.ip(FIRST_HOST + host)
    }

    pub(super) fn sesman_port(&self, host: u8) -> u16 {
        FIRST_SESMAN_PORT + u16::from(self.number) * 10 + u16::from(host)
    }

    pub(super) fn first_display(&self, host: u8) -> u32 {
        FIRST_DISPLAY + (u32::from(self.number) * u32::from(MAX_HOSTS + 1) + u32::from(host)) * DISPLAYS_PER_HOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_labs_share_nothing() {
        let (one, two) = (Slot::take().unwrap(), Slot::take().unwrap());
        assert_ne!(one.number, two.number);
        assert_ne!(one.host_ip(MAX_HOSTS), two.host_ip(MAX_HOSTS));
        let mut ports = Vec::new();
        let mut displays = Vec::new();
        for slot in [&one, &two] {
            for host in 1..=MAX_HOSTS {
                ports.push(slot.sesman_port(host));
                displays.push(slot.first_display(host));
            }
        }
        for list in [ports.into_iter().map(u32::from).collect::<Vec<_>>(), displays] {
            let mut unique = list.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), list.len());
        }
    }
}
