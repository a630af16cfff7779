//! Several brokers, some of which don't answer.

use crate::fake_broker::{FakeBroker, answer, request};
use crate::fake_host;
use crate::site::{Site, broker, ending_of, gateway_key, hello_of, list, soon, until};
use hostler_model::HostId;
use hostler_seating::seat::NoSeat;
use hostler_wire::messages::gateway::{BrokerToGateway, GatewayToBroker, Route, TurnedAway};
use std::time::{Duration, Instant};

async fn connects(site: &Site) -> Duration {
    let (begin, hello) = (Instant::now(), hello_of("alice"));
    let mut client_end = site.client(&hello).await;
    assert_eq!(client_end.reads(hello.len()).await, hello);
    begin.elapsed()
}

fn requests(broker: &mut FakeBroker) -> usize {
    std::iter::from_fn(|| broker.heard.try_recv().ok()).filter(|m| request(m).is_some()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_are_asked_in_turn() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1), broker(2), broker(3)];
    let site = Site::start(&mut brokers).await;
    brokers.iter().for_each(|b| b.decides(Ok(host.clone())));
    for _ in 0..9 {
        connects(&site).await;
    }
    assert_eq!(brokers.each_mut().map(requests), [3, 3, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_broker_costs_less_than_a_second_and_only_once() {
    let host = fake_host::echo(1).await;
    // The first one is connected and never answers.
    let mut brokers = [broker(1), broker(2), broker(3)];
    let site = Site::start(&mut brokers).await;
    brokers[1..].iter().for_each(|b| b.decides(Ok(host.clone())));
    let mut slow = 0;
    for _ in 0..6 {
        let took = connects(&site).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        slow += usize::from(took >= Duration::from_millis(200));
    }
    assert_eq!((slow, requests(&mut brokers[0])), (1, 1), "who owes an answer is asked last");
    assert_eq!(site.gateway.metrics().counts().broker_timeouts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dead_brokers_leave_time_for_the_third_within_a_second() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1), broker(2), broker(3)];
    let site = Site::start(&mut brokers).await;
    brokers[2].decides(Ok(host));
    // Whom it asks first is a matter of turns: one of these meets both.
    for _ in 0..3 {
        let took = connects(&site).await;
        // The third may then still have to pass over the two, as home brokers.
        assert!(took < Duration::from_millis(700), "{took:?}");
    }
    assert_eq!([requests(&mut brokers[0]), requests(&mut brokers[1])], [1, 1], "who owes an answer is asked last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_decide_now_is_passed_over_at_once() {
    let host = fake_host::echo(1).await;
    for why in [TurnedAway::NotServing, TurnedAway::Busy, TurnedAway::NoSeat(NoSeat::Busy)] {
        let mut brokers = [broker(1), broker(2)];
        let site = Site::start(&mut brokers).await;
        brokers[0].decides(Err(why.clone()));
        brokers[1].decides(Ok(host.clone()));
        for _ in 0..2 {
            let took = connects(&site).await;
            assert!(took < Duration::from_millis(500), "{why}: {took:?}");
        }
        // Nobody can.
        brokers[1].decides(Err(why.clone()));
        let mut client_end = site.client(&hello_of("alice")).await;
        let at = client_end.at();
        assert_eq!(client_end.reads_to_the_end().await, crate::doors::REFUSED);
        let line = ending_of(at).await;
        assert!(line.contains("none of the 2 brokers that were asked could take the request"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_counts_where_no_other_comes() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1), broker(2)];
    let site = Site::start(&mut brokers).await;
    let hello = hello_of("alice");
    let mut client_end = site.client(&hello).await;
    let (first, second) = brokers.split_at_mut(1);
    let asked = soon(async { tokio::join!(first[0].hears(), second[0].hears()) }).await;
    // Both were asked; the one that was asked first answers now.
    let [first] = first else { unreachable!() };
    let message = answer(&asked.0, Ok(host)).remove(0);
    first.says(&message);
    assert_eq!(client_end.reads(hello.len()).await, hello);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_works_on_it_is_waited_for() {
    let host = fake_host::echo(1).await;
    let mut brokers = [broker(1), broker(2)];
    let site = Site::start(&mut brokers).await;
    for b in &brokers {
        b.answers(|message| request(message).into_iter().map(|request| BrokerToGateway::Working { request }).collect());
    }
    let hello = hello_of("alice");
    let (begin, mut client_end) = (Instant::now(), site.client(&hello).await);
    let (first, second) = brokers.split_at_mut(1);
    let (asked, works, other) = soon(async {
        tokio::select! {
            m = first[0].hears() => (m, &first[0], &mut second[0]),
            m = second[0].hears() => (m, &second[0], &mut first[0]),
        }
    })
    .await;
    // Longer than any broker that says nothing may take.
    until("a long time", || begin.elapsed() > Duration::from_millis(4_500)).await;
    let others: Vec<GatewayToBroker> = std::iter::from_fn(|| other.heard.try_recv().ok()).collect();
    assert!(others.iter().all(|m| request(m).is_none()), "{others:?}");
    works.says(&answer(&asked, Ok(host)).remove(0));
    assert_eq!(client_end.reads(hello.len()).await, hello);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_outlives_its_brokers_link() {
    let host = fake_host::echo(1).await;
    let mut brokers = vec![broker(1), broker(2)];
    let site = Site::start(&mut brokers).await;
    let hello = hello_of("alice");
    // Whoever is asked dies before it answers; the other one then decides.
    let begin = Instant::now();
    let mut client_end = site.client(&hello).await;
    let (first, second) = brokers.split_at_mut(1);
    let asked = soon(async {
        tokio::select! {
            _ = first[0].hears() => 0,
            _ = second[0].hears() => 1,
        }
    })
    .await;
    brokers[1 - asked].decides(Ok(host));
    soon(brokers.remove(asked).stop()).await;
    assert_eq!(client_end.reads(hello.len()).await, hello);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(site.gateway.connected_brokers(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_comes_back_is_used_again_and_clients_wait_for_it() {
    let host = fake_host::echo(1).await;
    let mut brokers = vec![broker(1)];
    let site = Site::start(&mut brokers).await;
    let hello = hello_of("alice");
    let mut carried = {
        brokers[0].decides(Ok(host.clone()));
        let mut client_end = site.client(&hello).await;
        client_end.reads(hello.len()).await;
        client_end
    };
    let all = list(1, &[&brokers[0]]);
    let at = soon(brokers.remove(0).stop()).await.addresses.access.to_string();
    site.connects_to(0).await;
    carried.echoes(b"no broker is needed for this").await;
    let mut waits = site.client(&hello).await;
    let again = FakeBroker::start_at(1, (&gateway_key(), crate::site::GATEWAY), &at);
    again.welcomes_with(&all);
    let route = Route { host: HostId([9; 16]), ..host };
    again.decides(Ok(route));
    assert_eq!(waits.reads(hello.len()).await, hello);
    site.connects_to(1).await;
}
