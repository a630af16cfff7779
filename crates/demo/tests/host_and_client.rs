//! The session host and the client, against each other, on loopback.
#![expect(clippy::unwrap_used, reason = "what stands here is run by tests only")]

use hostler_demo::client::{Desktop, connect};
use hostler_demo::host::{
    Arrival, Colour, Greeter, HostConfig, Refusal, SessionEntry, SessionHost, SessionState, Welcome, one_password,
};
use hostler_model::limits::ROUTING_TOKEN_BYTES;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const PASSWORD: &str = "a good one";

/// Gives everybody a desktop, except one; remembers who came.
#[derive(Default)]
struct Porter(Mutex<Vec<Arrival>>);

#[async_trait::async_trait]
impl Greeter for Porter {
    async fn greet(&self, arrival: &Arrival) -> Result<Welcome, Refusal> {
        self.0.lock().unwrap().push(arrival.clone());
        if arrival.user.as_str() == "mallory" {
            return Err(Refusal("no seat".to_string()));
        }
        let why = vec![format!("{} has no session yet; this host has the lowest score.", arrival.user)];
        Ok(Welcome { item: "Office desktop".parse().unwrap(), why })
    }
}

fn host(name: &str) -> (SessionHost, Arc<Porter>) {
    let porter = Arc::new(Porter::default());
    let config = HostConfig {
        name: name.parse().unwrap(),
        listen: ([127, 0, 0, 1], 0).into(),
        colour: Colour::of_host(name),
        check: one_password(PASSWORD),
        greeter: Arc::clone(&porter) as Arc<dyn Greeter>,
    };
    (SessionHost::start(config).unwrap(), porter)
}

fn visit(host: &SessionHost, user: &str) -> Desktop {
    connect(host.address(), user, PASSWORD, None, PATIENCE).unwrap()
}

/// Waits until the host's sessions look as wanted, because a client that goes is noticed a moment later.
fn wait_for(host: &SessionHost, wanted: impl Fn(&[SessionEntry]) -> bool) -> Vec<SessionEntry> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = host.table().list();
        if wanted(&list) {
            return list;
        }
        assert!(Instant::now() < deadline, "still {list:?}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn corner(desktop: &Desktop) -> [u8; 3] {
    desktop.pixel(0, 0).unwrap()
}

#[test]
fn the_picture_appears_and_lives() {
    for name in ["rdsh1", "rdsh2"] {
        let (host, _) = host(name);
        let desktop = visit(&host, "alice");
        let colour = Colour::of_host(name);
        assert_eq!((desktop.size(), desktop.ended()), ((1024, 768), None));
        assert_eq!(corner(&desktop), [colour.red, colour.green, colour.blue], "{name}");
        let (pixels, seen) = (desktop.pixels(), desktop.changes());
        assert!(desktop.wait_until(PATIENCE, |d| d.changes() > seen), "the age goes on");
        let moved = desktop.pixels();
        let rows = |from: usize, to: usize| (from * 4096..to * 4096).collect::<Vec<_>>();
        assert!(rows(0, 200).iter().all(|i| pixels[*i] == moved[*i]), "the headline stays");
        assert!(pixels != moved, "the age was drawn anew");
    }
}

#[test]
fn a_user_finds_the_session_again() {
    let (host, _) = host("rdsh1");
    let first = visit(&host, "alice");
    let number = host.table().list()[0].number;
    drop(first);
    wait_for(&host, |list| list[0].state == SessionState::Disconnected);

    let second = visit(&host, "EXAMPLE\\Alice");
    let list = host.table().list();
    assert_eq!((list.len(), list[0].number, list[0].state), (1, number, SessionState::Active));
    let third = visit(&host, "alice");
    assert!(second.wait_until(PATIENCE, |d| d.ended().is_some()), "the later connection took the session over");
    assert_eq!((host.table().list().len(), third.ended()), (1, None));

    visit(&host, "bob");
    let list = wait_for(&host, |list| list.len() == 2 && list[1].state == SessionState::Disconnected);
    assert!(list[1].number > number);
}

