//! Session hosts as far as a gateway sees them: they read the connection request, confirm it, and then send back what
//! comes. A user whose name begins with [`POURS`] gets bytes without end instead.

use anyhow::{Context, Result};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// With this a user's name begins who gets as much as can be sent.
pub(crate) const POURS: &str = "pour";
/// A connection confirm that chooses TLS (MS-RDPBCGR 2.2.1.2).
pub(crate) const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0];
/// What is read at once, in bytes: an idle session must not need much.
const READ_BYTES: usize = 2 * 1024;
/// What is sent at once, in bytes.
const POUR_BYTES: usize = 256 * 1024;

/// Hosts that listen. Dropping them ends them.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<JoinHandle<()>>);

impl Hosts {
    /// Listens at all these addresses.
    pub(crate) fn listen(runtime: &Handle, at: &[SocketAddr]) -> Result<Self> {
        at.iter().map(|at| listen(runtime, *at)).collect::<Result<_>>().map(Self)
    }

    /// One of them listens no more.
    pub(crate) async fn close(&mut self, nth: usize) {
        self.0[nth].abort();
        // Only then is the port closed; that it was aborted is what was wanted.
        let _ = (&mut self.0[nth]).await;
    }

    /// It listens again.
    pub(crate) fn open(&mut self, runtime: &Handle, nth: usize, at: SocketAddr) -> Result<()> {
        self.0[nth] = listen(runtime, at)?;
        Ok(())
    }
}

fn listen(runtime: &Handle, at: SocketAddr) -> Result<JoinHandle<()>> {
    let listener = runtime.block_on(TcpListener::bind(at)).with_context(|| format!("can't listen at {at}"))?;
    Ok(runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // However it ends, the client sees it.
            tokio::spawn(serve(stream));
        }
    }))
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; READ_BYTES];
    let mut read = 0;
    // The request's length is in its third and fourth byte.
    while read < 4 || read < usize::from(u16::from_be_bytes([buffer[2], buffer[3]])) {
        match stream.read(&mut buffer[read..]).await? {
            0 => return Ok(()),
            n => read += n,
        }
    }
    stream.write_all(&CONFIRM).await?;
    let name = b"mstshash=";
    let pours = buffer[..read]
        .windows(name.len() + POURS.len())
        .any(|w| w[..name.len()] == *name && w.ends_with(POURS.as_bytes()));
    if pours {
        let block = vec![0x5a; POUR_BYTES];
        loop {
            stream.write_all(&block).await?;
        }
    }
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
