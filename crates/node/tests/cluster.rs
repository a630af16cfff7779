//! What a few nodes do together: commands, replication, durability, incarnations, clocks.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod net;

use hostler_events::payload::UserAdded;
use hostler_events::{Actor, AuthorKey, Event, Frontier, Hash, Header, OnUnknown, StoredEvent};
use hostler_model::*;
use hostler_node::{Author, Command, CommandError, Input, Message, Output};
use net::{ADMIN, Net, SITE, admin, id, secret, user};

#[test]
fn any_broker_carries_out_any_command_and_all_have_equal_views() {
    let mut net = Net::farm(3);
    for (broker, command, disks) in [(1, user("alice"), 3), (2, user("bob"), 3), (3, admin("op"), 3)] {
        let outcome = net.command(broker, command).unwrap();
        assert_eq!((outcome.durable_on.min(2), outcome.members), (2, disks));
    }
    net.run(2_000);
    net.assert_equal_views();
    let state = net.node(3).views().site(SITE).unwrap();
    assert_eq!((state.users.len(), state.admins.len(), state.order.len()), (2, 2, 3));
    let authors: Vec<u8> =
        net.machines[&id(1)].disk.iter().rev().take(3).map(|e| e.header().feed.broker.0[0]).collect();
    assert_eq!(authors, [1, 2, 1], "everyday events are authored where they are asked for, structural by the master");
}

#[test]
fn administration_goes_on_during_an_outage_and_merges_afterwards() {
    let mut net = Net::farm(3);
    for (a, b) in [(1, 2), (1, 3)] {
        net.link(a, b, false);
    }
    net.run(3_000);
    let alone = net.command(1, user("alice")).unwrap();
    assert_eq!((alone.durable_on, alone.members), (1, 3), "an honest answer");
    assert_eq!(net.command(2, user("bob")).unwrap().durable_on, 2);
    assert_eq!(net.command(2, admin("op")), Err(CommandError::MasterUnreachable { master: "b1".into() }));
    let structural = net.command(1, admin("op")).unwrap();
    assert_eq!(structural.durable_on, 1);
    for (a, b) in [(1, 2), (1, 3)] {
        net.link(a, b, true);
    }
    net.run(3_000);
    net.assert_equal_views();
    let state = net.node(2).views().site(SITE).unwrap();
    assert_eq!((state.users.len(), state.admins.len()), (2, 2));
}

#[test]
fn an_answer_comes_only_after_the_disk() {
    let mut net = Net::farm(2);
    net.silent_disks.insert(id(2));
    let outcome = net.command(1, user("alice")).unwrap();
    assert_eq!(outcome.durable_on, 1, "the other disk said nothing, and the answer says so");
    net.silent_disks.insert(id(1));
    let token = net.machines[&id(1)].disk.len();
    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| net.command(1, user("bob"))));
    assert!(answer.is_err(), "an answer before the disk's");
    assert_eq!(net.machines[&id(1)].disk.len(), token + 1);
}

#[test]
fn wrong_commands_get_a_clear_error_and_change_nothing() {
    let mut net = Net::farm(1);
    net.command(1, user("alice")).unwrap();
    let before = net.digests();
    let stranger = Actor::Admin(AdminId([1; 16]));
    for (actor, command, code) in [
        (Actor::Admin(ADMIN), user("ALICE"), "exists"),
        (Actor::Admin(ADMIN), hostler_node::Command::RemoveHost { host: "nowhere".into() }, "not_found"),
        (Actor::Admin(ADMIN), hostler_node::Command::Set { key: "no.such".into(), value: None }, "not_found"),
        (
            Actor::Admin(ADMIN),
            hostler_node::Command::Set { key: "tokens.life".into(), value: Some("soon".into()) },
            "invalid",
        ),
        (Actor::Admin(ADMIN), hostler_node::Command::DisableAdmin { admin: "admin".into() }, "invalid"),
        (stranger, user("bob"), "forbidden"),
        (Actor::Token(TokenId([5; 16])), user("bob"), "forbidden"),
    ] {
        assert_eq!(net.command_as(1, actor, command.clone()).unwrap_err().code(), code, "{command:?}");
    }
    assert_eq!(net.digests(), before);
}

