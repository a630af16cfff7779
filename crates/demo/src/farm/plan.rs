//! Which members the farm has, what they are called, and where they listen: loopback addresses that nothing else is
//! likely to use, with the ports that a real farm has.

use anyhow::{Result, bail};
use hostler_model::{MemberRole, ports};
use std::fmt;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// The network of the demo farm.
const NETWORK: [u8; 2] = [127, 77];
/// The gateway's address in it.
const GATEWAY: [u8; 2] = [0, 100];
/// The users of every demo farm.
pub(super) const USERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Their password.
pub(super) const PASSWORD: &str = "demo";
/// The published application's name and command.
pub(super) const APPLICATION: (&str, &str) = ("Notes", "notes");
/// Those who may use it.
pub(super) const APPLICATION_USERS: [&str; 2] = ["alice", "bob"];
/// The fewest sessions that each host takes.
const LEAST_CAP: u32 = 10;

/// One member: what it is, its name, and its address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) role: MemberRole,
    pub(super) name: String,
    pub(super) ip: Ipv4Addr,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Transport {
    Tcp,
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

impl Place {
    fn new(role: MemberRole, name: String, [c, d]: [u8; 2]) -> Self {
        let [a, b] = NETWORK;
        Self { role, name, ip: Ipv4Addr::new(a, b, c, d) }
    }

    /// This member's socket with that port.
    pub(super) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::from((self.ip, port))
    }

    fn listens(&self) -> &'static [(Transport, u16)] {
        use Transport::{Tcp, Udp};
        match self.role {
            MemberRole::Broker => &[
                (Udp, ports::JOIN),
                (Tcp, ports::ACCESS),
                (Udp, ports::ACCESS),
                (Udp, ports::AGENT),
                (Udp, ports::PEER),
            ],
            MemberRole::Gateway | MemberRole::Agent => &[(Tcp, ports::RDP)],
        }
    }
}

/// All members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    pub(super) brokers: Vec<Place>,
    pub(super) gateway: Place,
    pub(super) hosts: Vec<Place>,
    /// The most sessions of each host.
    pub(super) hard_cap: u32,
    /// Logons that each host takes at once.
    pub(super) logon_slots: u32,
}

impl Plan {
    /// A farm for so many simulated users besides the usual ones.
    pub(super) fn new(brokers: u8, hosts: u8, load: u16) -> Self {
        let broker = |n| Place::new(MemberRole::Broker, format!("broker{n}"), [0, n]);
        let host = |n| Place::new(MemberRole::Agent, format!("rdsh{n}"), [1, n]);
        // Twice the room that is needed, so that hosts may come and go.
        let share = (2 * u32::from(load)).div_ceil(u32::from(hosts.max(1)));
        let hard_cap = LEAST_CAP.max(share);
        Self {
            brokers: (1..=brokers).map(broker).collect(),
            gateway: Place::new(MemberRole::Gateway, "gateway1".to_string(), GATEWAY),
            hosts: (1..=hosts).map(host).collect(),
            hard_cap,
            logon_slots: hard_cap,
        }
    }

    /// Looks whether all sockets can be had, before anything is started.
    pub(super) fn probe(&self) -> Result<()> {
        for place in self.brokers.iter().chain([&self.gateway]).chain(&self.hosts) {
            for (transport, port) in place.listens() {
                let at = place.at(*port);
                let bound = match transport {
                    Transport::Tcp => TcpListener::bind(at).map(drop),
                    Transport::Udp => UdpSocket::bind(at).map(drop),
                };
                match bound {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
                        "{} needs {transport} {at}, which is in use: does another demo farm run? Look with: ss -lntup \
                         src {}",
                        place.name,
                        at.ip()
                    ),
                    Err(error) => bail!("{} can't use {transport} {at}: {error}", place.name),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_everybody_is() {
        for (brokers, hosts, load, cap) in [(3, 5, 0, 10), (1, 1, 20, 40), (9, 50, 999, 40), (3, 5, 26, 11)] {
            let plan = Plan::new(brokers, hosts, load);
            assert_eq!((plan.brokers.len(), plan.hosts.len()), (brokers.into(), hosts.into()));
            assert_eq!((plan.hard_cap, plan.logon_slots), (cap, cap), "{hosts} hosts, {load} users");
        }
        let plan = Plan::new(3, 5, 0);
        let at = |place: &Place| format!("{} {} {}", place.role, place.name, place.ip);
        assert_eq!(at(&plan.brokers[2]), "broker broker3 127.77.0.3");
        assert_eq!(at(&plan.gateway), "gateway gateway1 127.77.0.100");
        assert_eq!(at(&plan.hosts[4]), "agent rdsh5 127.77.1.5");
        assert!(APPLICATION_USERS.iter().all(|user| USERS.contains(user)));
    }

    #[test]
    fn a_socket_that_is_in_use() {
        let place = Place::new(MemberRole::Agent, "elsewhere".to_string(), [250, 250]);
        let alone = |gateway| Plan { brokers: Vec::new(), gateway, hosts: Vec::new(), hard_cap: 1, logon_slots: 1 };
        let plan = alone(place.clone());
        plan.probe().unwrap();
        let _taken = TcpListener::bind(place.at(ports::RDP)).unwrap();
        assert_eq!(
            plan.probe().unwrap_err().to_string(),
            "elsewhere needs TCP 127.77.250.250:3389, which is in use: does another demo farm run? Look with: \
             ss -lntup src 127.77.250.250"
        );
    }
}
