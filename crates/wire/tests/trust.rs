//! Who gets in, who does not and is told why, how a removal ends what is there, and how a restart is noticed.

#![allow(clippy::unwrap_used, reason = "a failed test should stop there")]

mod support;

use bytes::Bytes;
use hostler_model::{BrokerId, MemberRole};
use hostler_wire::{
    CloseReason, Closed, ConnectError, Endpoint, EndpointOptions, Fingerprint, Member, MemberKey, NotOnRoster, Refusal,
    Roster, Service, Trust, exporter, proof,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{Farm, HERE, loopback, options, soon};
use tokio::runtime::{Builder, Runtime};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_connect_and_each_knows_the_other() {
    let farm = Farm::new();
    for (service, key, member) in [
        (Service::Agent, &farm.agent, Member::new(MemberRole::Agent, [3; 16])),
        (Service::Gateway, &farm.gateway, Member::new(MemberRole::Gateway, [2; 16])),
        (Service::Peer, &farm.broker, Member::new(MemberRole::Broker, [1; 16])),
    ] {
        let (server, mut arrivals) =
            Endpoint::listen(farm.options(service, &farm.broker), HERE.parse().unwrap()).unwrap();
        let to = server.local().unwrap().to_string().parse().unwrap();
        let broker = Member::new(MemberRole::Broker, [1; 16]);
        for trust in [Trust::AnyBroker, Trust::Broker(BrokerId([1; 16]))] {
            let here = soon(farm.dialer(service, key).connect(&to, trust)).await.unwrap();
            let there = soon(arrivals.next()).await.unwrap();
            assert_eq!((here.identity().member, here.identity().key), (Some(broker), farm.broker.public()));
            assert_eq!((there.identity().member, there.identity().key), (Some(member), key.public()));
            assert_eq!(there.remote().ip(), loopback(), "it was dialled from the address that was asked for");
            let mut link = here.open_link().await.unwrap();
            link.send(Bytes::from_static(b"hello")).await.unwrap();
            let mut back = soon(there.accept_link()).await.unwrap();
            assert_eq!(soon(back.recv()).await.unwrap(), Some(Bytes::from_static(b"hello")));
            back.send(Bytes::from_static(b"welcome")).await.unwrap();
            assert_eq!(soon(link.recv()).await.unwrap(), Some(Bytes::from_static(b"welcome")));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_refused_and_told_why() {
    let farm = Farm::new();
    let (server, _arrivals) =
        Endpoint::listen(farm.options(Service::Agent, &farm.broker), HERE.parse().unwrap()).unwrap();
    let at = server.local().unwrap();
    let call = async |service, key, trust| soon(farm.dialer(service, key).connect_to(at, trust)).await.unwrap_err();
    let refused = call(Service::Agent, &farm.nobody, Trust::AnyBroker).await;
    assert!(matches!(refused, ConnectError::KeyRefused { .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        format!(
            "{at}/udp (agent to broker) does not accept this member's key {}: it never joined that farm, or was \
             removed from it",
            farm.nobody.fingerprint()
        )
    );
    let role = call(Service::Agent, &farm.gateway, Trust::AnyBroker).await;
    assert!(matches!(role, ConnectError::RoleRefused { .. }), "{role:?}");
    let other = call(Service::Gateway, &farm.gateway, Trust::AnyBroker).await;
    assert!(matches!(other, ConnectError::OtherProtocol(_)), "{other:?}");
    let pinned = Trust::Pinned(farm.nobody.fingerprint());
    match call(Service::Agent, &farm.agent, pinned).await {
        ConnectError::NotTrusted { key, why: Refusal::OtherFingerprint { found, wanted }, .. } => {
            let broker = farm.broker.fingerprint();
            assert_eq!((key, found, wanted), (broker, broker, farm.nobody.fingerprint()));
        }
        e => panic!("{e:?}"),
    }
    match call(Service::Agent, &farm.agent, Trust::Broker(BrokerId([9; 16]))).await {
        ConnectError::NotTrusted { why: Refusal::OtherBroker { found, wanted }, .. } => {
            assert_eq!((found.id(), wanted.id()), ([1; 16], [9; 16]));
        }
        e => panic!("{e:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_another_farm_is_not_trusted() {
    let (farm, foreign) = (Farm::new(), Arc::new(MemberKey::from_seed(&[77; 32])));
    let theirs = Arc::new(Roster::new());
    theirs.set(MemberRole::Agent, [(farm.agent.public(), [3; 16])]);
    let (server, _arrivals) =
        Endpoint::listen(options(Service::Agent, &foreign, &theirs), HERE.parse().unwrap()).unwrap();
    let error =
        soon(farm.dialer(Service::Agent, &farm.agent).connect_to(server.local().unwrap(), Trust::AnyBroker)).await;
    match error.unwrap_err() {
        ConnectError::NotTrusted { key, why, .. } => {
            assert_eq!((key, why), (foreign.fingerprint(), Refusal::Roster(NotOnRoster::Unknown)));
        }
        e => panic!("{e:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_ends_the_link_within_a_second_on_either_side() {
    for removes_the_client in [true, false] {
        let farm = Farm::new();
        // Two rosters, as in two processes.
        let clients = Farm::new();
        let (server, mut arrivals) =
            Endpoint::listen(farm.options(Service::Agent, &farm.broker), HERE.parse().unwrap()).unwrap();
        let dialer = clients.dialer(Service::Agent, &farm.agent);
        let at = server.local().unwrap();
        let here = soon(dialer.connect_to(at, Trust::AnyBroker)).await.unwrap();
        let there = soon(arrivals.next()).await.unwrap();
        let mut link = here.open_link().await.unwrap();
        link.send(Bytes::from_static(b"hello")).await.unwrap();
        let mut back = soon(there.accept_link()).await.unwrap();
        assert!(soon(back.recv()).await.unwrap().is_some());
        // Endpoints may be gone; what they let in must still be ended.
        drop(dialer);
        let since = Instant::now();
        if removes_the_client {
            farm.roster.set(MemberRole::Agent, []);
        } else {
            clients.roster.set(MemberRole::Broker, []);
        }
        let (told, tells) = soon(async { tokio::join!(here.closed(), there.closed()) }).await;
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        let (told, tells) = if removes_the_client { (told, tells) } else { (tells, told) };
        assert!(matches!(told, Closed::ByPeer { reason: CloseReason::Removed, .. }), "{told}");
        assert!(matches!(tells, Closed::Here { reason: CloseReason::Removed, .. }), "{tells}");
        assert!(soon(link.recv()).await.is_err() && soon(back.recv()).await.is_err());
        if removes_the_client {
            let again = soon(clients.dialer(Service::Agent, &farm.agent).connect_to(at, Trust::AnyBroker)).await;
            assert!(matches!(again, Err(ConnectError::KeyRefused { .. })), "{again:?}");
        }
        // Others are not disturbed by changes that are not theirs.
        drop(server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_members_stay_connected_when_one_is_removed() {
    let farm = Farm::new();
    let second = Arc::new(MemberKey::from_seed(&[9; 32]));
    let both = [(farm.agent.public(), [3; 16]), (second.public(), [9; 16])];
    farm.roster.set(MemberRole::Agent, both);
    let (server, mut arrivals) =
        Endpoint::listen(farm.options(Service::Agent, &farm.broker), HERE.parse().unwrap()).unwrap();
    let at = server.local().unwrap();
    let goes = soon(farm.dialer(Service::Agent, &farm.agent).connect_to(at, Trust::AnyBroker)).await.unwrap();
    let stays = soon(farm.dialer(Service::Agent, &second).connect_to(at, Trust::AnyBroker)).await.unwrap();
    let _held = [soon(arrivals.next()).await.unwrap(), soon(arrivals.next()).await.unwrap()];
    farm.roster.set(MemberRole::Agent, both.into_iter().skip(1));
    assert_eq!(soon(goes.closed()).await.reason(), Some(CloseReason::Removed));
    let link = stays.open_link().await.unwrap();
    link.send(Bytes::from_static(b"still here")).await.unwrap();
    let mut back = soon(_held.iter().find(|c| !c.is_closed()).unwrap().accept_link()).await.unwrap();
    assert_eq!(soon(back.recv()).await.unwrap(), Some(Bytes::from_static(b"still here")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_pins_the_issuer_and_proves_the_secret() {
    let farm = Farm::new();
    let (server, mut arrivals) =
        Endpoint::listen(farm.options(Service::Join, &farm.broker), HERE.parse().unwrap()).unwrap();
    let at = server.local().unwrap();
    let empty = Arc::new(Roster::new());
    let newcomer = Endpoint::dialer(options(Service::Join, &farm.nobody, &empty), None).unwrap();
    let wrong = soon(newcomer.connect_to(at, Trust::Pinned(Fingerprint([0; 16])))).await.unwrap_err();
    assert!(matches!(wrong, ConnectError::NotTrusted { .. }), "{wrong}");
    let trust = Trust::Pinned(farm.broker.fingerprint());
    let here = soon(newcomer.connect_to(at, trust)).await.unwrap();
    let there = soon(arrivals.next()).await.unwrap();
    assert_eq!((here.identity().member, there.identity().member), (None, None));
    assert_eq!(there.identity().key, farm.nobody.public());
    let (mine, theirs) = (exporter(&here).unwrap(), exporter(&there).unwrap());
    assert_eq!(mine, theirs);

    let secret = hostler_wire::JoinSecret::new([5; 16]);
    let proof = proof(&secret, &mine, &farm.nobody.public());
    assert!(secret.verifier().accepts(&proof, &theirs, &there.identity().key));
    let second = soon(newcomer.connect_to(at, trust)).await.unwrap();
    let second_there = soon(arrivals.next()).await.unwrap();
    assert_eq!(exporter(&second).unwrap(), exporter(&second_there).unwrap());
    assert!(
        !secret.verifier().accepts(&proof, &exporter(&second).unwrap(), &there.identity().key),
        "not on another connection"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_told_to_all() {
    let farm = Farm::new();
    let (server, mut arrivals) =
        Endpoint::listen(farm.options(Service::Agent, &farm.broker), HERE.parse().unwrap()).unwrap();
    let here = soon(farm.dialer(Service::Agent, &farm.agent).connect_to(server.local().unwrap(), Trust::AnyBroker))
        .await
        .unwrap();
    let _there = soon(arrivals.next()).await.unwrap();
    soon(server.close(CloseReason::Stopping)).await;
    assert_eq!(soon(here.closed()).await, Closed::ByPeer { peer: here.peer().clone(), reason: CloseReason::Stopping });
    assert!(soon(arrivals.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_joiners_than_there_is_room_for() {
    let farm = Farm::new();
    let (server, mut arrivals) =
        Endpoint::listen(farm.options(Service::Join, &farm.broker), HERE.parse().unwrap()).unwrap();
    let (at, newcomer) = (server.local().unwrap(), farm.dialer(Service::Join, &farm.nobody));
    let trust = Trust::Pinned(farm.broker.fingerprint());
    let mut held = Vec::new();
    let full = loop {
        match soon(newcomer.connect_to(at, trust)).await {
            Ok(here) => held.push((here, soon(arrivals.next()).await.unwrap())),
            Err(e) => break e,
        }
    };
    assert_eq!(held.len(), Service::Join.connections());
    assert_eq!(
        full.to_string(),
        format!("{at}/udp (joining the farm) has as many connections as it takes: try again later")
    );
    // One leaves, one may come.
    held.pop();
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(e) = soon(newcomer.connect_to(at, trust)).await {
        assert!(matches!(e, ConnectError::Busy(_)) && Instant::now() < deadline, "{e}");
    }
}

#[test]
fn connections_outlive_the_thread_that_opened_them() {
    // As actors do: they call from single-threaded runtimes, which must not be what drives QUIC.
    let main = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let farm = Farm::new();
    let (server, mut arrivals, dialer) = {
        let _entered = main.enter();
        let (server, arrivals) =
            Endpoint::listen(farm.options(Service::Peer, &farm.broker), HERE.parse().unwrap()).unwrap();
        (server, arrivals, farm.dialer(Service::Peer, &farm.broker))
    };
    let at = server.local().unwrap();
    let here = std::thread::scope(|scope| {
        let opens = scope.spawn(|| {
            let arbiter = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            arbiter.block_on(async { soon(dialer.connect_to(at, Trust::AnyBroker)).await.unwrap() })
        });
        opens.join().unwrap()
    });
    main.block_on(async {
        let there = soon(arrivals.next()).await.unwrap();
        let link = here.open_link().await.unwrap();
        link.send(Bytes::from_static(b"alive")).await.unwrap();
        let mut back = soon(there.accept_link()).await.unwrap();
        assert_eq!(soon(back.recv()).await.unwrap(), Some(Bytes::from_static(b"alive")));
    });
}

/// What one process of a broker is: its sockets end with it, and nobody is told.
fn process() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_that_is_back_is_noticed() {
    let farm = Farm::new();
    for (service, key) in
        [(Service::Agent, &farm.agent), (Service::Gateway, &farm.gateway), (Service::Peer, &farm.broker)]
    {
        let first = process();
        let options = |process: &Runtime| EndpointOptions {
            runtime: process.handle().clone(),
            ..farm.options(service, &farm.broker)
        };
        let (server, mut arrivals) = Endpoint::listen(options(&first), HERE.parse().unwrap()).unwrap();
        let at = server.local().unwrap();
        let dialer = farm.dialer(service, key);
        let here = soon(dialer.connect_to(at, Trust::AnyBroker)).await.unwrap();
        let there = soon(arrivals.next()).await.unwrap();
        first.shutdown_background();
        drop((there, arrivals, server));

        let second = process();
        let (server, arrivals) = soon(async {
            loop {
                // The first one's socket is closed when its threads have ended.
                if let Ok(listening) = Endpoint::listen(options(&second), at) {
                    return listening;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        let back = Instant::now();
        soon(here.closed()).await;
        assert!(back.elapsed() < service.idle() * 3 / 4, "{service} noticed only after {:?}", back.elapsed());
        drop((server, arrivals));
        second.shutdown_background();
    }
}
