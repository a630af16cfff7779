//! A disk that is full: the log stops, says so, and after room was made everything acknowledged is there.

use crate::folder;
use hostler_log::testing::Chain;
use hostler_log::{EventLog, LogError};
use hostler_log_rocks::{Busy, LogWriter, RocksLog};
use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

/// In its environment: this process has a small disk of its own here.
const DISK: &str = "HOSTLER_TEST_FULL_DISK";
const NAME: &str = "full_disk::a_full_disk_stops_the_log";
const PASSED: &str = "everything acknowledged was there";
/// Mounts the disk where no other process sees it, and where it ends with this one.
const MOUNT: &str = r#"mount -t tmpfs -o size=24m tmpfs "$1" && shift && exec "$@""#;
const NAMESPACES: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];

#[test]
fn a_full_disk_stops_the_log() {
    if let Some(disk) = env::var_os(DISK) {
        fill(Path::new(&disk));
        return;
    }
    let folder = folder();
    let in_namespace = |namespace: &[&str], program: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args(namespace)
            .args(["sh", "-c", MOUNT, "sh"])
            .arg(folder.path())
            .args(program)
            .env(DISK, folder.path());
        command.output()
    };
    let works = |namespace: &&&[&str]| in_namespace(namespace, &["true"]).is_ok_and(|output| output.status.success());
    let Some(namespace) = NAMESPACES.iter().find(works) else {
        skip("no small disk can be mounted: that takes root or user namespaces");
        return;
    };
    let program = env::current_exe().unwrap();
    let output = in_namespace(namespace, &[program.to_str().unwrap(), "--exact", NAME, "--nocapture"]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    // A run of no test at all succeeds too.
    assert!(output.status.success() && text.contains(PASSED), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn skip(reason: &str) {
    println!("{NAME} skipped: {reason}");
    if let Some(list) = env::var_os("HOSTLER_SKIPPED") {
        let mut list = OpenOptions::new().append(true).create(true).open(list).unwrap();
        writeln!(list, "{NAME}\t{reason}").unwrap();
    }
}

fn fill(disk: &Path) {
    let path = disk.join("log");
    let (fatal, fatals) = mpsc::channel();
    let log = RocksLog::open(&path).unwrap();
    let writer = LogWriter::spawn(log, 16, move |error| fatal.send(error).unwrap()).unwrap();
    let handle = writer.handle();
    let mut chain = Chain::new(1);
    let mut acknowledged = Vec::new();
    let (sender, answers) = mpsc::channel();
    let error = loop {
        let event = chain.large(60_000);
        let sender = sender.clone();
        handle.try_append(vec![event.clone()], Box::new(move |result| sender.send(result).unwrap())).unwrap();
        match answers.recv().unwrap() {
            Ok(()) => acknowledged.push(event),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 1_000, "60 MB do not fit into 24");
    };
    assert!(matches!(error, LogError::Full(_)), "{error}");
    assert!(acknowledged.len() > 50, "only {} events fitted", acknowledged.len());
    assert_eq!(handle.try_append(vec![], Box::new(|_| panic!("too late"))), Err(Busy::Stopped));
    writer.close();
    assert_eq!(fatals.iter().collect::<Vec<_>>(), [error], "said once");

    // Still full: it may be opened or refused, but nothing must get lost by trying.
    drop(RocksLog::open(&path));
    let remounted = Command::new("mount").args(["-o", "remount,size=96m"]).arg(disk).status().unwrap();
    assert!(remounted.success());
    let mut log = RocksLog::open(&path).unwrap();
    let mut stored = Vec::new();
    while let Some(event) = log.read(chain.feed(), stored.len() as u64 + 1, 0).unwrap().pop() {
        stored.push(event);
    }
    // The event that failed may be there or not.
    assert_eq!(stored[..acknowledged.len()], acknowledged);
    assert!(stored.len() <= acknowledged.len() + 1);
    let mut again = Chain::new(1);
    for _ in 0..stored.len() {
        again.large(60_000);
    }
    log.append(&[again.small()]).unwrap();
    println!("{PASSED}: {} events", acknowledged.len());
}
