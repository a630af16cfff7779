//! What starts in a session.

use serde::{Deserialize, Serialize};

/// What starts in a session.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// The host's desktop.
    Desktop,
    /// One program instead of a desktop, with its arguments.
    Application {
        /// The command line.
        command: String,
    },
}
