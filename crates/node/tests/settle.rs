//! What administrators do about what was set aside, and how they undo what they did.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod net;

use hostler_events::payload::Grant;
use hostler_events::{Class, Event, EventRef};
use hostler_model::*;
use hostler_node::{Command, CommandError, ItemSpec, Outcome};
use hostler_views::audit::{self, event_short};
use net::{Net, SITE, admin, user};

fn name(event: &EventRef) -> String {
    event_short(event)
}

fn last(outcome: &Outcome) -> String {
    name(outcome.events.last().unwrap())
}

fn revert(event: &str) -> Command {
    Command::Revert { event: event.to_string() }
}

fn why(result: Result<Outcome, CommandError>) -> String {
    result.unwrap_err().to_string()
}

/// Broker 1, the master, is cut off and adds an administrator and a user; the others promote broker 2. Then they meet.
fn two_masters() -> (Net, EventRef, EventRef) {
    let mut net = Net::farm(3);
    for other in [2, 3] {
        net.link(1, other, false);
    }
    net.run(5_000);
    let lost = net.command(1, admin("eve")).unwrap().events[0];
    let merged = net.command(1, user("alice")).unwrap().events[0];
    let force = Command::ForcePromotion { broker: "b2".into(), lost: "b1".into(), reason: "its host burnt".into() };
    net.command(2, force).unwrap();
    net.command(2, admin("bert")).unwrap();
    for other in [2, 3] {
        net.link(1, other, true);
    }
    net.run(10_000);
    net.assert_equal_views();
    (net, lost, merged)
}

#[test]
fn a_superseded_event_is_re_applied_once_by_the_master() {
    let (mut net, lost, merged) = two_masters();
    let timeline = net.node(3).views().timeline(SITE).unwrap().clone();
    let waiting: Vec<_> = audit::set_aside(&timeline).into_iter().filter(|a| a.waits()).collect();
    assert_eq!(waiting.iter().map(|a| a.loaded.reference).collect::<Vec<_>>(), [lost]);
    let masters = audit::promotions(&timeline);
    let told: Vec<_> = masters.iter().map(|m| (m.epoch.n, m.promoted.reason.as_str(), m.superseded.len())).collect();
    assert!(told.contains(&(2, "its host burnt", 1)), "{told:?}");

    assert_eq!(
        why(net.command(3, Command::Reapply { event: name(&merged) })),
        format!("event {0} counts already; to undo it: hostler log revert {0}", name(&merged))
    );
    assert_eq!(
        why(net.command(3, Command::Discard { event: name(&lost), reason: " ".into() })),
        "say why it is discarded: the log keeps it for those who ask later"
    );
    let promotion = net.node(1).views().site(SITE).unwrap().master.as_ref().unwrap().promotion;
    assert!(why(net.command(3, Command::Reapply { event: name(&promotion) })).contains("counts already"));
    assert!(matches!(net.command(3, Command::Reapply { event: "b9/1".into() }), Err(CommandError::NotFound { .. })));

    // Given to any broker, by the event's short name; the master carries it out.
    let short = format!("b1/{}", lost.seq);
    let done = net.command(3, Command::Reapply { event: short.clone() }).unwrap();
    net.run(3_000);
    net.assert_equal_views();
    let state = net.node(1).views().main().unwrap();
    assert!(state.admins.values().any(|a| a.name.as_str() == "eve"));
    let by = done.events[0];
    assert_eq!(by.feed.broker, net::id(2), "the master wrote it");
    let header = &net.node(3).views().timeline(SITE).unwrap().find(by.feed, by.seq).unwrap().header;
    assert_eq!(header.class, Class::Structural, "it has the class of what it settles");
    for command in [Command::Reapply { event: short.clone() }, Command::Discard { event: short, reason: "no".into() }] {
        assert_eq!(
            why(net.command(2, command)),
            format!("event {} was re-applied already, by event {}", name(&lost), name(&by))
        );
    }
}

#[test]
fn a_discarded_event_stays_discarded() {
    let (mut net, lost, _) = two_masters();
    let reason = "bert does it now".to_string();
    let done = net.command(1, Command::Discard { event: audit::event_text(&lost), reason }).unwrap();
    net.run(3_000);
    net.assert_equal_views();
    let timeline = net.node(3).views().timeline(SITE).unwrap();
    assert!(audit::set_aside(timeline).iter().all(|a| !a.waits()));
    let settled = timeline.state().settled[&lost];
    assert_eq!((settled.by, settled.reapplied), (done.events[0], false));
    assert!(!timeline.state().admins.values().any(|a| a.name.as_str() == "eve"));
}

