//! The event log on a disk, kept by RocksDB: [`RocksLog`], and [`LogWriter`], the thread that makes the writes of many
//! durable with one sync. Old events are in compressed files beside the database; all reading goes through both. What a log takes and refuses is not decided here but in `hostler-log`.

mod archive;
mod archiver;
mod busy;
mod key;
mod open_error;
mod place;
mod queue;
mod reader;
mod rocks_log;
mod snapshot;
mod writer;

pub use archive::ArchiveOptions;
pub use busy::Busy;
pub use open_error::OpenError;
pub use queue::QUEUE_BYTES;
pub use reader::RocksReader;
pub use rocks_log::RocksLog;
pub use snapshot::{Snapshot, SnapshotError};
pub use writer::{Done, Fatal, LogHandle, LogWriter};
