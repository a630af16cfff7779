//! Structural orders: the list of brokers, what the farm wants of a host, and another key. Each is refused under a lower
//! epoch than the agent has seen, also after a restart; and a key is replaced, wherever that is cut off.

use crate::support::{Broker, HOST, Link, Site, agent_key, epoch, list, offer, settings, soon};
use hostler_agent::{Agent, AgentConfig, AgentHandle};
use hostler_model::{MemberRole, PublicKey};
use hostler_wire::messages::agent::{AgentToBroker, BrokerToAgent, HostSettings};
use hostler_wire::{KeyRing, MemberKey, proves_key};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_order_of_a_lower_epoch_is_refused() {
    let (mut one, mut two) = (Broker::start(1).await, Broker::start(2).await);
    let site = Site::new(list(1, &[&one, &two]));
    let agent = site.start().await;
    let (high, mut low) = (one.link().await, two.link().await);
    high.welcome(HostSettings { hard_cap: Some(7), ..settings() }, list(3, &[&one, &two]));
    let file = site.folder.path().join("agent/brokers.json");
    let on_disk = || fs::read_to_string(&file).is_ok_and(|text| text.contains("\"n\": 3") || text.contains("\"n\":3"));
    soon(async {
        while !on_disk() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    orders_are_refused(&mut low, &two).await;
    // Seating is never fenced.
    assert_eq!(low.offer(offer(1, "alice")).await, Ok(()));

    // The epoch is on the disk: a restart, with the list that it was given at first, believes no lower one again.
    agent.stop().await;
    let _agent = site.start().await;
    let mut low = two.link().await;
    assert_eq!(low.epoch, epoch(3));
    orders_are_refused(&mut low, &two).await;
}

/// Each structural order under epoch 2, of a broker that wants the agent for itself. The refusal carries epoch 3.
async fn orders_are_refused(low: &mut Link, two: &Broker) {
    let old = list(2, &[two]);
    let version = "9.9.9".to_string();
    let replaced = BrokerToAgent::KeyReplaced { request: 1, epoch: epoch(2), result: Ok(()) };
    for order in [
        BrokerToAgent::Welcome { version, settings: settings(), brokers: old.clone() },
        BrokerToAgent::Brokers(old),
        replaced,
    ] {
        low.say(order.clone());
        assert_eq!(low.fenced().await, epoch(3), "{order:?}");
    }
}

impl Link {
    async fn key_request(&mut self) -> (u64, PublicKey, Vec<u8>) {
        self.until(|message| match message {
            AgentToBroker::ReplaceKey { request, key, proof } => Some((request, key, proof)),
            _ => None,
        })
        .await
    }
}

/// A site whose agent has its key on the disk.
async fn start_with_files(site: &Site, ring: &KeyRing) -> AgentHandle {
    let key = Arc::new(ring.current().load().unwrap());
    let config = AgentConfig { key, key_ring: Some(ring.clone()), ..site.config() };
    Agent::start(config, site.script.source()).await.unwrap()
}

fn files(site: &Site) -> KeyRing {
    let folder = site.folder.path().join("keys");
    fs::create_dir(&folder).unwrap();
    let ring = KeyRing::at(folder);
    ring.current().create(&agent_key()).unwrap();
    ring
}

async fn until_in_place(ring: &KeyRing, key: PublicKey) {
    soon(async {
        while ring.is_under_way() || ring.current().load().unwrap().public() != key {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_replaced_while_the_agent_runs() {
    let mut broker = Broker::start(1).await;
    let site = Site::new(list(1, &[&broker]));
    let ring = files(&site);
    let _agent = start_with_files(&site, &ring).await;
    let mut link = broker.link().await;
    link.welcome(settings(), list(5, &[&broker]));
    assert_eq!(link.offer(offer(1, "alice")).await, Ok(()));
    ring.ask().unwrap();
    let (request, key, proof) = link.key_request().await;
    assert!(proves_key(&key, HOST.0, &proof));

    // Under a lower epoch, and where the broker can't: it keeps its key, and asks again.
    link.say(BrokerToAgent::KeyReplaced { request, epoch: epoch(4), result: Ok(()) });
    assert_eq!(link.fenced().await, epoch(5));
    let (request, same, _) = link.key_request().await;
    assert_eq!(same, key);
    link.say(BrokerToAgent::KeyReplaced { request, epoch: epoch(5), result: Err("the disk is full".into()) });
    let (request, same, _) = link.key_request().await;
    assert_eq!((same, ring.current().load().unwrap().public()), (key, agent_key().public()));

    // It comes back with the new one, and holds the seats that it held.
    broker.roster.set(MemberRole::Agent, [(agent_key().public(), HOST.0), (key, HOST.0)]);
    link.say(BrokerToAgent::KeyReplaced { request, epoch: epoch(5), result: Ok(()) });
    link.ended().await;
    broker.roster.set(MemberRole::Agent, [(key, HOST.0)]);
    let mut link = broker.link().await;
    assert_eq!(link.typed.connection().identity().key, key);
    link.welcome(settings(), list(5, &[&broker]));
    until_in_place(&ring, key).await;
    assert_eq!(link.take(crate::support::claim(1)).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_was_cut_off_finds_out_which_key_counts() {
    // Whether the new key counts already when it starts again.
    for counts in [true, false] {
        let next = MemberKey::from_seed(&[201; 32]);
        let good = if counts { next.public() } else { agent_key().public() };
        let mut broker = Broker::start_for(1, vec![(good, HOST)]).await;
        let site = Site::new(list(1, &[&broker]));
        let ring = files(&site);
        ring.next().create(&next).unwrap();
        let _agent = start_with_files(&site, &ring).await;
        let mut link = broker.link().await;
        assert_eq!(link.typed.connection().identity().key, good);
        link.welcome(settings(), list(1, &[&broker]));
        if !counts {
            let (request, key, _) = link.key_request().await;
            assert_eq!(key, next.public());
            broker.roster.set(MemberRole::Agent, [(key, HOST.0)]);
            // The answer does not get through: the link has ended before. Both keys are tried then.
            let _ = link.typed.try_send(&BrokerToAgent::KeyReplaced { request, epoch: epoch(1), result: Ok(()) });
            link = broker.link().await;
            link.welcome(settings(), list(1, &[&broker]));
        }
        until_in_place(&ring, next.public()).await;
        link.report().await;
    }
}
