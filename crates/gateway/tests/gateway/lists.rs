//! The list of brokers: who may change it, and that it is remembered.

use crate::fake_host;
use crate::site::{Site, broker, epoch, hello_of, list, soon, until};
use hostler_gateway::GatewayLimits;
use hostler_wire::messages::gateway::{BrokerToGateway, GatewayToBroker};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_under_a_lower_epoch_is_refused_and_seating_goes_on() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1), broker(2)];
    let site = Site::start(&mut brokers).await;
    brokers.iter().for_each(|b| b.decides(Ok(host.clone())));
    let [first, second] = &mut brokers;
    let both = list(5, &[first, second]);
    first.says(&BrokerToGateway::Brokers(both));
    // A superseded master does not know of it, and takes the other one off the list.
    let kept = site.dir.path().join("brokers.json");
    until("the list is on disk", || std::fs::read_to_string(&kept).unwrap().contains("\"n\": 5")).await;
    second.says(&BrokerToGateway::Brokers(list(4, &[second])));
    assert_eq!(soon(second.hears()).await, GatewayToBroker::Fenced { epoch: epoch(5) });
    assert_eq!(site.gateway.connected_brokers(), 2);
    let refused = site.gateway.metrics().counts().fenced;
    // The list in the second one's welcome has epoch 1, and may have been looked at before or after the new one came.
    assert!(matches!(refused, 1 | 2), "{refused}");
    let hello = hello_of("alice");
    for _ in 0..2 {
        let mut client_end = site.client(&hello).await;
        assert_eq!(client_end.reads(hello.len()).await, hello);
    }
    // Both are asked: seating is never fenced.
    for broker in &mut brokers {
        loop {
            match soon(broker.hears()).await {
                GatewayToBroker::Seat { .. } => break,
                other => assert_eq!(other, GatewayToBroker::Fenced { epoch: epoch(5) }),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_are_added_and_removed_by_the_list() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let [first] = brokers;
    let second = broker(2);
    second.decides(Ok(host));
    let both = list(1, &[&first, &second]);
    second.welcomes_with(&both);
    first.says(&BrokerToGateway::Brokers(both));
    site.connects_to(2).await;
    // Now the first one goes, and its link ends.
    let only = list(2, &[&second]);
    second.says(&BrokerToGateway::Brokers(only));
    site.connects_to(1).await;
    let hello = hello_of("alice");
    for _ in 0..3 {
        let mut client_end = site.client(&hello).await;
        assert_eq!(client_end.reads(hello.len()).await, hello);
    }
    // An empty list would leave nobody to hear of a better one.
    let empty = list(9, &[]);
    second.says(&BrokerToGateway::Brokers(empty));
    let again = list(2, &[&second, &first]);
    first.welcomes_with(&again);
    second.says(&BrokerToGateway::Brokers(again));
    site.connects_to(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_gateway_goes_on_with_the_last_list() {
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let [first] = brokers;
    let mut second = broker(2);
    let moved = list(7, &[&second]);
    second.welcomes_with(&moved);
    first.says(&BrokerToGateway::Brokers(moved));
    soon(second.hears()).await;
    let Site { gateway, dir } = site;
    soon(gateway.stop()).await;
    let given = list(1, &[&first]);
    let site = Site::start_alone(given, GatewayLimits::default(), dir).await;
    site.connects_to(1).await;
    match soon(second.hears()).await {
        GatewayToBroker::Hello { epoch: seen, .. } => assert_eq!(seen, epoch(7)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_hear_how_much_is_carried() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    brokers[0].decides(Ok(host));
    let hello = hello_of("alice");
    let mut client_end = site.client(&hello).await;
    client_end.reads(hello.len()).await;
    soon(async { while brokers[0].heard.recv().await != Some(GatewayToBroker::Load { connections: 1 }) {} }).await;
}
