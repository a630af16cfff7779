//! A session source that fails, and many agents in one process.

use crate::support::{Broker, Site, list, offer, sessions, settings, soon};
use hostler_agent::{Agent, AgentError, run};
use hostler_model::HostId;
use hostler_seating::seat::Refusal;
use hostler_wire::MemberKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_fails_is_asked_again() {
    let mut broker = Broker::start(1).await;
    let site = Site::new(list(1, &[&broker]));
    site.script.fail(true);
    let _agent = site.start().await;
    let mut link = broker.link().await;
    link.welcome(settings(), site.brokers.clone());
    // Whoever does not know its sessions admits nobody.
    assert_eq!(link.offer(offer(1, "alice")).await, Err(Refusal::Busy));
    site.script.fail(false);
    link.report().await;
    site.script.panic(true);
    let before = site.script.calls();
    soon(async {
        while site.script.calls() < before + 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    site.script.begin("s1", "alice");
    site.script.panic(false);
    let report = link.report_where(|report| !report.sessions.is_empty()).await;
    assert_eq!(sessions(&report), [("alice".to_string(), None)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_an_agent_ends_when_it_is_told_to() {
    let mut broker = Broker::start(1).await;
    let site = Site::new(list(1, &[&broker]));
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let running = tokio::spawn(run(site.config(), site.script.source(), shutdown));
    let mut link = broker.link().await;
    let second = Agent::start(site.config(), site.script.source()).await.map(|_| ()).unwrap_err().to_string();
    assert!(second.contains("is used by another agent that is running"), "{second}");
    drop(stop);
    soon(running).await.unwrap().unwrap();
    assert!(link.ended().await.ends_with("closed the connection: the process is being stopped"));

    let mut nobody = Site::new(list(1, &[]));
    let error = Agent::start(nobody.config(), nobody.script.source()).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, AgentError::NoBrokers), "{error}");
    // Its folder is free again.
    nobody.brokers = list(1, &[&broker]);
    nobody.start().await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_agents_in_one_process() {
    let keys: Vec<_> = (0..100).map(|n| (Arc::new(MemberKey::from_seed(&[100 + n; 32])), HostId([n; 16]))).collect();
    let mut broker = Broker::start_for(1, keys.iter().map(|(key, host)| (key.public(), *host)).collect()).await;
    let mut agents = Vec::new();
    for (key, host) in keys {
        let site = Site::new(list(1, &[&broker]));
        let mut config = site.config();
        (config.key, config.host) = (key, host);
        agents.push((Agent::start(config, site.script.source()).await.unwrap(), site));
    }
    // A host may come twice, where this machine is so busy that a first link was given up.
    let mut links = BTreeMap::new();
    while links.len() < 100 {
        let link = broker.link().await;
        link.welcome(settings(), list(1, &[&broker]));
        links.insert(link.host, link);
    }
    assert!(links.keys().copied().eq((0..100).map(|n| HostId([n; 16]))));
    for link in links.values_mut() {
        link.report().await;
    }
    let stops: Vec<_> = agents.into_iter().map(|(agent, site)| (tokio::spawn(agent.stop()), site)).collect();
    for (stop, _site) in stops {
        soon(stop).await.unwrap();
    }
}
