//! What must be refused, and what must not be lost: tokens, keys, configurations and ports that are no good, a disk
//! that takes nothing more, and brokers that are killed. With real processes, and without session hosts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // In a test a failed one should stop it.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hostler_tests::farm::{Farm, Ground, Member, program, text};
use hostler_tests::process::Process;
use hostler_tests::wait;

const SOON: Duration = Duration::from_secs(30);
/// How long commands are given while brokers are killed.
const STREAM: Duration = Duration::from_secs(20);
/// The exit code for "an error of the disk".
const DISK_ERROR: i32 = 70;

/// An agent that does not run: something that can join.
fn agent(folder: &Path, name: &str) -> Member {
    let section = "[agent]\naddress = \"127.0.0.1:3389\"\n";
    Member::new(name, "agent", [127, 0, 0, 1].into(), folder.join(name), section).unwrap()
}

/// It changes with everything that is changed.
fn digest(farm: &Farm) -> String {
    text(&farm.cli.json(&["status"]).unwrap(), "digest").unwrap()
}

/// The answer to somebody who wants to join with a token and must not.
fn refused(farm: &Farm, member: &Member, token: &str) -> String {
    farm.cli.refused(1, &member.with(&["join", token, "--name", member.name()])).unwrap()
}

#[test]
fn tokens_that_are_no_good() {
    let ground = Ground::new().unwrap();
    let place = ground.place("farm");
    let folder = place.folder.clone();
    let mut farm = Farm::begin(place).unwrap();
    let used = farm.token("agent").unwrap();
    farm.cli.run(&agent(&folder, "first").with(&["join", &used, "--name", "first"])).unwrap();
    let revoked = farm.token("agent").unwrap();
    let listed = farm.cli.json(&["token", "list"]).unwrap();
    let open = listed.as_array().unwrap().iter().find(|row| row["state"] == "open");
    let id = text(open.unwrap_or_else(|| panic!("no token is open: {listed}")), "id").unwrap();
    farm.cli.run(&["token", "revoke", &id, "--yes"]).unwrap();
    let for_broker = farm.token("broker").unwrap();
    let mistyped = format!("{}{}", &used[..used.len() - 1], if used.ends_with('a') { 'b' } else { 'a' });
    farm.cli.run(&["settings", "set", "tokens.life", "1s"]).unwrap();
    let expired = farm.token("agent").unwrap();
    wait::until_true("the token expires", SOON, || {
        let listed = farm.cli.json(&["token", "list"])?;
        Ok(listed.as_array().is_some_and(|rows| rows.iter().any(|row| row["state"] == "expired")))
    })
    .unwrap();

    let member = agent(&folder, "second");
    let before = digest(&farm);
    for (what, token, says, told_broker) in [
        ("no token", "hello", "this is no join token", false),
        ("mistyped", mistyped.as_str(), "mistyped", false),
        ("cut off", &used[..40], "cut off", false),
        ("used", used.as_str(), "this token was used already", true),
        ("revoked", revoked.as_str(), "it was revoked", true),
        ("expired", expired.as_str(), "has expired", false),
        ("for another role", for_broker.as_str(), "no [broker] section", false),
    ] {
        let said_before = farm.broker(1).unwrap().log().matches("join refused").count();
        let said = refused(&farm, &member, token);
        assert!(said.contains(says), "{what}: {said}");
        assert!(!said.contains(token), "{what}: the message has the token in it: {said}");
        let lines = farm.broker(1).unwrap().log().matches("join refused").count() - said_before;
        assert_eq!(lines, usize::from(told_broker), "{what}: lines in the broker's log");
        assert!(!member.data().join("member.json").exists(), "{what}: it became a member");
    }
    assert_eq!(digest(&farm), before);
}

