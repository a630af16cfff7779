//! The log: what it says, and what is done about it.

use crate::times;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A moment, in ms since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Moment(pub(crate) u64);

/// The log.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogCommand {
    /// The latest events, the newest last
    Tail {
        /// Go on until interrupted
        #[arg(long, short)]
        follow: bool,
        /// How many lines to begin with
        #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        #[command(flatten)]
        only: TailFilter,
    },
    /// One event in full
    Show {
        /// The event's name: b1/12, or as `log tail` shows it
        event: String,
        #[command(flatten)]
        from: FromArg,
    },
    /// Who was master when, who decided that, and on what evidence
    Promotions {
        #[command(flatten)]
        from: FromArg,
    },
    /// Superseded and quarantined events, and what became of them
    Superseded {
        #[command(flatten)]
        from: FromArg,
    },
    /// The farm as it was
    At {
        /// When: 2026-11-22T17:30:00Z, "2026-11-22 17:30" (UTC), or 10m for ten minutes ago
        #[arg(value_parser = moment)]
        time: Moment,
        #[command(flatten)]
        from: FromArg,
    },
    /// What changed between two moments, and by whom
    Diff {
        /// The earlier moment
        #[arg(value_parser = moment)]
        earlier: Moment,
        /// The later moment; now unless given
        #[arg(value_parser = moment)]
        later: Option<Moment>,
        #[command(flatten)]
        from: FromArg,
    },
    /// Let a superseded or quarantined event count after all
    Reapply {
        /// The event's name
        event: String,
    },
    /// Settle a superseded or quarantined event without letting it count
    Discard {
        /// The event's name
        event: String,
        /// Why; the log keeps it
        #[arg(long)]
        reason: String,
    },
    /// Undo an everyday change by a new event
    Revert {
        /// The event that made it
        event: String,
    },
    /// Check every hash and signature of a log, without a broker
    Verify {
        /// A copy of a broker's data directory, or an exported file; this machine's own data unless given
        path: Option<PathBuf>,
    },
    /// Write the whole log into one file that can be verified anywhere
    Export {
        /// The new file
        file: PathBuf,
        #[command(flatten)]
        from: FromArg,
    },
}

/// Which events are wanted.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TailFilter {
    /// Only what this administrator or token wanted, or "system"
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only what touches this thing: a name or a whole id
    #[arg(long)]
    pub(crate) thing: Option<String>,
    /// Only events of this class
    #[arg(long, value_enum)]
    pub(crate) class: Option<ClassArg>,
    /// Only events in this lane
    #[arg(long, value_enum)]
    pub(crate) lane: Option<LaneArg>,
    /// Only events of this type, for instance host.joined
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) what: Option<String>,
    /// Not before
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Moment>,
    /// Not after
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Moment>,
}

/// Where the log is, where no broker is to be asked.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FromArg {
    /// Read a copy of a data directory or an exported file instead of asking a broker
    #[arg(long = "from", value_name = "DIRECTORY|FILE")]
    pub(crate) path: Option<PathBuf>,
}

/// A class of events.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassArg {
    Structural,
    Everyday,
    Revocation,
}

/// What became of an event.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneArg {
    Applied,
    Superseded,
    Quarantined,
    Orphaned,
}

fn moment(text: &str) -> Result<Moment, String> {
    times::parse(text, crate::context::now_ms()).map(Moment)
}