#[test]
fn whoever_made_an_api_token_may_revoke_it() {
    let mut net = Net::farm(1);
    let grants = |role| vec![hostler_events::payload::Grant { role, site: None }];
    let mut actors = Vec::new();
    for name in ["one", "two"] {
        let add = hostler_node::Command::AddAdmin {
            name: name.parse().unwrap(),
            password_hash: "x".into(),
            grants: grants(hostler_events::payload::Role::Auditor),
        };
        let Some(Thing::Admin(admin)) = net.command(1, add).unwrap().thing else { panic!("no administrator") };
        actors.push(Actor::Admin(admin));
    }
    let token = TokenId([6; 16]);
    let create = hostler_node::Command::CreateApiToken {
        token,
        label: "script".parse().unwrap(),
        secret_hash: [0; 32],
        expires: None,
    };
    net.command_as(1, actors[0], create).unwrap();
    let revoke = hostler_node::Command::RevokeToken { token: token.to_string() };
    assert_eq!(net.command_as(1, actors[1], revoke.clone()).unwrap_err().code(), "forbidden");
    net.command_as(1, actors[0], revoke).unwrap();
}

#[test]
fn a_token_is_redeemed_once_by_its_role_at_its_issuer() {
    let mut net = Net::farm(2);
    let token = TokenId([42; 16]);
    let create = hostler_node::Command::CreateToken {
        token,
        role: MemberRole::Gateway,
        issuer: id(2),
        verifier: [0; 32],
        expires: Wall(net.time_ms + 60_000),
    };
    net.command(2, create).unwrap();
    net.run(1_000);
    let key = AuthorKey::from_secret(&secret(77)).public();
    let address: Address = "127.0.0.7:3389".parse().unwrap();
    let gateway = |n: u8| hostler_node::Command::JoinGateway {
        token,
        gateway: GatewayId([n; 16]),
        name: "gw".parse().unwrap(),
        key,
        address: address.clone(),
    };
    let host = hostler_node::Command::JoinHost {
        token,
        host: HostId([1; 16]),
        name: "h".parse().unwrap(),
        key,
        address: address.clone(),
    };
    let actor = Actor::Token(token);
    assert_eq!(net.command_as(2, actor, host).unwrap_err().code(), "token", "another role");
    assert_eq!(net.command_as(1, actor, gateway(1)).unwrap_err().code(), "token", "another broker");
    net.command_as(2, actor, gateway(1)).unwrap();
    assert_eq!(net.command_as(2, actor, gateway(2)).unwrap_err().code(), "token", "used");
    net.time_ms += 100_000;
}

#[test]
fn a_restored_disk_gets_its_events_back_and_a_new_incarnation() {
    let mut net = Net::farm(3);
    let copy = net.machines[&id(1)].disk.clone();
    net.command(1, user("alice")).unwrap();
    net.command(1, admin("op")).unwrap();
    net.run(2_000);
    net.stop(1);
    net.machines.get_mut(&id(1)).unwrap().disk = copy;
    net.start(id(1));
    net.run(5_000);
    net.assert_equal_views();
    net.command(1, user("bob")).unwrap();
    net.run(2_000);
    net.assert_equal_views();
    assert_eq!(net.node(1).incarnation().ordinal, 2);
    let state = net.node(2).views().site(SITE).unwrap();
    assert_eq!((state.users.len(), state.admins.len()), (2, 2), "nothing acknowledged is lost");
}

#[test]
fn a_restart_among_peers_who_agree_goes_on_with_the_feed() {
    let mut net = Net::farm(3);
    for n in 1..=3 {
        net.stop(n);
    }
    let before: Vec<usize> = net.machines.values().map(|m| m.disk.len()).collect();
    for n in 1..=3 {
        net.start(id(n));
    }
    net.run(5_000);
    let after: Vec<usize> = net.machines.values().map(|m| m.disk.len()).collect();
    assert_eq!(before, after, "a restart writes nothing");
    net.command(1, user("alice")).unwrap();
    assert_eq!(net.node(1).incarnation().ordinal, 1);
}

