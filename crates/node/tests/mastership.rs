//! Who is master: planned, forced and automatic promotions, and what becomes of a master that was cut off.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod net;

use hostler_events::payload::{Grant, PromotionKind, Role};
use hostler_events::{Actor, Event};
use hostler_model::*;
use hostler_node::{Command, CommandError};
use hostler_views::Lane;
use net::{ADMIN, Net, SITE, admin, id, user};

fn promote(n: u8) -> Command {
    Command::Promote { broker: format!("b{n}") }
}

fn force(n: u8, lost: u8) -> Command {
    Command::ForcePromotion { broker: format!("b{n}"), lost: format!("b{lost}"), reason: "the rack is dark".into() }
}

fn set(key: &str, value: &str) -> Command {
    Command::Set { key: key.into(), value: Some(value.into()) }
}

fn automatic(after: &str) -> Command {
    set("promotion.automatic.after", after)
}

fn named(n: u8) -> String {
    format!("b{n}")
}

impl Net {
    /// Whom each of these takes for the master.
    fn masters(&mut self, brokers: &[u8]) -> Vec<Option<u8>> {
        brokers.iter().map(|n| self.node(*n).master().map(|(b, _)| b.0[0])).collect()
    }

    fn isolate(&mut self, n: u8, others: &[u8], up: bool) {
        for other in others {
            self.link(n, *other, up);
        }
    }

    /// Kind and number of the present mastership, and the lanes that are not applied.
    fn outcome(&mut self, n: u8) -> (PromotionKind, u64, Vec<&'static str>) {
        let timeline = self.node(n).views().timeline(SITE).unwrap();
        let master = timeline.state().master.clone().unwrap();
        let other = timeline.entries().iter().filter(|e| e.lane != Lane::Applied);
        (master.kind, master.epoch.n, other.map(|e| e.lane.name()).collect())
    }
}

#[test]
fn a_planned_promotion_supersedes_nothing_and_is_quick() {
    let mut net = Net::farm(3);
    let start = net.time_ms;
    let outcome = net.command(3, promote(2)).unwrap();
    assert!(net.time_ms - start < 2_000, "{} ms", net.time_ms - start);
    assert_eq!((outcome.thing, outcome.durable_on, outcome.events.len()), (Some(Thing::Broker(id(2))), 2, 2));
    net.run(1_000);
    assert_eq!(net.masters(&[1, 2, 3]), [Some(2); 3]);
    net.command(1, admin("op")).unwrap();
    net.run(1_000);
    net.assert_equal_views();
    assert_eq!(net.outcome(3), (PromotionKind::Planned, 2, vec![]));
    // Once more to itself is no event; and back again.
    assert_eq!(net.command(3, promote(2)).unwrap().events, []);
    net.command(2, promote(1)).unwrap();
    assert_eq!(net.masters(&[1]), [Some(1)]);
}

#[test]
fn changes_that_come_during_a_handover_reach_the_new_master() {
    let mut net = Net::farm(3);
    net.tell(1, promote(2));
    for n in 1..=3 {
        net.tell(n, admin(&format!("given-to-{n}")));
    }
    net.run(1_000);
    net.assert_equal_views();
    assert_eq!(net.node(1).views().main().unwrap().admins.len(), 4);
    assert_eq!(net.outcome(3), (PromotionKind::Planned, 2, vec![]));
}

#[test]
fn who_may_be_promoted_and_by_whom() {
    let mut net = Net::farm(3);
    let operator = net.command(1, admin("op")).unwrap().thing;
    let Some(Thing::Admin(operator)) = operator else { panic!("no administrator") };
    net.run(1_000);
    let forbidden = |needed: &str| Err(CommandError::Forbidden { needed: needed.into() });
    assert_eq!(net.command_as(1, Actor::Admin(operator), promote(2)), forbidden("owner"));
    assert_eq!(net.command_as(2, Actor::Admin(operator), force(2, 1)), forbidden("promoter"));
    let text = |r: Result<_, CommandError>| r.unwrap_err().to_string();
    assert_eq!(text(net.command(1, promote(9))), "there is no broker \"b9\"");
    assert!(text(net.command(2, force(2, 1))).contains("answers, so it can hand over"));
    assert!(text(net.command(2, force(2, 3))).contains("the master is b1, not b3"));
    net.command(1, Command::DisableBroker { broker: named(2) }).unwrap();
    assert!(text(net.command(1, promote(2))).contains("is disabled"));
    net.isolate(3, &[1, 2], false);
    net.run(4_000);
    assert!(text(net.command(1, promote(3))).contains("b3 does not answer"));
    let lost = text(net.command(3, promote(3)));
    for part in ["b1, does not answer (last heard", "--force --lost b1 --reason", "b3: this broker", "b2: last heard"] {
        assert!(lost.contains(part), "{part}: {lost}");
    }
}

