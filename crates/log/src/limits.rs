//! Limits that only logs need.

use hostler_model::limits;

/// Events in one batch, and in one group of batches that share a sync.
pub const GROUP_EVENTS: usize = 1_024;
/// Bytes of events in one batch, and in one group of batches that share a sync.
pub const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that one read hands out at most, whatever was asked for.
pub const READ_BYTES: usize = GROUP_BYTES;
/// Bytes of one checkpoint.
pub const CHECKPOINT_BYTES: usize = 256 * 1024 * 1024;
/// How many checkpoints are kept: the second is there for when something arrives that is older than the latest.
pub const CHECKPOINTS: usize = 2;
/// Bytes of one small durable value.
pub const STATE_BYTES: usize = limits::FRAME_BYTES;
/// Bytes of the other branches of forked feeds: all of them are in memory.
pub const BRANCH_BYTES: usize = 256 * 1024 * 1024;
/// Feeds in one log: a frontier names them all.
pub const FEEDS: usize = limits::FRONTIER_HEADS;
