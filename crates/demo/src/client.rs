//! An RDP client without a window: it logs on, receives the picture, and keeps the connection until it is dropped.
//! For the demo's simulated users and for tests. It accepts every certificate, so it is nobody's real client.

mod any_certificate;
mod coverage;
mod live;
mod log_on;
mod session;

use self::live::Live;
use self::log_on::log_on;
use self::session::Session;
use anyhow::{Context, bail, ensure};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a reader that waits for the first picture looks whether its time is up.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A desktop that was reached: its picture, and the connection to it. Dropping it disconnects.
pub struct Desktop {
    live: Arc<Live>,
    socket: TcpStream,
    thread: Option<JoinHandle<()>>,
}

/// Logs `user` on at `address` and waits for the first complete picture, all within `timeout`. The first packet carries
/// the routing token, if there is one, else a cookie with the user's name. A thread keeps the connection going.
///
/// # Errors
/// The message says which step failed, and what the other side said about it.
pub fn connect(
    address: SocketAddr,
    user: &str,
    password: &str,
    routing_token: Option<&str>,
    timeout: Duration,
) -> anyhow::Result<Desktop> {
    let deadline = Instant::now() + timeout;
    let (framed, socket, connected) = log_on(address, user, password, routing_token, deadline)
        .with_context(|| format!("{user} could not log on at {address}"))?;
    socket.set_read_timeout(Some(LOOK_AGAIN))?;
    let live = Arc::new(Live::new(connected.desktop_size));
    let mut session = Session::new(framed, connected, Arc::clone(&live));
    while !session.is_complete() {
        ensure!(Instant::now() < deadline, "{user} got no complete picture from {address} in time");
        if let Some(end) = session.advance()? {
            bail!("{address} ended the connection of {user} before its picture was there: {end}");
        }
    }
    socket.set_read_timeout(None)?;
    let thread = std::thread::Builder::new().name("rdp client".to_string()).spawn(move || session.keep())?;
    Ok(Desktop { live, socket, thread: Some(thread) })
}

impl Desktop {
    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.live.with(|live| (live.image.width(), live.image.height()))
    }

    /// The pixels as they are now: red, green, blue and one byte without meaning, row by row from the top.
    #[must_use]
    pub fn pixels(&self) -> Vec<u8> {
        self.live.with(|live| live.image.data().to_vec())
    }

    /// Red, green and blue at a place. `None` outside the picture.
    #[must_use]
    pub fn pixel(&self, x: u16, y: u16) -> Option<[u8; 3]> {
        self.live.with(|live| {
            let inside = x < live.image.width() && y < live.image.height();
            let start = usize::from(y) * live.image.stride() + usize::from(x) * live.image.bytes_per_pixel();
            live.image.data().get(start..start + 3).filter(|_| inside)?.try_into().ok()
        })
    }

    /// How often something new was drawn since the connection began.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.live.with(|live| live.changes)
    }

    /// Why the connection ended. `None` while it lives.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.live.with(|live| live.ended.clone())
    }

    /// Waits until `found` is true of this desktop, for `timeout` at most; says whether it is. It looks whenever
    /// something was drawn, and when the connection ended.
    #[must_use]
    pub fn wait_until(&self, timeout: Duration, mut found: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            let seen = self.live.with(|live| live.version());
            if found(self) {
                return true;
            }
            if !self.live.wait_past(seen, deadline) {
                return found(self);
            }
        }
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        // The thread's read fails now, and it ends. Where the connection is gone already, it has ended.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
