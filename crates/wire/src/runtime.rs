//! Where QUIC's own tasks run. Actors live on single-threaded arbiters; a connection that was opened there would be
//! driven there, and stop whenever an actor is busy. So quinn gets a runtime that always spawns onto one given handle.

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;

/// quinn's tokio runtime, bound to one tokio runtime whoever calls it.
pub(crate) struct HandleRuntime(pub(crate) Handle);

impl fmt::Debug for HandleRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleRuntime")
    }
}

impl Runtime for HandleRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        let _entered = self.0.enter();
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(future);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let _entered = self.0.enter();
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> Instant {
        let _entered = self.0.enter();
        TokioRuntime.now()
    }
}
