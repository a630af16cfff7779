//! How many signed events a second become durable, against what the same disk does with single syncs in the same run;
//! and how fast the stored bytes are read again. `cargo bench -p hostler-log-rocks --bench append [-- --seconds 5]`
//!
//! A plain program rather than a harness of iterations: what counts is many producers at once over some seconds.

use hostler_events::{Event, StoredEvent};
use hostler_log::EventLog;
use hostler_log::testing::Chain;
use hostler_log_rocks::{ArchiveOptions, LogHandle, LogWriter, RocksLog};
use std::fs::File;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

const PRODUCERS: u8 = 64;
const QUEUE: usize = 1_024;
/// Goal: durable signed events a second, on a disk that does so many single syncs.
const GOAL: (f64, f64) = (25_000.0, 5_000.0);

/// What one run did: how long each event took, and how long all of them.
struct Run {
    latencies: Vec<Duration>,
    took: Duration,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|a| a == "--list") {
        return;
    }
    // Without `--bench` it is run as a test: then it only has to work.
    let usual = if arguments.iter().any(|a| a == "--bench") { 5.0 } else { 0.05 };
    let given = arguments.iter().position(|a| a == "--seconds").and_then(|at| arguments.get(at + 1)?.parse().ok());
    let time = Duration::from_secs_f64(given.unwrap_or(usual));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder in the build folder");
    let path = |name: &str| folder.path().join(name);
    let event = Chain::new(1).small();

    println!("events of {} bytes, {time:?} each, in {}", event.bytes().len(), env!("CARGO_TARGET_TMPDIR"));
    println!("{:<54}{:>10}{:>11}{:>11}{:>11}", "", "events/s", "p50", "p99", "× single");
    let show = |name: &str, run: Run, single: Option<f64>| {
        let rate = run.latencies.len() as f64 / run.took.as_secs_f64();
        let mut sorted = run.latencies;
        sorted.sort();
        let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize].as_micros();
        let ratio = single.map_or(String::new(), |single| format!("{:.1}", rate / single));
        println!("{name:<54}{rate:>10.0}{:>8} µs{:>8} µs{ratio:>11}", at(0.5), at(0.99));
        rate
    };
    show("a plain file: write and fdatasync", plain_file(&path("file"), event.bytes(), time), None);
    let single = show("one event, one sync (the disk's measure)", one_by_one(&path("single"), time), None);
    show("64 producers, 64 feeds, signed before", ready_made(&path("ready"), time), Some(single));
    let spread = show("64 producers, 64 feeds, signed by each", signed_by_each(&path("spread"), time), Some(single));
    let author = signed_by_one(&path("author"), time, ArchiveOptions::default());
    let author = show("64 producers, 1 feed, signed by its author", author, Some(single));
    let files = std::fs::read_dir(path("author").join("archive")).map_or(0, Iterator::count);
    let never = ArchiveOptions { segment_events: u64::MAX, ..ArchiveOptions::default() };
    let bare = signed_by_one(&path("bare"), time, never);
    let bare = show("the same, and no events move into the archive", bare, Some(single));
    println!("{files} archive files were written meanwhile; {:.2} of the rate without them", author / bare);
    show("again: one event, one sync", one_by_one(&path("single2"), time), None);
    for (name, rate) in [("64 feeds", spread), ("1 feed", author)] {
        let (ratio, goal) = (rate / single, GOAL.0 / GOAL.1);
        println!("{name}: {rate:.0}/s (goal {:.0}), {ratio:.1} for each single sync (goal {goal:.1})", GOAL.0);
    }
    replay(&path("spread"));
}

fn plain_file(path: &Path, bytes: &[u8], time: Duration) -> Run {
    let mut file = File::create(path).expect("a file");
    repeat(time, || {
        file.write_all(bytes).expect("room on the disk");
        file.sync_data().expect("a disk that works");
    })
}

fn one_by_one(path: &Path, time: Duration) -> Run {
    let mut log = RocksLog::open(path).expect("a log");
    let mut chain = Chain::new(1);
    // Signed before, but not all at once: how many it will be, the disk tells.
    let mut ready = Vec::new();
    let mut latencies = Vec::new();
    let mut took = Duration::ZERO;
    while took < time {
        ready.extend(chain.events(500));
        for event in ready.drain(..) {
            let begin = Instant::now();
            log.append(&[event]).expect("an append");
            latencies.push(begin.elapsed());
            took += begin.elapsed();
        }
    }
    Run { latencies, took }
}