#[test]
fn a_successor_that_fails_leaves_the_master_in_office() {
    let mut net = Net::farm(3);
    net.silent_disks.insert(id(2));
    net.tell(1, promote(2));
    let start = net.time_ms;
    assert_eq!(net.command(3, promote(3)), Err(CommandError::Sealed { successor: named(2) }));
    net.command(3, admin("waits-for-the-end-of-it")).unwrap();
    assert!((2_000..4_000).contains(&(net.time_ms - start)), "{} ms", net.time_ms - start);
    assert_eq!(net.outcome(1), (PromotionKind::Planned, 2, vec![]));
    // A master that is restarted between the seal and the end goes on, too.
    let mut net = Net::farm(3);
    net.silent_disks.insert(id(2));
    net.tell(1, promote(2));
    net.run(500);
    net.stop(1);
    net.start(id(1));
    net.run(8_000);
    assert_eq!(net.masters(&[1, 3]), [Some(1); 2]);
    net.command(1, admin("op")).unwrap();
}

#[test]
fn two_masters_are_one_again_after_healing_and_nothing_is_lost() {
    let mut net = Net::farm(3);
    net.isolate(1, &[2, 3], false);
    net.run(4_000);
    net.command(1, user("alice")).unwrap();
    net.command(1, Command::MoveBroker { broker: named(3), up: true }).unwrap();
    // Given to a broker that it is not about, it is passed on.
    let forced = net.command(3, force(2, 1)).unwrap();
    assert_eq!((forced.thing, forced.durable_on), (Some(Thing::Broker(id(2))), 2));
    net.command(3, user("bob")).unwrap();
    net.command(3, admin("op")).unwrap();
    assert_eq!(net.masters(&[1, 2, 3]), [Some(1), Some(2), Some(2)]);
    net.isolate(1, &[2, 3], true);
    net.run(3_000);
    net.assert_equal_views();
    assert_eq!(net.masters(&[1, 2, 3]), [Some(2); 3]);
    assert_eq!(net.outcome(1), (PromotionKind::Forced, 2, vec!["superseded"]));
    let state = net.node(1).views().site(SITE).unwrap();
    assert_eq!((state.users.len(), state.admins.len()), (2, 2));
    assert_eq!(state.order, [id(1), id(2), id(3)], "the move does not count");
}

#[test]
fn a_promotion_forced_on_both_sides() {
    let mut net = Net::farm(4);
    // The master is gone; the others are cut into two halves.
    net.stop(1);
    net.isolate(4, &[2, 3], false);
    net.run(4_000);
    net.command(2, force(2, 1)).unwrap();
    net.command(4, force(4, 1)).unwrap();
    net.command(3, admin("one")).unwrap();
    net.command(4, admin("two")).unwrap();
    net.isolate(4, &[2, 3], true);
    net.run(3_000);
    net.assert_equal_views();
    let masters = net.masters(&[2, 3, 4]);
    assert!(masters[0].is_some() && masters.iter().all(|m| *m == masters[0]), "{masters:?}");
    // The other promotion and what came under it.
    assert_eq!(net.outcome(3).2, ["superseded", "superseded"]);
}

#[test]
fn nobody_is_promoted_by_itself_unless_a_setting_says_so() {
    let mut net = Net::farm(2);
    let refused = net.command(1, automatic("30s")).unwrap_err().to_string();
    assert!(refused.contains("2 active brokers, and an automatic promotion takes 3"), "{refused}");
    let mut net = Net::farm(3);
    for bad in ["4s", "soon", "0"] {
        assert!(net.command(1, automatic(bad)).is_err(), "{bad}");
    }
    net.isolate(1, &[2, 3], false);
    net.run(120_000);
    assert_eq!(net.masters(&[2, 3]), [Some(1); 2]);
}