#[test]
fn a_master_that_starts_alone_resumes_in_a_new_incarnation() {
    let mut net = Net::farm(3);
    for n in 1..=3 {
        net.stop(n);
    }
    net.start(id(1));
    let outcome = net.command(1, admin("op")).unwrap();
    assert_eq!((outcome.durable_on, net.node(1).incarnation().ordinal), (1, 2));
    let kinds: Vec<u16> = net.machines[&id(1)].disk.iter().rev().take(2).map(|e| e.header().kind).collect();
    assert_eq!(kinds, [30, 2], "a resume stands before the first structural event");
}

#[test]
fn a_master_that_was_restored_and_gets_its_promotion_back_late_resumes_as_well() {
    let mut net = Net::farm(3);
    net.run(2_000);
    let copy = net.machines[&id(2)].disk.clone();
    net.command(1, Command::Promote { broker: "b2".into() }).unwrap();
    net.command(2, admin("op")).unwrap();
    net.run(2_000);
    net.command(3, user("alice")).unwrap();
    let written = net.machines[&id(3)].disk.last().unwrap().bytes().clone();
    net.stop(2);
    net.machines.get_mut(&id(2)).unwrap().disk = copy;
    for other in [1, 3] {
        net.link(2, other, false);
    }
    net.start(id(2));
    net.run(4_000);
    // It sees the epoch of its own promotion, and not the promotion.
    net.deliver(2, 3, Message::Push(vec![written]));
    net.command(2, user("bob")).unwrap();
    assert_eq!((net.node(2).master(), net.node(2).incarnation().ordinal), (None, 2));
    for other in [1, 3] {
        net.link(2, other, true);
    }
    net.run(4_000);
    net.command(2, admin("other")).unwrap();
    net.command(2, admin("third")).unwrap();
    let kinds: Vec<u16> = net.machines[&id(2)].disk.iter().rev().take(3).map(|e| e.header().kind).collect();
    assert_eq!(kinds, [30, 30, 2], "one resume stands before the first structural event");
    net.run(2_000);
    net.assert_equal_views();
    assert_eq!(net.node(1).views().site(SITE).unwrap().admins.len(), 4, "nothing that it has again is superseded");
}

#[test]
fn an_answer_to_what_was_asked_before_a_restart_is_not_taken_for_another() {
    let asked = |net: &mut Net| {
        let now = Now { wall: Wall(net.time_ms), mono: Mono(net.time_ms) };
        let (actor, command) = (Actor::Admin(ADMIN), Box::new(admin("op")));
        let node = net.node(2);
        node.handle(now, Input::Command { token: 1, actor, command });
        let sent = std::iter::from_fn(|| node.poll()).find_map(|output| match output {
            Output::Send { message: Message::Forward { request, .. }, .. } => Some(request),
            _ => None,
        });
        sent.unwrap()
    };
    let mut net = Net::farm(2);
    let before = asked(&mut net);
    net.stop(2);
    net.start(id(2));
    net.run(5_000);
    assert_ne!(asked(&mut net), before);
}

#[test]
fn a_command_that_fails_half_way_leaves_no_gap() {
    let mut net = Net::farm(2);
    for n in 1..=2 {
        net.stop(n);
    }
    net.start(id(1));
    let hostler_node::Command::AddAdmin { name, grants, .. } = admin("op") else { panic!("another command") };
    let too_large = hostler_node::Command::AddAdmin { name, password_hash: "x".repeat(70_000), grants };
    assert_eq!(net.command(1, too_large).unwrap_err().code(), "not_stored");
    net.command(1, admin("op")).unwrap();
    let own = net.machines[&id(1)].disk.iter().filter(|e| e.header().feed.incarnation.ordinal == 2);
    let places: Vec<(u64, u16)> = own.map(|e| (e.header().seq, e.header().kind)).collect();
    assert_eq!(places, [(1, 2), (2, 30)], "the resume that came before what failed is there");
}

