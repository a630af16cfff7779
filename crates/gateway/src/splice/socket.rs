//! What the relay does to a socket beyond moving bytes.

use std::io;
use std::os::fd::AsRawFd;
use tokio::net::TcpStream;

/// After how long without traffic the kernel asks whether the other end is still there, in s.
pub(super) const KEEPALIVE_IDLE_S: i32 = 60;
/// How long it waits between two such questions, in s.
pub(super) const KEEPALIVE_INTERVAL_S: i32 = 15;
/// After how many unanswered ones the connection is broken: two minutes in all.
pub(super) const KEEPALIVE_PROBES: i32 = 4;

/// Has the system notice ends that vanished, and not hold small packets back: keys and mouse moves are small. What a
/// listening socket is told counts for all connections that come to it (tcp(7)).
///
/// # Errors
/// Where the system does not take it.
pub fn prepare(socket: &impl AsRawFd) -> io::Result<()> {
    for (level, option, value) in [
        (libc::IPPROTO_TCP, libc::TCP_NODELAY, 1),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, KEEPALIVE_IDLE_S),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, KEEPALIVE_PROBES),
    ] {
        let bytes = size_of::<i32>() as libc::socklen_t;
        let value: *const i32 = &value;
        // SAFETY: the socket's descriptor is open, and the value lives until the call is over.
        check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value.cast(), bytes) })?;
    }
    Ok(())
}

/// Tells the other end that nothing more comes.
pub(super) fn shut_down_sending(stream: &TcpStream) -> io::Result<()> {
    // SAFETY: the stream's descriptor is open.
    match check(unsafe { libc::shutdown(stream.as_raw_fd(), libc::SHUT_WR) }) {
        Ok(()) => Ok(()),
        // It is gone already; whoever waits for what it says will hear how.
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(()),
        Err(e) => Err(e),
    }
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
