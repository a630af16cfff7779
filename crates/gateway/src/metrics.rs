//! What a gateway counts. Counters never go back; who shows them takes a [`Counts`] and compares.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// A gateway's counters, shared by all its connections.
        #[derive(Debug, Default)]
        pub struct Metrics { $($(#[$doc])* pub(crate) $name: AtomicU64),+ }

        /// The counters at one moment.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Counts { $($(#[$doc])* pub $name: u64),+ }

        impl Metrics {
            /// The counters now.
            #[must_use]
            pub fn counts(&self) -> Counts {
                Counts { $($name: self.$name.load(Relaxed)),+ }
            }
        }
    };
}

counters! {
    /// Connections that were taken.
    accepted,
    /// Connections that were closed at once, because there were too many of them or of their address.
    over_limit,
    /// Connections whose first bytes were not a connection request, or did not come in time.
    rejected,
    /// Clients that a broker turned away, or who said neither a name nor a ticket.
    turned_away,
    /// Clients that no broker decided about.
    undecided,
    /// Hosts that a broker named and that could not be reached.
    unreachable,
    /// Connections that were carried to a host, all since the start.
    spliced,
    /// Connections that are being carried now.
    carrying,
    /// Bytes from clients to hosts, of connections that have ended.
    to_host_bytes,
    /// Bytes from hosts to clients, of connections that have ended.
    to_client_bytes,
    /// Answers of brokers that did not come in time.
    broker_timeouts,
    /// Lists of brokers that were refused, because they came under a lower epoch than one that had been seen.
    fenced,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Adds one now and takes it away when it is dropped.
pub(crate) struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    pub(crate) fn up(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Relaxed);
        Self(counter)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