#[test]
fn keys_of_others() {
    let ground = Ground::new().unwrap();
    let place = ground.place("farm");
    let folder = place.folder.clone();
    let mut farm = Farm::begin(place).unwrap();
    farm.add_gateway().unwrap();
    let other = Farm::begin_at(ground.place("other"), 31).unwrap();
    let stranger = gateway(&folder, "stranger", 41);
    other.join(&stranger, "gateway").unwrap();
    let agent = agent(&folder, "agent");
    farm.join(&agent, "agent").unwrap();
    farm.wait_until_whole().unwrap();
    let before = (digest(&farm), digest(&other));

    // An agent's key in a gateway's place.
    let mut disguised = gateway(&folder, "disguised", 42);
    fs::create_dir_all(disguised.data()).unwrap();
    for file in ["key", "member.json"] {
        fs::copy(agent.data().join(file), disguised.data().join(file)).unwrap();
    }
    disguised.run().unwrap();
    let said = disguised.wait_for_line("does not accept this member's key", SOON).unwrap();
    assert!(said.contains("it joined that farm as something else"), "{said}");

    // The key of a member of another farm.
    let mut stranger = stranger;
    let known = farm.gateway().unwrap().data().join("member.json");
    fs::copy(known, stranger.data().join("member.json")).unwrap();
    stranger.run().unwrap();
    let said = stranger.wait_for_line("does not accept this member's key", SOON).unwrap();
    assert!(said.contains("it never joined that farm, or was removed from it"), "{said}");

    // Each side has said why once, also where they come again.
    for member in [&mut disguised, &mut stranger] {
        assert_eq!(member.log().matches("does not accept this member's key").count(), 1, "{}", member.log());
        member.kill().unwrap();
        member.run().unwrap();
        member.wait_for_line("does not accept this member's key", SOON).unwrap();
    }
    let log = farm.broker(1).unwrap().log();
    for why in ["which has no business on this port", "never joined this farm"] {
        let said = log.lines().filter(|l| l.contains("refused a connection") && l.contains(why)).count();
        assert_eq!(said, 1, "{why}\n{log}");
    }
    assert_eq!((digest(&farm), digest(&other)), before);
    let status = farm.cli.json(&["status"]).unwrap();
    assert_eq!((&status["hosts"]["up"], &status["gateways"]["up"]), (&0.into(), &1.into()));
}

/// A gateway that does not run.
fn gateway(folder: &Path, name: &str, port: u16) -> Member {
    let section = format!("[gateway]\naddress = \"127.0.0.1:{port}\"\nlisten = [\"127.0.0.1:0\"]\n");
    Member::new(name, "gateway", [127, 0, 0, 1].into(), folder.join(name), &section).unwrap()
}

