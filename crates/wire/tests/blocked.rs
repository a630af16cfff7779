//! A connection that does not come about names the port, what it is for, and both ends.

#![allow(clippy::unwrap_used, reason = "a failed test should stop there")]

mod support;

use hostler_wire::{CONNECT_MS, Closed, ConnectError, Endpoint, Service, Trust};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Farm, HERE, soon};

/// Set for the copy of this test that runs in a network namespace of its own.
const INSIDE: &str = "HOSTLER_TEST_INSIDE_A_NAMESPACE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_listens() {
    let farm = Farm::new();
    let free = UdpSocket::bind(HERE).unwrap().local_addr().unwrap();
    let since = Instant::now();
    let error = soon(farm.dialer(Service::Peer, &farm.nobody).connect_to(free, Trust::AnyBroker)).await.unwrap_err();
    assert!(matches!(error, ConnectError::NothingListens(_)), "{error:?}");
    assert!(since.elapsed() < Duration::from_millis(CONNECT_MS / 2), "told at once: {:?}", since.elapsed());
    assert_eq!(
        error.to_string(),
        format!(
            "nothing listens at {free}/udp (broker to broker), says the network to 127.0.0.1: is the broker running \
             there, and is this its port? (a firewall that rejects looks the same)"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence() {
    let farm = Farm::new();
    // Bound, but never read: what a firewall that drops looks like from outside.
    let mute = UdpSocket::bind(HERE).unwrap();
    let at = mute.local_addr().unwrap();
    let error = soon(farm.dialer(Service::Gateway, &farm.gateway).connect_to(at, Trust::AnyBroker)).await.unwrap_err();
    match &error {
        ConnectError::NoAnswer(ends) => {
            assert_eq!(
                (ends.from, ends.to, ends.port(), ends.what),
                (support::loopback(), at, at.port(), Service::Gateway)
            );
        }
        e => panic!("{e:?}"),
    }
    assert_eq!(
        error.to_string(),
        format!("no answer from {at}/udp (gateway to broker) to 127.0.0.1: is the port blocked between them?")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_address_that_fits() {
    let farm = Farm::new();
    let to = "[::1]:20003".parse().unwrap();
    let error = soon(farm.dialer(Service::Agent, &farm.agent).connect(&to, Trust::AnyBroker)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "[::1]:20003 can't be resolved: it has no address that fits the one that this side sends from"
    );
}

/// A firewall drops, rejects, and cuts off a peer that was there: in a network namespace of its own, where that is
/// possible (root, util-linux, iproute2, nftables); elsewhere the two tests above stand for it.
#[test]
fn a_firewall() {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(behind_a_firewall());
    }
    let may = Command::new("unshare").args(["--net", "sh", "-c", "ip link set lo up && nft list ruleset"]).output();
    match may {
        Ok(tried) if tried.status.success() => {}
        _ => return eprintln!("skipped: no network namespaces with nftables here (it takes root, ip and nft)"),
    }
    let this = std::env::current_exe().unwrap();
    let run = "ip link set lo up && exec \"$0\" --exact a_firewall --nocapture";
    let inside = Command::new("unshare").args(["--net", "sh", "-c", run]).arg(this).env(INSIDE, "1").output().unwrap();
    assert!(
        inside.status.success(),
        "{}{}",
        String::from_utf8_lossy(&inside.stdout),
        String::from_utf8_lossy(&inside.stderr)
    );
}

fn nft(rules: &str) {
    let done = Command::new("nft").arg(rules).output().unwrap();
    assert!(done.status.success(), "{rules}: {}", String::from_utf8_lossy(&done.stderr));
}

async fn behind_a_firewall() {
    let farm = Farm::new();
    let at: SocketAddr = "127.0.0.2:20030".parse().unwrap();
    let (_server, mut arrivals) = Endpoint::listen(farm.options(Service::Peer, &farm.broker), at).unwrap();
    let dialer = farm.dialer(Service::Peer, &farm.broker);
    nft("add table inet t");
    nft("add chain inet t in { type filter hook input priority 0 ; }");
    let call = async || soon(dialer.connect_to(at, Trust::AnyBroker)).await;

    nft("add rule inet t in udp dport 20030 drop");
    assert_eq!(
        call().await.unwrap_err().to_string(),
        "no answer from 127.0.0.2:20030/udp (broker to broker) to 127.0.0.1: is the port blocked between them?"
    );
    nft("flush chain inet t in");
    nft("add rule inet t in udp dport 20030 reject");
    let rejected = call().await.unwrap_err();
    assert!(matches!(rejected, ConnectError::NothingListens(_)), "{rejected}");
    nft("flush chain inet t in");
    nft("add rule inet t in udp dport 20030 reject with icmpx admin-prohibited");
    let forbidden = call().await.unwrap_err();
    assert!(matches!(forbidden, ConnectError::NoWay { .. }), "{forbidden}");
    assert!(forbidden.to_string().starts_with("no way from 127.0.0.1 to 127.0.0.2:20030/udp (broker to broker): "));

    nft("flush chain inet t in");
    let here = call().await.unwrap();
    let there = soon(arrivals.next()).await.unwrap();
    let since = Instant::now();
    nft("add rule inet t in udp dport 20030 drop");
    nft("add rule inet t in udp sport 20030 drop");
    let (one, two) = soon(async { tokio::join!(here.closed(), there.closed()) }).await;
    assert!(matches!((&one, &two), (Closed::Silent { .. }, Closed::Silent { .. })), "{one} / {two}");
    assert!(since.elapsed() < Duration::from_secs(4), "noticed in {:?}", since.elapsed());
}