/// What group commit does where signing costs nothing.
fn ready_made(path: &Path, time: Duration) -> Run {
    // As many as a fast disk would take; if they run out, the run is shorter.
    let each = (time.as_secs_f64() * 2_000.0) as usize;
    let signing: Vec<_> = (1..=PRODUCERS).map(|n| thread::spawn(move || Chain::new(n).events(each))).collect();
    let events: Vec<Vec<StoredEvent>> = signing.into_iter().map(|t| t.join().expect("signed events")).collect();
    producers(
        path,
        time,
        events.into_iter().map(|events| {
            let mut events = events.into_iter();
            move || events.next()
        }),
    )
}

fn signed_by_each(path: &Path, time: Duration) -> Run {
    producers(
        path,
        time,
        (1..=PRODUCERS).map(|n| {
            let mut chain = Chain::new(n);
            move || Some(chain.small())
        }),
    )
}

/// One thread for each of these, which appends what it is given, one after another, each when the one before is durable.
fn producers<N: FnMut() -> Option<StoredEvent> + Send>(
    path: &Path,
    time: Duration,
    next: impl Iterator<Item = N>,
) -> Run {
    let writer = open_writer(path);
    let begin = Instant::now();
    let latencies = thread::scope(|scope| {
        let threads: Vec<_> = next
            .map(|mut next| {
                let handle = writer.handle();
                scope.spawn(move || {
                    let (sender, durable) = mpsc::channel();
                    let mut latencies = Vec::new();
                    while begin.elapsed() < time {
                        // From the wish to the durable event: signing is a part of it.
                        let asked = Instant::now();
                        let Some(event) = next() else { break };
                        append(&handle, event, sender.clone());
                        durable.recv().expect("an answer");
                        latencies.push(asked.elapsed());
                    }
                    latencies
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().expect("a producer")).collect()
    });
    Run { latencies, took: begin.elapsed() }
}

/// As a broker does it: whoever wants an event hands it to the one thread that authors the feed.
fn signed_by_one(path: &Path, time: Duration, archive: ArchiveOptions) -> Run {
    let log = RocksLog::open_archiving(path, archive).expect("a log");
    let writer = LogWriter::spawn(log, QUEUE, |error| panic!("{error}")).expect("a thread");
    let (commands, wanted) = mpsc::sync_channel::<(Event, Sender<()>)>(usize::from(PRODUCERS));
    let begin = Instant::now();
    let latencies = thread::scope(|scope| {
        let handle = writer.handle();
        scope.spawn(move || {
            let mut chain = Chain::new(1);
            for (event, done) in wanted {
                append(&handle, chain.seal(&event), done);
            }
        });
        let event = Chain::new(1).small().event().expect("an event");
        let threads: Vec<_> = (0..PRODUCERS)
            .map(|_| {
                let (commands, event) = (commands.clone(), event.clone());
                scope.spawn(move || {
                    let (sender, durable) = mpsc::channel();
                    repeat(time, || {
                        commands.send((event.clone(), sender.clone())).expect("an author");
                        durable.recv().expect("an answer");
                    })
                    .latencies
                })
            })
            .collect();
        drop(commands);
        threads.into_iter().flat_map(|t| t.join().expect("a producer")).collect()
    });
    Run { latencies, took: begin.elapsed() }
}

fn replay(path: &Path) {
    let begin = Instant::now();
    let log = RocksLog::open(path).expect("a log");
    println!("opened in {:?}", begin.elapsed());
    let show = |name: &str, each: &mut dyn FnMut(&StoredEvent)| {
        let (mut events, mut bytes) = (0_u64, 0_usize);
        let begin = Instant::now();
        let scanned = log.scan(&mut |event| {
            each(&event);
            (events, bytes) = (events + 1, bytes + event.bytes().len());
            ControlFlow::Continue(())
        });
        scanned.expect("a whole log");
        let rate = events as f64 / begin.elapsed().as_secs_f64();
        println!("{name:<54}{rate:>10.0}   ({events} events, {bytes} bytes)");
    };
    let name = "replay, 1 thread: read, headers, hash chain";
    show(name, &mut |_| ());
    show("replay, 1 thread: the same, and the events", &mut |event| {
        std::hint::black_box(event.event().expect("an event"));
    });
}

fn open_writer(path: &Path) -> LogWriter {
    LogWriter::spawn(RocksLog::open(path).expect("a log"), QUEUE, |error| panic!("{error}")).expect("a thread")
}

fn append(handle: &LogHandle, event: StoredEvent, done: Sender<()>) {
    let tell = Box::new(move |result: Result<(), _>| {
        result.expect("an append");
        done.send(()).expect("a producer");
    });
    handle.try_append(vec![event], tell).expect("a queue that is long enough");
}

fn repeat(time: Duration, mut f: impl FnMut()) -> Run {
    let begin = Instant::now();
    let mut latencies = Vec::new();
    while begin.elapsed() < time {
        let one = Instant::now();
        f();
        latencies.push(one.elapsed());
    }
    Run { latencies, took: begin.elapsed() }
}
