//! Structural orders: the list of brokers, and another key. Each is refused under a lower epoch than the gateway has
//! seen, also after a restart; and a key is replaced, wherever that is cut off.

use crate::fake_broker::FakeBroker;
use crate::fake_host;
use crate::site::{GATEWAY, Site, broker, epoch, gateway_key, hello_of, list, soon, until};
use hostler_gateway::GatewayLimits;
use hostler_model::{MemberRole, PublicKey};
use hostler_wire::messages::gateway::{BrokerToGateway, GatewayToBroker};
use hostler_wire::{KeyRing, MemberKey, proves_key};
use std::fs;
use std::sync::Arc;

/// What a broker hears next that is not a hello.
async fn hears(broker: &mut FakeBroker) -> GatewayToBroker {
    loop {
        match soon(broker.hears()).await {
            GatewayToBroker::Hello { .. } => {}
            other => return other,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_order_of_a_lower_epoch_is_refused() {
    let mut brokers = [broker(1), broker(2)];
    let site = Site::start(&mut brokers).await;
    let [first, mut second] = brokers;
    let both = list(5, &[&first, &second]);
    first.welcomes_with(&both);
    let kept = site.dir.path().join("brokers.json");
    first.says(&BrokerToGateway::Brokers(both));
    until("the list is on disk", || fs::read_to_string(&kept).unwrap().contains("\"n\": 5")).await;
    let old = list(4, &[&second]);
    let replaced = || BrokerToGateway::KeyReplaced { request: 1, epoch: epoch(4), result: Ok(()) };
    for order in [BrokerToGateway::Brokers(old.clone()), replaced()] {
        second.says(&order);
        assert_eq!(hears(&mut second).await, GatewayToBroker::Fenced { epoch: epoch(5) }, "{order:?}");
    }
    // Its welcome carries an older list: after a restart, with the list that the gateway was given at first, as well.
    let Site { gateway, dir } = site;
    soon(gateway.stop()).await;
    second.welcomes_with(&old);
    let site = Site::start_alone(list(1, &[&first, &second]), GatewayLimits::default(), dir).await;
    site.connects_to(2).await;
    assert_eq!(hears(&mut second).await, GatewayToBroker::Fenced { epoch: epoch(5) }, "welcome");
    for order in [BrokerToGateway::Brokers(old), replaced()] {
        second.says(&order);
        assert_eq!(hears(&mut second).await, GatewayToBroker::Fenced { epoch: epoch(5) }, "{order:?}");
    }
    assert_eq!(site.gateway.connected_brokers(), 2);
}

fn files(dir: &tempfile::TempDir) -> KeyRing {
    let ring = KeyRing::at(dir.path());
    ring.current().create(&gateway_key()).unwrap();
    ring
}

async fn start(broker: &FakeBroker, dir: tempfile::TempDir, ring: &KeyRing) -> Site {
    let key = Arc::new(ring.current().load().unwrap());
    let given = list(1, &[broker]);
    broker.welcomes_with(&given);
    Site::start_with_keys(given, GatewayLimits::default(), dir, key, Some(ring.clone())).await
}

async fn in_place(ring: &KeyRing, key: PublicKey) {
    until("the new key is in its place", || {
        !ring.is_under_way() && ring.current().load().is_ok_and(|k| k.public() == key)
    })
    .await;
}

async fn key_request(broker: &mut FakeBroker) -> (u64, PublicKey) {
    match hears(broker).await {
        GatewayToBroker::ReplaceKey { request, key, proof } => {
            assert!(proves_key(&key, GATEWAY.0, &proof));
            (request, key)
        }
        other => panic!("no request for a key, but {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_replaced_while_the_gateway_runs() {
    let host = fake_host::echo(1).await;
    let mut broker = broker(1);
    broker.decides(Ok(host));
    let dir = tempfile::tempdir().unwrap();
    let ring = files(&dir);
    let site = start(&broker, dir, &ring).await;
    site.connects_to(1).await;
    let hello = hello_of("alice");
    let mut client_end = site.client(&hello).await;
    assert_eq!(client_end.reads(hello.len()).await, hello);
    assert!(matches!(hears(&mut broker).await, GatewayToBroker::Seat { .. }));

    ring.ask().unwrap();
    let (request, key) = key_request(&mut broker).await;
    broker.says(&BrokerToGateway::KeyReplaced { request, epoch: epoch(0), result: Ok(()) });
    assert_eq!(hears(&mut broker).await, GatewayToBroker::Fenced { epoch: epoch(1) });
    let (request, same) = key_request(&mut broker).await;
    assert_eq!((same, ring.current().load().unwrap().public()), (key, gateway_key().public()));

    broker.roster.set(MemberRole::Gateway, [(gateway_key().public(), GATEWAY.0), (key, GATEWAY.0)]);
    broker.says(&BrokerToGateway::KeyReplaced { request, epoch: epoch(1), result: Ok(()) });
    in_place(&ring, key).await;
    broker.roster.set(MemberRole::Gateway, [(key, GATEWAY.0)]);
    site.connects_to(1).await;
    // Whoever was there has noticed nothing, and the next one comes in.
    client_end.echoes(b"still here").await;
    let mut client_end = site.client(&hello).await;
    assert_eq!(client_end.reads(hello.len()).await, hello);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_was_cut_off_finds_out_which_key_counts() {
    let broker = broker(1);
    let next = MemberKey::from_seed(&[0x68; 32]);
    broker.roster.set(MemberRole::Gateway, [(next.public(), GATEWAY.0)]);
    let dir = tempfile::tempdir().unwrap();
    let ring = files(&dir);
    ring.next().create(&next).unwrap();
    let site = start(&broker, dir, &ring).await;
    in_place(&ring, next.public()).await;
    site.connects_to(1).await;
}