#[test]
fn a_clock_far_ahead_refuses_to_author_but_not_to_revoke() {
    let mut net = Net::farm(3);
    net.command(1, admin("op")).unwrap();
    net.run(1_500);
    net.machines.get_mut(&id(2)).unwrap().clock_ms = 100_000;
    net.run(2_500);
    assert_eq!(net.command(2, user("alice")), Err(CommandError::ClockAhead { ahead_s: 100 }));
    assert!(net.alarms.contains(&(id(2), "clock.ahead")));
    let disable = hostler_node::Command::DisableAdmin { admin: "op".into() };
    net.command(2, disable).unwrap();
    let held = |net: &mut Net| net.node(1).views().site(SITE).unwrap().admins.values().filter(|a| !a.enabled).count();
    net.run(2_000);
    assert_eq!(held(&mut net), 0, "from more than 60 s in the future: held");
    assert!(net.alarms.contains(&(id(1), "event.held")));
    net.run(60_000);
    assert_eq!(held(&mut net), 1, "its time has come");
}

#[test]
fn what_a_wrong_clock_wrote_is_held_by_all_once_the_clock_is_right() {
    let mut net = Net::farm(3);
    for other in [1, 2] {
        net.link(other, 3, false);
    }
    // Alone it has nobody to compare its clock with.
    net.machines.get_mut(&id(3)).unwrap().clock_ms = 120_000;
    net.run(5_000);
    net.command(3, user("early")).unwrap();
    for other in [1, 2] {
        net.link(other, 3, true);
    }
    net.run(3_000);
    let knows = |net: &mut Net, n: u8| net.node(n).views().site(SITE).unwrap().user_named(&"early".parse().unwrap());
    assert_eq!([1, 2, 3].map(|n| knows(&mut net, n).is_some()), [false, false, true]);
    net.machines.get_mut(&id(3)).unwrap().clock_ms = 0;
    net.run(1_000);
    assert_eq!([1, 2, 3].map(|n| knows(&mut net, n).is_some()), [false; 3]);
    net.assert_equal_views();
    // It goes on, behind what it wrote in the future; and when that time comes, all know it.
    net.command(3, user("now")).unwrap();
    net.run(70_000);
    assert_eq!([1, 2, 3].map(|n| knows(&mut net, n).is_some()), [true; 3]);
    net.assert_equal_views();
}

#[test]
fn a_broker_whose_clock_is_set_back_forgets_nothing() {
    let mut net = Net::farm(3);
    net.command(1, user("alice")).unwrap();
    net.run(3_000);
    let knows = |net: &mut Net, name: &str| {
        [1, 2, 3].map(|n| {
            let site = net.node(n).views().site(SITE);
            site.is_some_and(|site| site.user_named(&name.parse().unwrap()).is_some())
        })
    };
    // Before the farm was founded.
    net.machines.get_mut(&id(3)).unwrap().clock_ms = -3_600_000;
    net.run(2_000);
    assert_eq!(knows(&mut net, "alice"), [true; 3]);
    assert!(net.alarms.contains(&(id(3), "clock.off")));
    net.command(3, user("bob")).unwrap();
    net.run(2_000);
    assert_eq!(knows(&mut net, "bob"), [true; 3]);
    // Cut off, it goes by what the others' clocks showed last.
    for other in [1, 2] {
        net.link(other, 3, false);
    }
    net.run(100_000);
    net.command(3, user("carol")).unwrap();
    assert_eq!((knows(&mut net, "bob"), knows(&mut net, "carol")), ([true; 3], [false, false, true]));
    // After a restart it takes everything for the future, until it hears two others.
    net.stop(3);
    net.start(id(3));
    net.link(1, 3, true);
    net.run(3_000);
    assert_eq!(knows(&mut net, "alice"), [true, true, false]);
    assert_eq!(net.command(3, user("dora")), Err(CommandError::NotReady));
    let held: Vec<_> = net.node(3).held_brokers().map(|(broker, _, _)| broker).collect();
    assert_eq!(held, [id(1), id(2), id(3)], "it knows whom to ask");
    net.link(2, 3, true);
    net.run(3_000);
    assert_eq!(net.node(3).held_brokers().count(), 0);
    net.command(3, user("erin")).unwrap();
    net.run(2_000);
    assert_eq!(knows(&mut net, "erin"), [true; 3]);
    for name in ["alice", "bob", "carol"] {
        assert_eq!(knows(&mut net, name), [true; 3], "{name}");
    }
    net.assert_equal_views();
}