#[test]
fn a_majority_that_does_not_hear_the_master_promotes_the_next_in_the_list() {
    let mut net = Net::farm(3);
    net.command(1, automatic("30s")).unwrap();
    net.run(3_000);
    assert_eq!(net.outcome(2), (PromotionKind::Planned, 2, vec![]), "the list of voters changed");
    let voters = net.node(2).views().site(SITE).unwrap().master.clone().unwrap().voters;
    assert_eq!(voters, [id(1), id(2), id(3)]);
    net.isolate(1, &[2, 3], false);
    net.run(29_000);
    assert_eq!(net.masters(&[2, 3]), [Some(1); 2], "not before its time");
    net.run(5_000);
    assert_eq!(net.masters(&[1, 2, 3]), [Some(1), Some(2), Some(2)]);
    // The first try may come before the other voter has missed the master for long enough.
    let (kind, n, others) = net.outcome(3);
    assert!(kind == PromotionKind::Automatic && n >= 3 && others.is_empty(), "{kind:?} {n} {others:?}");
    let votes: Vec<u8> = net.machines[&id(2)]
        .disk
        .iter()
        .filter(|e| matches!(e.event(), Ok(Event::Voted(_))))
        .map(|e| e.header().feed.broker.0[0])
        .collect();
    assert!(votes.contains(&2) && votes.contains(&3) && !votes.contains(&1), "{votes:?}");
    net.isolate(1, &[2, 3], true);
    net.run(3_000);
    net.assert_equal_views();
    assert_eq!(net.masters(&[1, 2, 3]), [Some(2); 3]);
    // One alone promotes nobody.
    net.stop(2);
    net.stop(3);
    net.run(60_000);
    assert_eq!(net.masters(&[1]), [Some(2)]);
}

#[test]
fn whoever_may_have_forgotten_a_vote_abstains() {
    let mut net = Net::farm(3);
    net.command(1, automatic("10s")).unwrap();
    net.run(3_000);
    net.stop(1);
    // It can't know whether its disk is the newest: the master, which might have more, does not answer.
    net.stop(3);
    net.start(id(3));
    net.run(60_000);
    assert_eq!(net.masters(&[2, 3]), [Some(1); 2]);
    net.command(3, user("opens-an-incarnation")).unwrap();
    net.run(60_000);
    assert_eq!(net.masters(&[2, 3]), [Some(1); 2]);
    // A promotion made without it sets it free.
    net.command(2, force(2, 1)).unwrap();
    net.start(id(1));
    net.run(5_000);
    net.stop(2);
    net.run(20_000);
    let masters = net.masters(&[1, 3]);
    assert!(masters[0].is_some_and(|m| m != 2) && masters[0] == masters[1], "{masters:?}");
}

#[test]
fn no_decision_right_after_a_clock_jump() {
    let mut net = Net::farm(3);
    net.command(1, automatic("10s")).unwrap();
    net.run(3_000);
    net.isolate(1, &[2, 3], false);
    net.run(9_000);
    for n in [2, 3] {
        net.machines.get_mut(&id(n)).unwrap().clock_ms = 5_000;
    }
    net.run(20_000);
    assert_eq!(net.masters(&[2, 3]), [Some(1); 2]);
    net.run(20_000);
    assert_eq!(net.masters(&[2, 3]), [Some(2); 2]);
}

#[test]
fn the_mastership_goes_back_once_and_then_later() {
    let mut net = Net::farm(3);
    net.command(1, automatic("10s")).unwrap();
    net.command(1, set("promotion.automatic.failback", "true")).unwrap();
    net.run(3_000);
    for minutes in [10_u64, 20] {
        net.isolate(1, &[2, 3], false);
        net.run(20_000);
        assert_eq!(net.masters(&[2, 3]), [Some(2); 2]);
        net.isolate(1, &[2, 3], true);
        net.run(minutes * 60_000 - 10_000);
        assert_eq!(net.masters(&[1, 2, 3]), [Some(2); 3], "{minutes} minutes are not over");
        net.run(20_000);
        assert_eq!(net.masters(&[1, 2, 3]), [Some(1); 3]);
        assert_eq!(net.outcome(3).0, PromotionKind::Planned);
    }
    assert_eq!(net.node(1).views().site(SITE).unwrap().failbacks, 2);
    net.assert_equal_views();
}

#[test]
fn after_the_whole_farm_was_restored_the_master_starts_an_epoch_above_what_members_remember() {
    let mut net = Net::farm(2);
    let remembered = Epoch { n: 7, hlc: Hlc::default(), broker: id(2) };
    net.fence(1, remembered);
    net.run(3_000);
    assert_eq!(net.masters(&[1, 2]), [Some(1); 2]);
    assert_eq!(net.outcome(2), (PromotionKind::Planned, 8, vec![]));
    // In a cut network it must not: the other side may be where that epoch is.
    net.link(1, 2, false);
    net.fence(1, Epoch { n: 20, ..remembered });
    net.run(30_000);
    assert_eq!(net.masters(&[1]), [None]);
}

