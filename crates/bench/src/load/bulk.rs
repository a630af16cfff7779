//! As many bytes as can be had, thrown away in the kernel: reading them must not cost what is measured elsewhere.

use anyhow::{Result, bail};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What is thrown away at once, in bytes.
const BYTES: usize = 1024 * 1024;

/// Flows of bytes that nobody looks at.
#[derive(Debug)]
pub(crate) struct Flows {
    bytes: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Flows {
    /// Begins to read.
    #[must_use]
    pub(crate) fn begin(streams: Vec<TcpStream>) -> Self {
        let (bytes, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let read = |stream: TcpStream| {
            let (bytes, stop) = (bytes.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match stream.async_io(Interest::READABLE, || discard(&stream)).await? {
                        0 => bail!("a flow has ended by itself"),
                        n => bytes.fetch_add(n as u64, Ordering::Relaxed),
                    };
                    tokio::task::consume_budget().await;
                }
                Ok(())
            })
        };
        let tasks = streams.into_iter().map(read).collect();
        Self { bytes, stop, tasks }
    }

    /// How many bytes came so far.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Ends them.
    pub(crate) async fn end(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for mut task in self.tasks {
            // A flow that stands still does not look.
            match tokio::time::timeout(Duration::from_secs(1), &mut task).await {
                Ok(ended) => ended??,
                Err(_) => task.abort(),
            }
        }
        Ok(())
    }
}

/// TCP's MSG_TRUNC takes bytes off the queue without copying them (tcp(7)).
fn discard(stream: &TcpStream) -> std::io::Result<usize> {
    // SAFETY: with MSG_TRUNC nothing is written to the buffer, and the descriptor is open.
    let n =
        unsafe { libc::recv(stream.as_raw_fd(), std::ptr::null_mut(), BYTES, libc::MSG_TRUNC | libc::MSG_DONTWAIT) };
    usize::try_from(n).map_err(|_| std::io::Error::last_os_error())
}