#[test]
fn what_settles_a_structural_event_takes_an_owner() {
    let (mut net, lost, _) = two_masters();
    let operator = net.command(2, admin("olga")).unwrap().thing.unwrap();
    let Thing::Admin(id) = operator else { panic!("{operator:?}") };
    net.run(3_000);
    let command = Command::Reapply { event: name(&lost) };
    let refused = net.command_as(2, hostler_events::Actor::Admin(id), command);
    assert_eq!(refused, Err(CommandError::Forbidden { needed: "owner".into() }));
}

fn publish(name: &str) -> Command {
    let spec = ItemSpec { everyone: true, ..ItemSpec::default() };
    Command::Publish { name: name.parse().unwrap(), launch: Launch::Desktop, spec }
}

fn rename(item: &str, to: &str) -> Command {
    Command::ChangeItem { item: item.into(), name: Some(to.parse().unwrap()), launch: None, spec: None }
}

fn set(value: Option<&str>) -> Command {
    Command::Set { key: "seats.queue".into(), value: value.map(str::to_string) }
}

#[test]
fn every_everyday_change_is_undone_by_a_new_event() {
    let mut net = Net::farm(2);
    let items = |net: &mut Net| -> Vec<String> {
        net.node(1).views().site(SITE).unwrap().items.values().map(|i| i.name.value.to_string()).collect()
    };
    let policy = |net: &mut Net| {
        net.node(1).views().site(SITE).unwrap().policies.get("seats.queue").and_then(|f| f.value.clone())
    };

    // Published, renamed twice, and back step by step.
    let published = last(&net.command(1, publish("Desk")).unwrap());
    let first = last(&net.command(1, rename("Desk", "Office")).unwrap());
    let second = last(&net.command(1, rename("Office", "Room")).unwrap());
    for event in [&published, &first] {
        let text = why(net.command(1, revert(event)));
        let later = if *event == published { &first } else { &second };
        assert_eq!(
            text,
            format!("event {event} can't be undone: event {later} is later and in the way; undo that one first")
        );
    }
    let undone = last(&net.command(1, revert(&second)).unwrap());
    assert_eq!(items(&mut net), ["Office"]);
    assert!(why(net.command(1, revert(&second))).contains(&format!("event {undone} is later and in the way")));
    // Undoing the undoing.
    net.command(1, revert(&undone)).unwrap();
    assert_eq!(items(&mut net), ["Room"]);

    // Removed and back, with a new id and what it last was.
    let before = *net.node(1).views().site(SITE).unwrap().items.keys().next().unwrap();
    let removed = last(&net.command(1, Command::Unpublish { item: "Room".into() }).unwrap());
    let again = net.command(1, revert(&removed)).unwrap();
    assert_eq!((items(&mut net), again.warnings.len()), (vec!["Room".to_string()], 1));
    let after = net.node(1).views().site(SITE).unwrap().items.iter().next().map(|(id, i)| (*id, i.clone())).unwrap();
    assert!(after.0 != before && after.1.audience.value.everyone);
    assert_eq!(
        net.command(1, revert(&removed)),
        Err(CommandError::Exists { what: "published item".into(), name: "Room".into() })
    );
    assert!(why(net.command(1, revert(&second))).contains(&format!("event {removed} is later and in the way")));

    // A new thing goes.
    let desk = last(&net.command(1, publish("Desk")).unwrap());
    net.command(1, revert(&desk)).unwrap();
    assert_eq!(items(&mut net), ["Room"]);

    // Policies: to the value before, and to the default.
    let (a, b) = (last(&net.command(1, set(Some("1s"))).unwrap()), last(&net.command(1, set(Some("2s"))).unwrap()));
    net.command(1, revert(&b)).unwrap();
    assert_eq!(policy(&mut net), Some("1s".into()));
    assert!(why(net.command(1, revert(&a))).contains("in the way"));
    let c = last(&net.command(1, set(None)).unwrap());
    net.command(1, revert(&c)).unwrap();
    assert_eq!(policy(&mut net), Some("1s".into()));

    // People.
    let alice = last(&net.command(1, user("alice")).unwrap());
    let group = Command::AddGroup { name: "staff".parse().unwrap(), members: vec!["alice".into()] };
    let group = last(&net.command(1, group).unwrap());
    let bob = last(&net.command(1, user("bob")).unwrap());
    let change = Command::ChangeGroup { group: "staff".into(), add: vec!["bob".into()], remove: vec!["alice".into()] };
    let change = last(&net.command(1, change).unwrap());
    net.command(1, revert(&bob)).unwrap();
    net.command(1, revert(&change)).unwrap();
    let state = net.node(1).views().site(SITE).unwrap();
    let members: Vec<_> =
        state.groups.values().flat_map(|g| &g.members.value).map(|id| state.users[id].name.as_str()).collect();
    assert_eq!(members, ["alice"]);
    assert!(why(net.command(1, revert(&group))).contains("in the way"));
    let gone = last(&net.command(1, Command::RemoveUser { user: "alice".into() }).unwrap());
    assert!(why(net.command(1, revert(&alice))).contains(&format!("event {gone} is later and in the way")));
    net.command(1, revert(&gone)).unwrap();
    let gone = last(&net.command(1, Command::RemoveGroup { group: "staff".into() }).unwrap());
    net.command(1, revert(&gone)).unwrap();
    let state = net.node(1).views().site(SITE).unwrap();
    assert_eq!((state.users.len(), state.groups.len()), (1, 1));
    net.run(3_000);
    net.assert_equal_views();
}