#[test]
fn an_epoch_that_an_agent_has_seen_gets_to_the_master() {
    let mut net = Net::farm(2);
    net.fence(2, Epoch { n: 7, hlc: Hlc::default(), broker: id(2) });
    net.run(3_000);
    assert_eq!(net.masters(&[1, 2]), [Some(1); 2]);
    assert_eq!(net.outcome(2), (PromotionKind::Planned, 8, vec![]));
}

#[test]
fn an_epoch_that_is_not_on_a_disk_is_told_to_nobody() {
    let mut net = Net::farm(3);
    net.run(3_000);
    net.isolate(1, &[2, 3], false);
    net.run(4_000);
    // Forced, and lost before it is written: nobody must wait for its master.
    net.silent_disks.insert(id(2));
    let written = net.machines[&id(2)].disk.len();
    net.tell(2, force(2, 1));
    net.run(3_000);
    assert_eq!(net.masters(&[2, 3]), [Some(2), Some(1)]);
    net.stop(2);
    net.silent_disks.clear();
    net.machines.get_mut(&id(2)).unwrap().disk.truncate(written);
    net.start(id(2));
    net.isolate(1, &[2, 3], true);
    net.run(5_000);
    assert_eq!(net.masters(&[1, 2, 3]), [Some(1); 3]);
    net.assert_equal_views();
}

#[test]
fn a_handover_that_is_cut_in_its_middle_begins_one_epoch() {
    for brokers in [2, 3] {
        let mut net = Net::farm(brokers);
        let others: Vec<u8> = (1..=brokers).filter(|n| *n != 2).collect();
        // The master says that it waits, and hears nothing of what the successor does then.
        net.silent_disks.insert(id(2));
        net.tell(1, promote(2));
        net.isolate(2, &others, false);
        net.disk_answers(2);
        assert_eq!((net.masters(&[2]), net.outcome(2).1), (vec![Some(2)], 2));
        net.command(2, admin("by-the-successor")).unwrap();
        net.run(30_000);
        assert_eq!(net.outcome(1).1, 1, "the master may not go on: the successor may have begun");
        let refused = net.command(1, admin("refused")).unwrap_err();
        assert_eq!(refused, CommandError::Sealed { successor: named(2) });
        net.command(1, user("alice")).unwrap();
        net.isolate(2, &others, true);
        net.run(5_000);
        net.assert_equal_views();
        assert_eq!(net.outcome(1), (PromotionKind::Planned, 2, vec![]));
        assert_eq!(net.masters(&[1, 2]), [Some(2); 2]);
    }
}

#[test]
fn a_master_whose_successor_is_lost_while_it_takes_over() {
    let lost = || {
        let mut net = Net::farm(2);
        net.silent_disks.insert(id(2));
        net.tell(1, promote(2));
        let disk = net.machines[&id(2)].disk.clone();
        net.stop(2);
        net.silent_disks.clear();
        net.machines.get_mut(&id(2)).unwrap().disk = disk;
        net
    };
    // It comes back and takes over after all.
    let mut net = lost();
    net.run(30_000);
    assert_eq!((net.masters(&[1]), net.outcome(1).1), (vec![Some(1)], 1));
    net.start(id(2));
    net.run(8_000);
    assert_eq!((net.masters(&[1, 2]), net.outcome(1)), (vec![Some(2); 2], (PromotionKind::Planned, 2, vec![])));
    // The master has forgotten whether it answered: it was restarted.
    let mut net = lost();
    net.stop(1);
    net.start(id(1));
    net.run(30_000);
    assert_eq!(net.outcome(1).1, 1);
    // It does not come back: an administrator says so.
    let text = |result: Result<_, CommandError>| result.unwrap_err().to_string();
    let mut net = Net::farm(2);
    net.silent_disks.insert(id(2));
    net.tell(1, promote(2));
    assert!(text(net.command(1, force(1, 2))).contains("the master is b1, not b2"), "the successor answers");
    let mut net = lost();
    net.run(8_000);
    assert!(text(net.command(1, force(1, 1))).contains("b1 was not about to take over"));
    net.command(1, force(1, 2)).unwrap();
    assert_eq!((net.masters(&[1]), net.outcome(1)), (vec![Some(1)], (PromotionKind::Forced, 2, vec![])));
    net.command(1, admin("op")).unwrap();
    net.start(id(2));
    net.run(8_000);
    net.assert_equal_views();
    assert_eq!(net.masters(&[1, 2]), [Some(1); 2]);
}

