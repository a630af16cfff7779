//! What administrators want done with sessions.

use crate::support::{linked, offer, only, user};
use hostler_model::SessionId;
use hostler_seating::report::SessionState;
use hostler_wire::messages::agent::SessionOrder;

fn message(text: &str) -> SessionOrder {
    SessionOrder::Message { text: text.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_carried_out_and_their_failures_told() {
    let (site, _broker, _agent, mut link, _) = linked().await;
    site.script.begin("s1", "alice");
    let session = only(&link.report_where(|report| !report.sessions.is_empty()).await);

    assert_eq!(link.order(session, message("Back up at noon")).await, Ok(()));
    assert_eq!(link.order(session, SessionOrder::Disconnect).await, Ok(()));
    link.report_where(|report| report.sessions[0].state == SessionState::Disconnected).await;
    let nobody = SessionId([0; 16]);
    site.script.fail(true);
    for (session, order, why) in [
        (
            nobody,
            SessionOrder::LogOff,
            "session aaaaaaaaaaaaaaaaaaaaaaaaaa is not on this host; list the sessions again",
        ),
        (session, message(&"x".repeat(1_025)), "the message has 1025 bytes, 1024 at most are allowed; shorten it"),
        (session, SessionOrder::LogOff, "0 messages on this host are still unread; wait until some are closed"),
    ] {
        assert_eq!(link.order(session, order).await, Err(why.to_string()));
    }
    site.script.fail(false);
    assert_eq!(link.order(session, SessionOrder::LogOff).await, Ok(()));
    link.report_where(|report| report.sessions.is_empty()).await;
    assert_eq!(site.script.done(), ["tell s1: Back up at noon", "disconnect s1", "log off s1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_hangs_holds_up_its_own_orders_only() {
    let (site, _broker, agent, mut link, _) = linked().await;
    site.script.begin("s1", "alice");
    let session = only(&link.report_where(|report| !report.sessions.is_empty()).await);
    site.script.hold(true);
    let waits = link.give(session, message("first"));
    // It hangs, and everything else goes on.
    assert_eq!(link.offer(offer(2, "bob")).await, Ok(()));
    assert_eq!(agent.awaited(&user("bob")).await, Some(offer(2, "bob")));
    assert_eq!(link.explain(session).await, None);
    // A queue that is full says so, and every order gets its answer in the end.
    let more: Vec<u64> = (0..300).map(|_| link.give(session, message("more"))).collect();
    let refused = link.done(more[299]).await.unwrap_err();
    assert_eq!(refused, "the host is busy: 256 orders wait there already; try again later");
    assert_eq!(site.script.done().len(), 0);
    site.script.hold(false);
    assert_eq!(link.done(waits).await, Ok(()));
    assert_eq!(link.done(more[200]).await, Ok(()));
}