#[test]
fn what_can_not_be_undone_is_said_with_what_to_do_instead() {
    let mut net = Net::farm(1);
    let token = Command::CreateToken {
        token: TokenId([0x61; 16]),
        role: MemberRole::Agent,
        issuer: net::id(1),
        verifier: [0; 32],
        expires: Wall(u64::MAX),
    };
    let token = last(&net.command(1, token).unwrap());
    let join = Command::JoinHost {
        token: TokenId([0x61; 16]),
        host: HostId([0x40; 16]),
        name: "rdsh-1".parse().unwrap(),
        key: PublicKey([4; 32]),
        address: "rdsh-1:3389".parse().unwrap(),
    };
    let join = net.command_as(1, hostler_events::Actor::Token(TokenId([0x61; 16])), join).unwrap();
    let join = last(&join);
    assert!(why(net.command(1, revert(&token))).contains(&format!("was used, by event {join}")));
    let drain = Command::ChangeHost {
        host: "rdsh-1".into(),
        name: None,
        drain: Some(true),
        hard_cap: None,
        logon_slots: None,
        address: None,
    };
    let drain = last(&net.command(1, drain).unwrap());
    assert!(why(net.command(1, revert(&join))).contains(&format!("event {drain} is later and in the way")));
    net.command(1, revert(&drain)).unwrap();
    assert!(!net.node(1).views().site(SITE).unwrap().hosts[&HostId([0x40; 16])].drain.value);
    let removed = last(&net.command(1, Command::RemoveHost { host: "rdsh-1".into() }).unwrap());
    assert!(why(net.command(1, revert(&removed))).contains("let it join again, with: hostler token create"));
    let owner = Grant { role: hostler_events::payload::Role::Owner, site: None };
    let added = Command::AddAdmin { name: "eve".parse().unwrap(), password_hash: "x".into(), grants: vec![owner] };
    let added = last(&net.command(1, added).unwrap());
    assert!(
        why(net.command(1, revert(&added))).contains("is structural, and only everyday changes are undone like this")
    );
    let promoted = net
        .node(1)
        .views()
        .timeline(SITE)
        .unwrap()
        .entries()
        .iter()
        .find_map(|e| matches!(e.loaded.event, Some(Event::Promoted(_))).then(|| name(&e.loaded.reference)));
    assert!(why(net.command(1, revert(&promoted.unwrap()))).contains("is structural"));
}

#[test]
fn events_have_short_names() {
    let mut net = Net::farm(2);
    let event = net.command(2, user("alice")).unwrap().events[0];
    let timeline = net.node(1);
    let timeline = timeline.views().timeline(SITE).unwrap();
    let (id, seq) = (event.feed.broker.to_string(), event.seq);
    let random = event.feed.incarnation.random;
    for text in [
        audit::event_text(&event),
        audit::event_text(&event).to_uppercase(),
        event_short(&event),
        event.to_string(),
        format!("b2/{seq}"),
        format!("B2.1/{seq}"),
        format!("{}/{seq}", &id[..5]),
        format!("{id}.1-{random:x}/{seq}"),
    ] {
        assert_eq!(audit::find_event(timeline, &text).unwrap().loaded.reference, event, "{text}");
    }
    for text in ["", "/", "b2", &format!("{}/{seq}", &id[..3]), "b2/999", "b2/x", &format!("b2.2/{seq}"), "b2/-1"] {
        let error = audit::find_event(timeline, text).unwrap_err();
        assert_eq!(error, audit::EventNameError::NotFound(text.to_string()));
    }
}