#[test]
fn a_successor_that_comes_late_does_not_take_over_behind_the_masters_back() {
    let mut net = Net::farm(3);
    net.silent_disks.insert(id(2));
    net.tell(1, promote(2));
    let disk = net.machines[&id(2)].disk.clone();
    // It answers that it has not begun, and is gone.
    net.run(4_000);
    net.stop(2);
    assert_eq!(net.masters(&[1, 3]), [Some(1); 2]);
    net.command(1, admin("op")).unwrap();
    // It knows the seal, and neither that the master went on nor anybody who could tell.
    net.silent_disks.clear();
    net.machines.get_mut(&id(2)).unwrap().disk = disk;
    net.isolate(2, &[1, 3], false);
    net.start(id(2));
    net.run(10_000);
    assert_eq!(net.outcome(2).0, PromotionKind::First);
    net.isolate(2, &[1, 3], true);
    net.run(5_000);
    net.assert_equal_views();
    assert_eq!(net.outcome(2), (PromotionKind::Planned, 2, vec![]));
}

#[test]
fn the_list_of_brokers() {
    let mut net = Net::farm(4);
    let standby = |net: &mut Net, n| net.node(1).views().site(SITE).unwrap().brokers[&id(n)].standby;
    assert!(standby(&mut net, 4), "the fourth joins as standby");
    let enable = |n| Command::EnableBroker { broker: named(n) };
    let warned = net.command(1, enable(4)).unwrap();
    assert!(warned.warnings[0].contains("4 active brokers"), "{:?}", warned.warnings);
    assert!(!standby(&mut net, 4));
    assert_eq!(net.command(1, enable(4)).unwrap().events, [], "it is so already");
    let text = |r: Result<_, CommandError>| r.unwrap_err().to_string();
    for command in [Command::DisableBroker { broker: named(1) }, Command::RemoveBroker { broker: named(1) }] {
        assert!(text(net.command(2, command)).contains("is the master and can't be"));
    }
    let order =
        |net: &mut Net| net.node(1).views().site(SITE).unwrap().order.iter().map(|b| b.0[0]).collect::<Vec<_>>();
    for (n, up, want) in [(3, true, [1, 3, 2, 4]), (1, false, [3, 1, 2, 4]), (4, false, [3, 1, 2, 4])] {
        let outcome = net.command(2, Command::MoveBroker { broker: named(n), up }).unwrap();
        assert_eq!(order(&mut net), want);
        assert_eq!(outcome.events.is_empty(), !outcome.warnings.is_empty());
    }
    net.command(2, Command::RemoveBroker { broker: named(3) }).unwrap();
    assert_eq!(order(&mut net), [1, 2, 4]);
    assert_eq!(net.command(3, user("late")), Err(CommandError::Removed));
    assert_eq!(text(net.command(1, promote(3))), "there is no broker \"b3\"");
}

#[test]
fn what_a_removed_broker_wrote_unseen_is_quarantined_until_it_is_back() {
    let mut net = Net::farm(3);
    net.isolate(3, &[1, 2], false);
    net.run(4_000);
    net.command(3, user("unseen")).unwrap();
    net.command(1, Command::RemoveBroker { broker: named(3) }).unwrap();
    net.isolate(3, &[1, 2], true);
    net.run(5_000);
    net.assert_equal_views();
    assert_eq!(net.outcome(1).2, ["quarantined"]);
    assert_eq!(net.node(1).views().site(SITE).unwrap().users.len(), 0);
}

#[test]
fn the_founder_may_force_and_an_owner_alone_may_not() {
    let mut net = Net::farm(2);
    let state = net.node(1).views().main().unwrap().clone();
    assert!(state.may_force_promotions(ADMIN, SITE));
    assert_eq!(state.role_of(ADMIN, SITE), Some(Role::Owner));
    let grants = vec![Grant { role: Role::Owner, site: None }];
    let add = Command::AddAdmin { name: "owner".parse().unwrap(), password_hash: "x".into(), grants };
    let Some(Thing::Admin(owner)) = net.command(1, add).unwrap().thing else { panic!("no administrator") };
    net.stop(1);
    net.run(4_000);
    let refused = net.command_as(2, Actor::Admin(owner), force(2, 1));
    assert_eq!(refused, Err(CommandError::Forbidden { needed: "promoter".into() }));
    net.command(2, force(2, 1)).unwrap();
}
