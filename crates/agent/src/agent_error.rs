//! Why an agent does not run.

use crate::store::StoreError;
use hostler_wire::EndpointError;
use std::io;

/// Why an agent does not run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It was started outside a tokio runtime.
    #[error("the agent was started outside a tokio runtime, which its links need; start it from within one")]
    NoRuntime,
    /// What it keeps on disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Neither its configuration nor its disk says whom to connect to.
    #[error("the agent knows no broker to connect to; join the farm again (hostler join)")]
    NoBrokers,
    /// Its socket.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A thread could not be started.
    #[error("the agent can't start a thread for {what}: {error}; is the limit of processes reached?")]
    Thread {
        /// What for.
        what: &'static str,
        /// The system's reason.
        error: io::Error,
    },
    /// Its main actor has ended, which nobody asked for.
    #[error("the agent's main actor has ended by an error of its own, see the log above; start the agent again")]
    Ended,
}
