//! What outlives the agent's process.

use crate::support::{Broker, claim, linked, list, offer, only, sessions, settings};
use hostler_seating::seat::TicketRefusal;
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_knows_sessions_explanations_and_tickets() {
    let (site, mut broker, agent, mut link, _) = linked().await;
    for (n, name) in [(1, "alice"), (2, "bob"), (3, "carol")] {
        assert_eq!(link.offer(offer(n, name)).await, Ok(()));
        assert_eq!(link.take(claim(n)).await, Ok(()));
    }
    for (key, user) in [("s1", "alice"), ("s2", "bob"), ("s3", "carol")] {
        site.script.begin(key, user);
    }
    let before = link.report_where(|report| report.sessions.len() == 3).await;
    agent.stop().await;

    // While it is away, one session ends, and one file is damaged.
    site.script.end("s3");
    let bob = before.sessions.iter().find(|s| s.user.as_str() == "bob").unwrap().id;
    let folder = site.folder.path().join("agent/sessions");
    let file = folder.join(format!("{bob}.json"));
    fs::write(&file, "rubbish").unwrap();

    let agent = site.start().await;
    let mut link = broker.link().await;
    link.welcome(settings(), site.brokers.clone());
    let after = link.report().await;
    let ids = |report: &hostler_seating::report::Report, user: &str| {
        report.sessions.iter().find(|s| s.user.as_str() == user).map(|s| s.id)
    };
    for user in ["alice", "bob"] {
        assert_eq!((ids(&after, user).is_some(), ids(&after, user)), (true, ids(&before, user)));
    }
    let mut seats = sessions(&after);
    seats.sort();
    assert_eq!(seats, [("alice".into(), Some(claim(1).seat)), ("bob".into(), None)]);
    let alice = ids(&after, "alice").unwrap();
    assert_eq!(link.explain(alice).await, Some((*offer(1, "alice").explanation).clone()));
    assert_eq!(link.explain(bob).await, None);
    for (n, expected) in [(1, Ok(())), (2, Err(TicketRefusal::NoSeat)), (3, Err(TicketRefusal::Used))] {
        assert_eq!(link.take(claim(n)).await, expected, "ticket {n}");
    }
    agent.stop().await;
    let names = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let (good, bad): (Vec<_>, Vec<_>) = names.partition(|name| name.ends_with(".json"));
    assert_eq!(good, [format!("{alice}.json")]);
    assert!(bad.len() == 1 && bad[0].starts_with(&format!("{bob}.bad-")), "{bad:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_nobody() {
    let (site, _broker, agent, mut link, _) = linked().await;
    // A folder that is a file takes no files, whoever writes.
    let folder = site.folder.path().join("agent/sessions");
    fs::remove_dir(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    assert_eq!(link.offer(offer(1, "alice")).await, Ok(()));
    site.script.begin("s1", "alice");
    let session = only(&link.report_where(|report| !report.sessions.is_empty()).await);
    assert_eq!(link.explain(session).await, Some((*offer(1, "alice").explanation).clone()));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_highest_epoch_outlives_the_process() {
    let (mut site, mut one, agent, link, _) = linked().await;
    let mut two = Broker::start(2).await;
    link.welcome(settings(), list(3, &[&one, &two]));
    let there = two.link().await;
    assert_eq!(there.epoch, list(3, &[]).epoch, "the list is followed when it is on disk");
    agent.stop().await;

    // The configuration is older: what was told later counts.
    site.brokers = list(2, &[&one]);
    let _agent = site.start().await;
    let mut link = one.link().await;
    assert_eq!((link.epoch, two.link().await.epoch), (list(3, &[]).epoch, list(3, &[]).epoch));
    link.welcome(settings(), list(2, &[&one]));
    assert_eq!(link.fenced().await, list(3, &[]).epoch);
    link.report().await;
}