#[test]
fn a_configuration_with_an_unknown_key() {
    let ground = Ground::new().unwrap();
    let place = ground.place("farm");
    let folder = place.folder.clone();
    let mut farm = Farm::begin(place).unwrap();
    for (role, section, says) in [
        ("broker", "[broker]\naddress = \"127.0.0.1\"\nprot = 1\n", "unknown field `prot`"),
        ("gateway", "[gateways]\naddress = \"127.0.0.1:3389\"\n", "unknown field `gateways`"),
        ("agent", "[agent]\naddress = \"127.0.0.1:3389\"\nsource = \"rdp\"\n", "unknown variant `rdp`"),
        ("gateway", "", "no [gateway] section"),
    ] {
        let member = Member::new("bad", role, [127, 0, 0, 1].into(), folder.join("bad"), section).unwrap();
        let said = farm.cli.refused(1, &member.with(&[role, "run"])).unwrap();
        assert!(said.contains(says), "{section:?}: {said}");
        assert!(section.is_empty() || said.contains(member.config().to_str().unwrap()), "{section:?}: {said}");
    }
    // A running broker does not care, and can't be started a second time.
    let b1 = farm.broker(1).unwrap();
    let args: Vec<String> = b1.with(&["broker", "run"]).into_iter().map(str::to_owned).collect();
    let said = farm.cli.refused(1, &args.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    assert!(said.contains("in use") || said.contains("another process"), "{said}");
    assert!(farm.broker(1).unwrap().is_running());
}

#[test]
fn a_port_that_does_not_answer() {
    let ground = Ground::new().unwrap();
    let place = ground.place("farm");
    let folder = place.folder.clone();
    let mut farm = Farm::begin(place).unwrap();
    let token = farm.token("agent").unwrap();
    let member = agent(&folder, "agent");
    let broker = farm.broker(1).unwrap();
    let ip = broker.ip();
    broker.kill().unwrap();
    let ends = format!("{ip}:20001/udp");

    let said = refused(&farm, &member, &token);
    assert!(said.contains(&format!("nothing listens at {ends}")) && said.contains("to 127."), "{said}");

    // What a firewall looks like that drops packets: a socket that is never read.
    let silent = UdpSocket::bind((ip, 20_001)).unwrap();
    let said = refused(&farm, &member, &token);
    assert!(said.contains(&format!("no answer from {ends}")) && said.contains("to 127."), "{said}");
    drop(silent);

    // It was the port and nothing else: the token is still good.
    farm.broker(1).unwrap().run().unwrap();
    farm.cli.run(&member.with(&["join", &token, "--name", "agent"])).unwrap();
}

#[test]
fn a_full_disk() {
    /// The most that any file may have, in bytes.
    const FILE_BYTES: u64 = 256 * 1024;
    let ground = Ground::new().unwrap();
    let place = ground.place("farm");
    let folder = place.folder.clone();
    let mut farm = Farm::begin(place).unwrap();
    let broker = farm.broker(1).unwrap();
    broker.kill().unwrap();
    let limited = |command: &mut Command| {
        // Its own log is in a file, too.
        command.env("HOSTLER_LOG", "warn,hostler_broker::run=info");
        // SAFETY: both are plain system calls, which are allowed between fork and exec.
        unsafe {
            command.pre_exec(|| {
                let limit = libc::rlimit { rlim_cur: FILE_BYTES, rlim_max: FILE_BYTES };
                // Ignored, so that writing fails as on a full disk, instead of ending the process.
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
    };
    broker.run_with(limited).unwrap();

    let names: Vec<String> = (0..4_000).map(|n| format!("u{n:0>200}")).collect();
    let mut adding = add_users(&farm, &folder, "adding", &names);
    let status = farm.broker(1).unwrap().wait_for_end(Duration::from_secs(120)).unwrap();
    adding.wait_for_end(SOON).unwrap();
    let said = farm.broker(1).unwrap().log();
    assert_eq!(status.code(), Some(DISK_ERROR), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("this broker ends now, and everything that it acknowledged is there"), "{said}");
    println!("the last thing that it said: {last}");

    farm.broker(1).unwrap().run().unwrap();
    let acknowledged = acknowledged(&adding);
    assert!(acknowledged.len() > 100, "only {} users were added before the disk was full", acknowledged.len());
    assert_all_there(&farm, &acknowledged);
    farm.cli.run(&["user", "add", "after"]).unwrap();
}

#[test]
fn a_broker_that_is_killed_again_and_again_loses_nothing() {
    /// After so many acknowledged commands of a round it is killed.
    const BEFORE_THE_KILL: usize = 25;
    let ground = Ground::new().unwrap();
    let place = ground.place("farm");
    let folder = place.folder.clone();
    let mut farm = Farm::begin(place).unwrap();
    let begun = Instant::now();
    let mut all = Vec::new();
    let mut rounds = 0;
    while rounds < 6 && begun.elapsed() < STREAM {
        let mut streams: Vec<Process> = (0..3)
            .map(|stream| {
                let names: Vec<String> = (0..1_000).map(|n| format!("u{rounds}-{stream}-{n}")).collect();
                add_users(&farm, &folder, &format!("stream{stream}"), &names)
            })
            .collect();
        wait::until_true("commands are acknowledged", SOON, || {
            Ok(streams.iter().map(|stream| acknowledged(stream).len()).sum::<usize>() >= BEFORE_THE_KILL)
        })
        .unwrap();
        farm.broker(1).unwrap().kill().unwrap();
        for stream in &mut streams {
            stream.wait_for_end(SOON).unwrap();
            all.extend(acknowledged(stream));
        }
        farm.broker(1).unwrap().run().unwrap();
        assert_all_there(&farm, &all);
        rounds += 1;
    }
    println!("{rounds} times killed, {} acknowledged commands, all there", all.len());
}

/// Starts a process that adds users one after another; it prints a line for each that was acknowledged.
fn add_users(farm: &Farm, folder: &Path, name: &str, users: &[String]) -> Process {
    let mut command = Command::new(program().unwrap());
    command.args(["user", "add"]).args(users);
    farm.cli.environment(&mut command);
    Process::start(name, folder, command).unwrap()
}

fn acknowledged(adding: &Process) -> Vec<String> {
    let log = adding.log();
    let added = |line: &str| Some(line.strip_prefix("User ")?.split_once(" is known (on the disks of ")?.0.to_owned());
    log.lines().filter_map(added).collect()
}

fn assert_all_there(farm: &Farm, acknowledged: &[String]) {
    let listed = farm.cli.json(&["user", "list"]).unwrap();
    let there: std::collections::BTreeSet<&str> =
        listed.as_array().unwrap().iter().filter_map(|row| row["name"].as_str()).collect();
    let lost: Vec<&String> = acknowledged.iter().filter(|name| !there.contains(name.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
}
