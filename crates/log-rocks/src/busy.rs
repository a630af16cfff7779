//! Why the writer took nothing.

/// Why the writer took nothing. What was handed over is dropped, and its callback is never called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Busy {
    /// Too much waits already.
    #[error("the log is busy: {waiting} writes wait for the disk; try again shortly")]
    Full {
        /// How many writes wait.
        waiting: usize,
    },
    /// The writer ended, after an error of the disk or because it was closed.
    #[error("the log takes nothing more: it was closed, or its disk failed; start this broker again")]
    Stopped,
}