#[test]
fn orders_reach_the_user() {
    let (host, _) = host("rdsh1");
    let desktop = visit(&host, "alice");
    let number = host.table().list()[0].number;

    // The message's card is white where the background was.
    let place = |d: &Desktop| d.pixel(900, 640);
    assert_ne!(place(&desktop), Some([255, 255, 255]));
    host.table().message(number, "The farm restarts at noon.").unwrap();
    assert!(desktop.wait_until(PATIENCE, |d| place(d) == Some([255, 255, 255])), "the message is shown");
    assert!(desktop.wait_until(PATIENCE, |d| place(d) != Some([255, 255, 255])), "and goes away");

    host.table().disconnect(number).unwrap();
    assert!(desktop.wait_until(PATIENCE, |d| d.ended().is_some()), "a disconnect ends the connection");
    assert_eq!(host.table().list()[0].state, SessionState::Disconnected);

    let desktop = visit(&host, "alice");
    assert_eq!(host.table().list()[0].number, number);
    host.table().log_off(number).unwrap();
    assert!(desktop.wait_until(PATIENCE, |d| d.ended().is_some()), "a logoff ends the connection");
    assert_eq!(host.table().list(), []);

    let _desktop = visit(&host, "alice");
    assert!(host.table().list()[0].number > number, "after a logoff it is another session");
}

#[test]
fn eight_at_once() {
    let (host, _) = host("rdsh1");
    let desktops: Vec<Desktop> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|n| (n, &host)).collect();
        let threads: Vec<_> =
            threads.into_iter().map(|(n, h)| scope.spawn(move || visit(h, &format!("user{n}")))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let list = host.table().list();
    assert_eq!(list.iter().filter(|entry| entry.state == SessionState::Active).count(), 8);
    assert!(desktops.iter().all(|d| d.ended().is_none() && corner(d) == corner(&desktops[0])));
    drop(host);
    for desktop in desktops {
        assert!(desktop.wait_until(PATIENCE, |d| d.ended().is_some()), "a host that stops ends its connections");
    }
}

#[test]
fn every_kind_of_token_gets_through() {
    let (host, porter) = host("rdsh1");
    let longest = "x".repeat(ROUTING_TOKEN_BYTES);
    let tokens = [
        None,
        Some("Cookie: msts=218103935.15629.0000"),
        Some("tsv://MS Terminal Services Plugin.1.Farm"),
        Some(&longest),
    ];
    for token in tokens {
        connect(host.address(), "alice", PASSWORD, token, PATIENCE).unwrap();
    }
    let seen: Vec<_> = porter.0.lock().unwrap().iter().map(|a| a.routing_token.clone()).collect();
    assert_eq!(seen, tokens.map(|token| token.map(|t| t.as_bytes().to_vec())));
}

#[test]
fn the_wrong_ones_stay_outside() {
    let (host, porter) = host("rdsh1");
    for (user, password) in [("alice", "wrong"), ("mallory", PASSWORD), ("a/b", PASSWORD), ("alice", "")] {
        let refused = connect(host.address(), user, password, None, PATIENCE).err().unwrap().to_string();
        assert!(refused.contains(&format!("ended the connection of {user} before its picture was there")), "{refused}");
    }
    assert_eq!(host.table().list(), []);
    let asked: Vec<_> = porter.0.lock().unwrap().iter().map(|a| a.user.to_string()).collect();
    assert_eq!(asked, ["mallory"], "the greeter is asked about good passwords only");
}

#[test]
fn who_is_no_client_is_sent_away() {
    use std::io::{Read, Write};
    let (host, _) = host("rdsh1");
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0x16, 3, 1, 2, 0, 1, 0],
        &[3, 0, 0, 5, 0],
        &[3, 0, 0, 11, 6, 0xE0, 0, 0, 0, 0, 0],
    ] {
        let mut stream = std::net::TcpStream::connect(host.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        // Closed, with or without bytes that were not read.
        match stream.read_to_end(&mut Vec::new()) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
    visit(&host, "alice");
}
