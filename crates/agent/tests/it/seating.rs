//! Seats, tickets and sessions, from an offer to a session's end.

use crate::support::{HOST, ITEM, claim, epoch, linked, offer, only, sessions, settings, user};
use hostler_model::{HostId, SeatId};
use hostler_seating::seat::{Refusal, TicketRefusal};
use hostler_wire::messages::agent::{AgentToBroker, BrokerToAgent, HostSettings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_an_offer_to_the_end_of_the_session() {
    let (site, _broker, agent, mut link, first) = linked().await;
    assert_eq!((link.host, link.epoch), (HOST, epoch(1)));
    assert_eq!((first.hard_cap, first.logon_slots, first.draining), (10, 10, false));
    assert_eq!((first.sessions.len(), first.seats.len()), (0, 0));

    assert_eq!(agent.awaited(&user("alice")).await, None);
    assert_eq!(link.offer(offer(1, "alice")).await, Ok(()));
    let held = link.report_where(|report| !report.seats.is_empty()).await;
    assert_eq!((held.seats[0].seat, held.seats[0].item, held.load.logons_in_flight), (SeatId([1; 16]), ITEM, 1));
    assert_eq!(agent.awaited(&user("alice")).await, Some(offer(1, "alice")));

    // A client presents its ticket several times while it negotiates.
    assert_eq!([link.take(claim(1)).await, link.take(claim(1)).await], [Ok(()), Ok(())]);
    site.script.begin("s1", "Alice");
    let report = link.report_where(|report| !report.sessions.is_empty()).await;
    assert_eq!(sessions(&report), [("alice".to_string(), Some(SeatId([1; 16])))]);
    assert_eq!(report.seats, []);
    assert_eq!(agent.awaited(&user("alice")).await, None);
    assert_eq!(link.explain(only(&report)).await, Some((*offer(1, "alice").explanation).clone()));

    assert_eq!(link.take(claim(1)).await, Ok(()), "it comes back to the session");
    let mut elsewhere = claim(1);
    elsewhere.host = HostId([1; 16]);
    for (claim, refusal) in [(claim(9), TicketRefusal::NoSeat), (elsewhere, TicketRefusal::OtherHost)] {
        assert_eq!(link.take(claim).await, Err(refusal));
    }
    site.script.end("s1");
    link.report_where(|report| report.sessions.is_empty()).await;
    assert_eq!(link.take(claim(1)).await, Err(TicketRefusal::Used));
    assert_eq!(link.explain(only(&report)).await, None);
    agent.stop().await;
    assert!(link.ended().await.ends_with("closed the connection: the process is being stopped"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_farm_wants_of_the_host_goes_before_its_configuration() {
    let (site, _broker, _agent, mut link, _) = linked().await;
    let cases: [(HostSettings, _, (u32, u32, bool)); 5] = [
        (HostSettings { drain: true, ..settings() }, Err(Refusal::Draining), (10, 10, true)),
        (HostSettings { hard_cap: Some(0), ..settings() }, Err(Refusal::Full), (0, 10, false)),
        (HostSettings { logon_slots: Some(0), ..settings() }, Err(Refusal::Busy), (10, 0, false)),
        (HostSettings { hard_cap: Some(50), ..settings() }, Ok(()), (50, 10, false)),
        (settings(), Ok(()), (10, 10, false)),
    ];
    for (n, (settings, verdict, expected)) in cases.into_iter().enumerate() {
        link.say(BrokerToAgent::Settings(settings));
        let wanted = |r: &hostler_seating::report::Report| (r.hard_cap, r.logon_slots, r.draining) == expected;
        link.report_where(wanted).await;
        let n = u8::try_from(n).unwrap() + 1;
        assert_eq!(link.offer(offer(n, &format!("user{n}"))).await, verdict, "case {n}");
    }
    link.say(BrokerToAgent::Release { seat: SeatId([4; 16]) });
    link.report_where(|report| report.seats.len() == 1 && report.seats[0].seat == SeatId([5; 16])).await;
    drop(site);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_uses_the_ticket_of_somebody_else_is_logged_off() {
    let (site, _broker, _agent, mut link, _) = linked().await;
    assert_eq!(link.offer(offer(1, "alice")).await, Ok(()));
    assert_eq!(link.take(claim(1)).await, Ok(()));
    site.script.begin("s1", "mallory");
    let told = async |link: &mut crate::support::Link| {
        link.until(|message| match message {
            AgentToBroker::Stranger { user, expected, ended, .. } => Some((user.to_string(), expected, ended)),
            _ => None,
        })
        .await
    };
    assert_eq!(told(&mut link).await, ("mallory".into(), Some(user("alice")), true));
    assert_eq!(site.script.done(), ["log off s1"]);

    // Nobody's ticket: it is told, and left alone.
    assert_eq!(link.take(claim(1)).await, Ok(()));
    site.script.begin("s2", "alice");
    link.report_where(|report| !report.sessions.is_empty()).await;
    site.script.begin("s3", "DOMAIN\\bob");
    assert_eq!(told(&mut link).await, ("domain\u{FFFD}bob".into(), None, false));
    assert_eq!(site.script.done(), ["log off s1"]);
}
