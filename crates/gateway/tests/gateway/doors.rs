//! The two ways in, and hosts that can't be reached.

use crate::fake_broker::answer;
use crate::fake_host;
use crate::site::{Site, broker, ending_of, hello_of, hello_with, soon};
use hostler_model::{BrokerId, HostId, ItemId, SeatId, TicketId, Wall};
use hostler_rdp::{Ticket, UserTag};
use hostler_wire::messages::gateway::{GatewayToBroker, Route, TurnedAway};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What a client with a negotiation request gets when it is refused.
pub(crate) const REFUSED: [u8; 19] = [3, 0, 0, 19, 14, 0xD0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 4, 0, 0, 0];

pub(crate) fn ticket() -> Vec<u8> {
    let id = TicketId([0xAB; 16]);
    let (item, host, seat, issuer) = (ItemId([2; 16]), HostId([3; 16]), SeatId([4; 16]), BrokerId([5; 16]));
    let user = UserTag::of(&"alice".parse().unwrap());
    let ticket = Ticket { id, user, item, host, seat, issuer, issued_at: Wall(1) };
    // The gateway does not look at the signature: the brokers do.
    ticket.sign(&ed25519_dalek::SigningKey::from_bytes(&[5; 32])).to_string().into_bytes()
}

fn client() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_open_door_passes_the_clients_own_bytes_on() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    brokers[0].decides(Ok(host.clone()));
    // A line break in a name would end the packet's line; this is what else can be in there.
    let name = "alice\u{1b}[31m\"";
    let hello = [hello_of(name), b"and more".to_vec()].concat();
    let mut client_end = site.client(&hello).await;
    assert_eq!(client_end.reads(hello.len()).await, hello, "with what came behind the packet");
    client_end.echoes(&[7; 100_000]).await;
    let asked = soon(brokers[0].hears()).await;
    let want = GatewayToBroker::Seat { request: 1, user: name.into(), client: client(), avoid: Vec::new() };
    assert_eq!(asked, want);
    assert_eq!(site.gateway.metrics().counts().carrying, 1);
    let at = client_end.at();
    drop(client_end);
    let line = ending_of(at).await;
    for part in [
        r#"door="open""#.to_string(),
        r#"name="alice\u{1b}[31m\"""#.into(),
        format!("host={} address={}", host.host.short(), host.address),
        format!("to_host_bytes={}", 100_000),
        "carried=true".into(),
    ] {
        assert!(line.contains(&part), "{part} in {line}");
    }
    let counts = site.gateway.metrics().counts();
    assert_eq!((counts.accepted, counts.spliced, counts.carrying), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_never_sees_a_ticket() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let ticket = ticket();
    let clean = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0".to_vec();
    for (number, user, want) in [(1, None, clean), (2, Some("alice".parse().unwrap()), hello_of("alice"))] {
        brokers[0].decides(Ok(Route { user, ..host.clone() }));
        let mut client_end = site.client(&[hello_with(&ticket), b"more".to_vec()].concat()).await;
        let want = [want, b"more".to_vec()].concat();
        assert_eq!(client_end.reads(want.len()).await, want);
        client_end.echoes(b"ping").await;
        let asked = soon(brokers[0].hears()).await;
        assert_eq!(asked, GatewayToBroker::Take { request: number, ticket: ticket.clone(), client: client() });
        let at = client_end.at();
        drop(client_end);
        let line = ending_of(at).await;
        assert!(line.contains(&format!("door=\"ticket\" ticket={}", TicketId([0xAB; 16]).short())), "{line}");
        assert!(!line.contains("hostler1."), "a log line must not be a ticket: {line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_host_is_told_and_the_user_goes_elsewhere() {
    let (gone, host) = (fake_host::gone(1).await, fake_host::echo(2).await);
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let routes = (gone.clone(), host.clone());
    brokers[0].answers(move |message| match message {
        GatewayToBroker::Seat { avoid, .. } if avoid.is_empty() => answer(message, Ok(routes.0.clone())),
        _ => answer(message, Ok(routes.1.clone())),
    });
    let hello = hello_of("alice");
    let mut client_end = site.client(&hello).await;
    assert_eq!(client_end.reads(hello.len()).await, hello);
    let seat = |request, avoid| GatewayToBroker::Seat { request, user: "alice".into(), client: client(), avoid };
    for want in [
        seat(1, Vec::new()),
        GatewayToBroker::Unreachable { host: gone.host, seat: gone.seat },
        seat(2, vec![gone.host]),
    ] {
        assert_eq!(soon(brokers[0].hears()).await, want);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_goes_elsewhere_where_a_host_ends_the_connection_without_a_word() {
    let hosts = [fake_host::mute(1, false).await, fake_host::mute(2, true).await, fake_host::echo(3).await];
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let routes = hosts.clone();
    brokers[0].answers(move |message| match message {
        GatewayToBroker::Seat { avoid, .. } => answer(message, Ok(routes[avoid.len()].clone())),
        _ => Vec::new(),
    });
    let hello = hello_of("alice");
    let mut client_end = site.client(&hello).await;
    assert_eq!(client_end.reads(hello.len()).await, hello);
    client_end.echoes(b"ping").await;
    // It may be this client that they do not like: others are still sent to them.
    for avoid in [vec![], vec![hosts[0].host], vec![hosts[0].host, hosts[1].host]] {
        let heard = soon(brokers[0].hears()).await;
        assert!(matches!(&heard, GatewayToBroker::Seat { avoid: said, .. } if *said == avoid), "{heard:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hosts_are_tried_and_no_more() {
    let hosts = [fake_host::gone(1).await, fake_host::gone(2).await, fake_host::gone(3).await];
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let routes = hosts.clone();
    brokers[0].answers(move |message| match message {
        GatewayToBroker::Seat { avoid, .. } => {
            answer(message, routes.get(avoid.len()).cloned().ok_or(TurnedAway::NotServing))
        }
        _ => Vec::new(),
    });
    let mut client_end = site.client(&hello_of("alice")).await;
    let at = client_end.at();
    assert_eq!(client_end.reads_to_the_end().await, REFUSED, "and nothing about any address");
    let line = ending_of(at).await;
    assert!(line.contains(r#"ending="unreachable""#) && line.contains("3 hosts could not be reached"), "{line}");
    assert_eq!(site.gateway.metrics().counts().unreachable, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_has_one_host() {
    let gone = fake_host::gone(1).await;
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    brokers[0].decides(Ok(gone.clone()));
    let mut client_end = site.client(&hello_with(&ticket())).await;
    let at = client_end.at();
    assert_eq!(client_end.reads_to_the_end().await, REFUSED);
    assert!(matches!(soon(brokers[0].hears()).await, GatewayToBroker::Take { .. }));
    let told = GatewayToBroker::Unreachable { host: gone.host, seat: gone.seat };
    assert_eq!(soon(brokers[0].hears()).await, told);
    let line = ending_of(at).await;
    assert!(line.contains("the ticket's host could not be reached"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_lets_connections_go_on_for_a_while() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    brokers[0].decides(Ok(host));
    let hello = hello_of("alice");
    let mut first = site.client(&hello).await;
    let mut second = site.client(&hello).await;
    for client_end in [&mut first, &mut second] {
        client_end.reads(hello.len()).await;
    }
    let gateway_at = site.at();
    let stopping = tokio::spawn(site.gateway.stop_within(Duration::from_millis(700)));
    let refused = async { while tokio::net::TcpStream::connect(gateway_at).await.is_ok() {} };
    soon(refused).await;
    first.echoes(b"still here").await;
    let (at, begin) = (second.at(), Instant::now());
    drop(first);
    assert!(second.reads_to_the_end().await.is_empty());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    soon(stopping).await.unwrap();
    assert!(ending_of(at).await.contains(r#"ending="stopped""#));
}
