//! Being told to stop.

use std::future::Future;
use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// Listens from now on for the signals that tell a process to stop; the result waits for the first of them and gives
/// its name.
///
/// # Errors
/// Where the system does not let the process listen.
pub(crate) fn told() -> io::Result<impl Future<Output = &'static str>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "Ctrl-C",
            _ = terminate.recv() => "SIGTERM",
            _ = hang_up.recv() => "SIGHUP",
        }
    })
}
