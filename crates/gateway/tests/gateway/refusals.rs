//! Clients that are not let in: each is closed within the limits, learns nothing, and leaves one line in the log.

use crate::doors::{REFUSED, ticket};
use crate::site::{Site, broker, ending_of, hello_of, hello_with, soon, until};
use hostler_gateway::GatewayLimits;
use hostler_model::BrokerId;
use hostler_seating::seat::{NoSeat, TicketRefusal};
use hostler_wire::messages::gateway::TurnedAway;
use hostler_wire::messages::roster::BrokerList;
use std::time::{Duration, Instant};

const DISCONNECT: [u8; 11] = [3, 0, 0, 11, 6, 0x80, 0, 0, 0x12, 0x34, 0];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_rdp_is_closed_at_once() {
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    for (bytes, word, reply) in [
        (&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], "tls", &b""[..]),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http", b""),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh", b""),
        (b"\x12\0\0\0\0\0\0\0\x02\0\0\0\x07\0\0\0\0\0\x03\0\0\x2b\x26\xe0", "preconnection", b""),
        (b"\xff\xfe\xfd\xfc rubbish", "not-rdp", b""),
        (b"\x03\0\xff\xff", "too-long", b""),
        (b"\x03\0\0\x0b\x06\xd0\0\0\0\0\0", "malformed", b""),
        (b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0", "no-name", &REFUSED),
        (b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0", "no-name", &DISCONNECT),
        (&hello_with(b"Cookie: msts=1.2.0000"), "bad-ticket", &REFUSED),
        (&hello_with(b"hostler1.AAAA."), "bad-ticket", &REFUSED),
    ] {
        let begin = Instant::now();
        let mut client_end = site.client(bytes).await;
        let at = client_end.at();
        assert_eq!(client_end.reads_to_the_end().await, reply, "{word}");
        drop(client_end);
        let line = ending_of(at).await;
        assert!(line.contains(&format!("ending=\"{word}\"")), "{line}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{word}: {:?}", begin.elapsed());
    }
    let counts = site.gateway.metrics().counts();
    assert_eq!((counts.accepted, counts.rejected, counts.turned_away, counts.spliced), (11, 7, 4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_leaving_clients_do_not_stay() {
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let begin = Instant::now();
    let mut silent = site.client(b"").await;
    let mut slow = site.client(&hello_of("alice")[..20]).await;
    let leaves = site.client(b"\x03\0").await;
    let (silent_at, slow_at, leaves_at) = (silent.at(), slow.at(), leaves.at());
    drop(leaves);
    assert!(ending_of(leaves_at).await.contains(r#"ending="left""#));
    for client_end in [&mut silent, &mut slow] {
        assert!(client_end.reads_to_the_end().await.is_empty());
    }
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(8), "{took:?}");
    for (at, bytes) in [(silent_at, "0 bytes came"), (slow_at, "20 bytes came")] {
        let line = ending_of(at).await;
        assert!(line.contains(r#"ending="slow""#) && line.contains(bytes), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_broker_turns_away_gets_no_reason() {
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    for (hello, why, text) in [
        (
            hello_of("nobody"),
            TurnedAway::NoSeat(NoSeat::UnknownUser("nobody".into())),
            "user \"nobody\" is not known to this site",
        ),
        (
            hello_of("alice"),
            TurnedAway::NoSeat(NoSeat::RateLimited(3)),
            "too many requests from one address or for one user; wait 3 s",
        ),
        (hello_with(&ticket()), TurnedAway::Ticket(TicketRefusal::Used), "its session has ended"),
    ] {
        brokers[0].decides(Err(why));
        let mut client_end = site.client(&hello).await;
        let at = client_end.at();
        assert_eq!(client_end.reads_to_the_end().await, REFUSED, "{text}");
        let line = ending_of(at).await;
        assert!(line.contains(r#"ending="turned-away""#) && line.contains(text), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_waiting_is_noticed() {
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let client_end = site.client(&hello_of("alice")).await;
    let at = client_end.at();
    soon(brokers[0].hears()).await;
    let begin = Instant::now();
    drop(client_end);
    assert!(ending_of(at).await.contains(r#"ending="left-waiting""#));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    until("nobody is left", || site.gateway.metrics().counts().carrying == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_broker_a_client_is_told_so_in_time() {
    let broker = broker(1);
    let brokers =
        BrokerList { epoch: crate::site::epoch(1), changed: Default::default(), brokers: vec![broker.entry.clone()] };
    assert_eq!(brokers.brokers[0].id, BrokerId([1; 16]));
    soon(broker.stop()).await;
    let site = Site::start_alone(brokers, GatewayLimits::default(), tempfile::tempdir().unwrap()).await;
    let mut client_end = site.client(&hello_of("alice")).await;
    let at = client_end.at();
    assert_eq!(client_end.reads_to_the_end().await, REFUSED);
    assert!(ending_of(at).await.contains("no broker was connected"));
}