/// Writes events as broker 2 would, for others to receive.
fn pen(net: &Net, key: u8) -> Author {
    let own = net.machines[&id(1)].disk.iter().filter(|e| e.header().feed.broker == id(2)).last();
    let feed = Feed { broker: id(2), incarnation: Incarnation { ordinal: 1, random: 2 } };
    let (seq, head) = own.map_or((0, Hash::ZERO), |e| (e.header().seq, e.hash()));
    Author::new(AuthorKey::from_secret(&secret(key)), feed, SITE, seq, head, HlcClock::default())
}

#[test]
fn forged_and_unreadable_events_are_refused_and_reported() {
    let mut net = Net::farm(2);
    let before = net.digests();
    let event = Event::UserAdded(UserAdded { user: UserId([1; 16]), name: "eve".parse().unwrap() });
    let wall = Wall(net.time_ms);
    let forged = pen(&net, 66)
        .write(wall, Actor::System, &event, net.node(1).epoch(), &Frontier::default(), Vec::new(), None)
        .unwrap();
    net.deliver(1, 2, Message::Push(vec![forged.bytes().clone()]));
    net.deliver(1, 2, Message::Push(vec![vec![1; 100].into()]));
    assert_eq!(net.digests()[0], before[0]);
    for code in ["event.forged", "event.unreadable"] {
        assert!(net.alarms.contains(&(id(1), code)), "{code}");
    }
}

#[test]
fn a_second_event_in_one_place_is_a_fork() {
    let mut net = Net::farm(2);
    let epoch = net.node(1).epoch();
    for name in ["eve", "mallory"] {
        let event = Event::UserAdded(UserAdded { user: UserId([1; 16]), name: name.parse().unwrap() });
        let mut author = pen(&net, 2);
        // Both follow what was there before the first of them.
        let first = net.machines[&id(1)].disk.iter().any(|e| e.header().feed.broker == id(2));
        if first {
            let feed = Feed { broker: id(2), incarnation: Incarnation { ordinal: 1, random: 2 } };
            author = Author::new(AuthorKey::from_secret(&secret(2)), feed, SITE, 0, Hash::ZERO, HlcClock::default());
        }
        let wall = Wall(net.time_ms);
        let stored = author.write(wall, Actor::System, &event, epoch, &Frontier::default(), Vec::new(), None).unwrap();
        net.deliver(1, 2, Message::Push(vec![stored.bytes().clone()]));
    }
    assert!(net.alarms.contains(&(id(1), "feed.forked")));
}

#[test]
fn an_unknown_event_that_must_be_known_halts_deciding_but_not_storing() {
    let mut net = Net::farm(2);
    let event = Event::UserAdded(UserAdded { user: UserId([1; 16]), name: "eve".parse().unwrap() });
    let header = Header {
        format: Header::FORMAT,
        feed: Feed { broker: id(2), incarnation: Incarnation { ordinal: 1, random: 2 } },
        seq: 1,
        previous: Hash::ZERO,
        hlc: Hlc { wall: Wall(net.time_ms), counter: 0 },
        site: SITE,
        epoch: net.node(1).epoch(),
        actor: Actor::System,
        class: hostler_events::Class::Everyday,
        kind: 9_999,
        version: 1,
        on_unknown: OnUnknown::Halt,
        touches: Vec::new(),
        frontier: None,
        bases: Vec::new(),
    };
    let stored = StoredEvent::seal(header, &event, &AuthorKey::from_secret(&secret(2))).unwrap();
    net.deliver(1, 2, Message::Push(vec![stored.bytes().clone()]));
    assert_eq!(net.machines[&id(1)].disk.last().unwrap().hash(), stored.hash(), "stored all the same");
    assert_eq!(net.command(1, user("alice")).unwrap_err().code(), "halted");
}
