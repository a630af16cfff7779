//! Reading everything at a start: the disk on one thread, what is to be done with each event on several.

use super::{RocksReader, broken_link, parse};
use bytes::Bytes;
use hostler_events::{Hash, StoredEvent};
use hostler_log::LogError;
use hostler_model::Feed;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Events that a thread is given at once.
const BATCH: usize = 1_024;
/// Batches that wait for one thread.
const WAITING: usize = 4;
/// Threads at most: the disk's thread can't feed more.
const THREADS: usize = 4;

type Batch = Vec<(Feed, u64, Bytes)>;

/// A batch that is done: what was made of it, and what ties it to the one before and the one after.
struct Done<T> {
    made: Vec<T>,
    first: StoredEvent,
    last: (Feed, Hash),
}

impl RocksReader {
    /// All events in the order of feed and place, each turned into something else. `make` is called on several threads
    /// at once. It sees the log as it was at the beginning, and checks what [`RocksReader::scan`] checks.
    ///
    /// # Errors
    /// Where the disk fails or what it holds is damaged.
    pub fn collect<T: Send>(&self, make: impl Fn(StoredEvent) -> T + Sync) -> Result<Vec<T>, LogError> {
        let others = self.branches().clone();
        let heads = self.heads();
        let count = thread::available_parallelism().map_or(1, usize::from).clamp(1, THREADS);
        let make = &make;
        let (read, done) = thread::scope(|scope| {
            let (senders, threads): (Vec<SyncSender<Batch>>, Vec<_>) = (0..count)
                .map(|_| {
                    let (sender, batches) = sync_channel(WAITING);
                    (sender, scope.spawn(move || work(&batches, make)))
                })
                .unzip();
            let read = self.hand_out(&heads, &senders);
            drop(senders);
            let panicked = || Err(LogError::Io("a thread that reads it panicked".into()));
            let done: Vec<_> = threads.into_iter().map(|t| t.join().unwrap_or_else(|_| panicked())).collect();
            (read, done)
        });
        // A damaged event ends its thread, and the reading after that: its error comes first.
        let mut done = done.into_iter().map(|d| d.map(Vec::into_iter)).collect::<Result<Vec<_>, _>>()?;
        read?;
        let mut all = Vec::with_capacity(usize::try_from(self.count()).unwrap_or(0));
        let mut before: Option<(Feed, Hash)> = None;
        // They were handed out in turns.
        for at in (0..count).cycle() {
            let Some(Done { made, first, last }) = done[at].next() else { break };
            let previous = before.filter(|(feed, _)| *feed == first.header().feed).map_or(Hash::ZERO, |(_, hash)| hash);
            if first.header().previous != previous {
                return Err(broken_link(&first));
            }
            all.extend(made);
            before = Some(last);
        }
        all.extend(others.iter().cloned().map(make));
        Ok(all)
    }

    fn hand_out(&self, heads: &hostler_events::Frontier, to: &[SyncSender<Batch>]) -> Result<(), LogError> {
        let mut result = Ok(());
        let mut batch = Vec::with_capacity(BATCH);
        let mut turns = to.iter().cycle();
        self.walk_to(heads, &mut |feed, seq, bytes| {
            match bytes {
                Ok(bytes) => batch.push((feed, seq, bytes)),
                Err(error) => {
                    result = Err(error);
                    return ControlFlow::Break(());
                }
            }
            if batch.len() < BATCH {
                return ControlFlow::Continue(());
            }
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            let sent = turns.next().map(|thread| thread.send(full).is_ok());
            if sent == Some(true) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if let Some(thread) = turns.next()
            && !batch.is_empty()
        {
            // A thread that has ended says why.
            let _ = thread.send(batch);
        }
        result
    }
}

fn work<T>(batches: &Receiver<Batch>, make: &impl Fn(StoredEvent) -> T) -> Result<Vec<Done<T>>, LogError> {
    let mut done = Vec::new();
    for batch in batches {
        let mut made = Vec::with_capacity(batch.len());
        let mut ends: Option<(StoredEvent, (Feed, Hash))> = None;
        for (feed, seq, bytes) in batch {
            let event = parse(bytes, feed, seq)?;
            let hash = event.hash();
            match &mut ends {
                None => ends = Some((event.clone(), (feed, hash))),
                Some((_, last)) => {
                    let previous = if last.0 == feed { last.1 } else { Hash::ZERO };
                    if event.header().previous != previous {
                        return Err(broken_link(&event));
                    }
                    *last = (feed, hash);
                }
            }
            made.push(make(event));
        }
        let Some((first, last)) = ends else { continue };
        done.push(Done { made, first, last });
    }
    Ok(done)
}
