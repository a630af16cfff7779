//! Several brokers: all hear the same, none of them is believed under a lower epoch, and a link that dies comes back.

use crate::support::{Broker, Link, Site, claim, epoch, linked, list, offer, settings};
use hostler_wire::messages::agent::{BrokerToAgent, HostSettings};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_hear_the_same() {
    let mut brokers = [Broker::start(1).await, Broker::start(2).await, Broker::start(3).await];
    let site = Site::new(list(1, &brokers.each_ref()));
    let _agent = site.start().await;
    let mut links: Vec<Link> = Vec::new();
    for broker in &mut brokers {
        let mut link = broker.link().await;
        link.welcome(settings(), site.brokers.clone());
        link.report().await;
        links.push(link);
    }
    // Offers from each; the verdict goes back where the offer came from.
    for (link, n) in links.iter_mut().zip(1..) {
        assert_eq!(link.offer(offer(n, &format!("user{n}"))).await, Ok(()));
        assert_eq!(link.take(claim(n)).await, Ok(()));
    }
    for n in 1..=3 {
        site.script.begin(&format!("s{n}"), &format!("user{n}"));
    }
    let mut heard = Vec::new();
    for link in &mut links {
        heard.push(link.report_where(|report| report.sessions.len() == 3).await);
    }
    assert_eq!((&heard[0], &heard[0]), (&heard[1], &heard[2]));
    // The ticket of one is taken through another.
    assert_eq!(links[2].take(claim(1)).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_dies_comes_back_with_a_report_at_once() {
    let (site, mut broker, _agent, link, first) = linked().await;
    link.cut();
    let mut link = broker.link().await;
    site.script.begin("s1", "alice");
    let welcomed = Instant::now();
    link.welcome(settings(), site.brokers.clone());
    let report = link.report().await;
    // Far below the interval of reports, 5 s.
    assert!(report.number > first.number && welcomed.elapsed() < Duration::from_millis(2_500), "{report:?}");

    // A broker that says nothing is given up, too.
    link.cut();
    let mut silent = broker.link().await;
    assert!(silent.ended().await.ends_with("closed the connection: the connection was open for too long"));
    let mut link = broker.link().await;
    link.welcome(settings(), site.brokers.clone());
    link.report().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lower_epoch_is_refused() {
    let (mut one, mut two) = (Broker::start(1).await, Broker::start(2).await);
    let site = Site::new(list(1, &[&one, &two]));
    let _agent = site.start().await;
    let (mut high, mut low) = (one.link().await, two.link().await);
    high.welcome(HostSettings { drain: true, ..settings() }, list(2, &[&one, &two]));
    high.report_where(|report| report.draining).await;

    // It learns the epoch; what it wants changes nothing, and it may seat people all the same.
    low.welcome(settings(), list(1, &[&two]));
    assert_eq!([low.fenced().await, low.fenced().await], [epoch(2), epoch(2)]);
    low.say(BrokerToAgent::Brokers(list(1, &[&two])));
    assert_eq!(low.fenced().await, epoch(2));
    low.say(BrokerToAgent::Settings(settings()));
    assert_eq!(low.fenced().await, epoch(2));
    assert_eq!(low.offer(offer(1, "alice")).await, Err(hostler_seating::seat::Refusal::Draining));

    // It catches up.
    low.say(BrokerToAgent::Brokers(list(2, &[&one, &two])));
    low.say(BrokerToAgent::Settings(settings()));
    high.report_where(|report| !report.draining).await;
    assert_eq!(low.offer(offer(2, "alice")).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_brokers_is_followed() {
    let (site, one, _agent, mut link, _) = linked().await;
    let mut two = Broker::start(2).await;
    // One that no list can be changes nothing.
    link.say(BrokerToAgent::Brokers(list(9, &[])));
    link.say(BrokerToAgent::Brokers(list(1, &[&one, &two])));
    let mut second = two.link().await;
    assert_eq!(second.epoch, epoch(1));
    second.welcome(settings(), list(1, &[&one, &two]));
    second.report().await;
    // Any broker may say that another one is no longer one.
    second.say(BrokerToAgent::Brokers(list(2, &[&two])));
    let end = link.ended().await;
    assert!(end.contains("closed the connection"), "{end}");
    site.script.begin("s1", "alice");
    second.report_where(|report| report.sessions.len() == 1).await;
}
