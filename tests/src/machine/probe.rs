//! Knocks at ports from a network, to see which of them answer.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::netlab::Space;

/// Ports, as "20001/udp".
pub type Doors = BTreeSet<String>;

/// Longer than an answer takes on one machine, however busy; a firewall that drops gives none.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// A datagram that is lost is sent again.
const TRIES: u32 = 2;
/// What is knocked at: all ports of a farm, their neighbours, and others that people use.
const OTHERS: [u16; 7] = [22, 53, 80, 443, 5_000, 8_080, 8_443];
const NEIGHBOURS: [std::ops::RangeInclusive<u16>; 2] = [3_380..=3_395, 19_999..=20_035];

/// The ports of `ip` that answer to somebody in `space`.
pub fn answering(space: &Space, ip: Ipv4Addr) -> Result<Doors> {
    space.run(|| {
        let ports: Vec<u16> = OTHERS.into_iter().chain(NEIGHBOURS.into_iter().flatten()).collect();
        thread::scope(|scope| {
            let knocks: Vec<_> = ports
                .iter()
                .flat_map(|port| {
                    let address = SocketAddr::from((ip, *port));
                    [("tcp", scope.spawn(move || tcp(address))), ("udp", scope.spawn(move || udp(address)))]
                        .map(|(protocol, knock)| (format!("{port}/{protocol}"), knock))
                })
                .collect();
            let mut open = Doors::new();
            for (door, knock) in knocks {
                if knock.join().map_err(|_| anyhow!("a knock at {door} has panicked"))?? {
                    open.insert(door);
                }
            }
            Ok(open)
        })
    })
}

fn tcp(address: SocketAddr) -> Result<bool> {
    Ok(TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}

/// A QUIC server answers a version that nobody has with those that it has (RFC 9000, 6.1); anybody else may answer what
/// they like.
fn udp(address: SocketAddr) -> Result<bool> {
    const LONG_HEADER: u8 = 0xc0;
    const UNKNOWN_VERSION: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];
    /// Less gets no answer.
    const FIRST_PACKET_BYTES: usize = 1_200;
    let mut packet = vec![LONG_HEADER];
    packet.extend(UNKNOWN_VERSION);
    for id in [[7_u8; 8], [8; 8]] {
        packet.push(8);
        packet.extend(id);
    }
    packet.resize(FIRST_PACKET_BYTES, 0);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(address).context("no way there")?;
    socket.set_read_timeout(Some(PATIENCE / TRIES))?;
    for _ in 0..TRIES {
        // What an earlier refusal left in the socket comes out here.
        let sent = socket.send(&packet);
        match sent.and_then(|_| socket.recv(&mut [0; 2_048])) {
            Ok(_) => return Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return Ok(false),
        }
    }
    Ok(false)
}
