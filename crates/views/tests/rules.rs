//! Each rule of the log (docs/invariants.md) on a small history, with the lanes that must come out.

#![allow(clippy::unwrap_used, missing_docs)]

mod kit;

use hostler_events::payload::*;
use hostler_events::{Actor, Event};
use hostler_model::{Epoch, ItemId};
use hostler_views::{Lane, Loaded, Note, Timeline};
use kit::{ADMIN, OTHER, Pen, admin_added, broker, founded, joined, published, renamed, setting};
use std::sync::Arc;

const ME: Actor = Actor::Admin(ADMIN);
const THEM: Actor = Actor::Admin(OTHER);

struct History {
    pens: [Pen; 3],
    events: Vec<Arc<Loaded>>,
    first: Epoch,
}

impl History {
    fn new() -> Self {
        let mut pens = [Pen::new(1), Pen::new(2), Pen::new(3)];
        let events = founded(&mut pens[0]);
        let first = events[0].header.epoch;
        Self { pens, events, first }
    }

    /// Broker `n` writes under `epoch`, having seen all events so far but those of `unseen`.
    fn write(
        &mut self,
        n: usize,
        at: u64,
        epoch: Epoch,
        actor: Actor,
        event: Event,
        unseen: &[&Arc<Loaded>],
    ) -> Arc<Loaded> {
        let seen = self.seen(unseen);
        let loaded = self.pens[n - 1].write(at, epoch, actor, event, &seen);
        self.events.push(loaded.clone());
        loaded
    }

    fn promote(&mut self, n: usize, at: u64, number: u64, unseen: &[&Arc<Loaded>]) -> Arc<Loaded> {
        let seen = self.seen(unseen);
        let loaded = self.pens[n - 1].promote(at, number, PromotionKind::Forced, &seen);
        self.events.push(loaded.clone());
        loaded
    }

    fn seen(&self, unseen: &[&Arc<Loaded>]) -> Vec<Arc<Loaded>> {
        self.events.iter().filter(|e| !unseen.iter().any(|u| u.reference == e.reference)).cloned().collect()
    }

    fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        timeline.insert(self.events.iter().cloned());
        timeline
    }
}

fn lane(timeline: &Timeline, of: &Arc<Loaded>) -> Lane {
    timeline.entries().iter().find(|e| e.loaded.reference == of.reference).unwrap().lane
}

fn notes(timeline: &Timeline, of: &Arc<Loaded>) -> Vec<Note> {
    timeline.entries().iter().find(|e| e.loaded.reference == of.reference).unwrap().notes.clone()
}

#[test]
fn a_structural_event_that_the_next_master_had_not_seen_is_superseded() {
    let mut h = History::new();
    let known = h.write(1, 200, h.first, ME, setting("known"), &[]);
    let lost = h.write(1, 210, h.first, ME, setting("lost"), &[]);
    let everyday = h.write(1, 220, h.first, ME, published(1, "Office"), &[]);
    let promotion = h.promote(2, 230, 2, &[&lost, &everyday]);
    let late = h.write(1, 240, h.first, ME, setting("late"), &[&promotion]);
    let t = h.timeline();
    let superseded = Lane::Superseded { by: Some(promotion.reference) };
    for (event, want) in [(&known, Lane::Applied), (&lost, superseded), (&late, superseded), (&everyday, Lane::Applied)]
    {
        assert_eq!(lane(&t, event), want, "{:?}", event.event);
    }
    assert_eq!(t.state().settings["k"], "known");
    assert_eq!(t.state().master.as_ref().unwrap().epoch, promotion.header.epoch);
}

#[test]
fn of_two_promotions_that_did_not_know_each_other_the_higher_epoch_is_effective() {
    // (number of broker 2, of broker 3, who is master): the time decides between equal numbers.
    for (two, three, master) in [(2, 3, 3), (3, 2, 2), (2, 2, 3)] {
        let mut h = History::new();
        let a = h.promote(2, 200, two, &[]);
        let b = h.promote(3, 300, three, &[&a]);
        let of_a = h.write(2, 310, a.header.epoch, ME, setting("two"), &[&b]);
        let of_b = h.write(3, 320, b.header.epoch, ME, setting("three"), &[&a]);
        let t = h.timeline();
        let (winner, loser) = if master == 2 { ((&a, &of_a), (&b, &of_b)) } else { ((&b, &of_b), (&a, &of_a)) };
        let superseded = Lane::Superseded { by: Some(winner.0.reference) };
        assert_eq!((lane(&t, winner.0), lane(&t, winner.1)), (Lane::Applied, Lane::Applied));
        assert_eq!((lane(&t, loser.0), lane(&t, loser.1)), (superseded, superseded));
        assert_eq!(t.state().master.as_ref().unwrap().epoch.broker, broker(master));
    }
}

#[test]
fn structural_events_need_the_epoch_of_their_own_author() {
    let mut h = History::new();
    let stranger = h.write(2, 200, h.first, ME, setting("two"), &[]);
    let nowhere = Epoch { n: 5, ..h.first };
    let unknown = h.write(1, 210, nowhere, ME, setting("unknown epoch"), &[]);
    let t = h.timeline();
    for event in [&stranger, &unknown] {
        assert_eq!(lane(&t, event), Lane::Superseded { by: None });
    }
}

#[test]
fn a_resume_supersedes_what_the_former_incarnation_wrote_beside_it() {
    let mut h = History::new();
    let known = h.write(1, 200, h.first, ME, setting("known"), &[]);
    let lost = h.write(1, 210, h.first, ME, setting("lost"), &[]);
    h.pens[0].renew();
    let resume = h.write(1, 220, h.first, Actor::System, Event::Resumed(Resumed {}), &[&lost]);
    let t = h.timeline();
    assert_eq!(lane(&t, &known), Lane::Applied);
    assert_eq!(lane(&t, &resume), Lane::Applied);
    assert_eq!(lane(&t, &lost), Lane::Superseded { by: Some(resume.reference) });
}

#[test]
fn of_two_administrators_who_disable_each_other_the_earlier_wins() {
    let mut h = History::new();
    let disable = |admin| Event::AdminDisabled(AdminDisabled { admin });
    let earlier = h.write(2, 200, h.first, ME, disable(OTHER), &[]);
    let later = h.write(3, 210, h.first, THEM, disable(ADMIN), &[&earlier]);
    let t = h.timeline();
    assert_eq!(lane(&t, &earlier), Lane::Applied);
    assert_eq!(lane(&t, &later), Lane::Quarantined { by: earlier.reference });
    assert!(t.state().admins[&ADMIN].enabled && !t.state().admins[&OTHER].enabled);
}

#[test]
fn a_revocation_is_never_superseded() {
    let mut h = History::new();
    let disable = h.write(1, 200, h.first, ME, Event::AdminDisabled(AdminDisabled { admin: OTHER }), &[]);
    h.promote(2, 210, 2, &[&disable]);
    assert_eq!(lane(&h.timeline(), &disable), Lane::Applied);
}

#[test]
fn what_a_revoked_administrator_did_unseen_is_quarantined_until_the_next_enable() {
    let mut h = History::new();
    let before = h.write(2, 200, h.first, THEM, published(1, "Before"), &[]);
    let unseen = h.write(2, 210, h.first, THEM, published(2, "Unseen"), &[]);
    let disable = h.write(1, 220, h.first, ME, Event::AdminDisabled(AdminDisabled { admin: OTHER }), &[&unseen]);
    let after = h.write(2, 230, h.first, THEM, published(3, "After"), &[&disable]);
    h.write(1, 240, h.first, ME, Event::AdminEnabled(AdminEnabled { admin: OTHER }), &[]);
    let again = h.write(2, 250, h.first, THEM, published(4, "Again"), &[]);
    let t = h.timeline();
    let quarantined = Lane::Quarantined { by: disable.reference };
    for (event, want) in
        [(&before, Lane::Applied), (&unseen, quarantined), (&after, quarantined), (&again, Lane::Applied)]
    {
        assert_eq!(lane(&t, event), want, "{:?}", event.event);
    }
    assert!(t.state().admins[&OTHER].enabled);
}

#[test]
fn a_stolen_brokers_promotion_is_quarantined() {
    let mut h = History::new();
    let stolen = h.write(1, 200, h.first, ME, Event::BrokerCompromised(BrokerCompromised { broker: broker(2) }), &[]);
    let promotion = h.promote(2, 210, 9, &[&stolen]);
    let t = h.timeline();
    assert_eq!(lane(&t, &promotion), Lane::Quarantined { by: stolen.reference });
    assert_eq!(t.state().master.as_ref().unwrap().epoch, h.first);
    assert!(!t.state().order.contains(&broker(2)));
}

#[test]
fn what_a_removed_broker_wrote_unseen_is_quarantined() {
    let removed = || Event::BrokerRemoved(BrokerRemoved { broker: broker(2) });
    let mut h = History::new();
    let seen = h.write(2, 190, h.first, ME, published(1, "Seen"), &[]);
    let unseen = h.write(2, 195, h.first, ME, published(2, "Unseen"), &[]);
    let other = h.write(3, 196, h.first, ME, published(3, "Other"), &[]);
    let removal = h.write(1, 200, h.first, ME, removed(), &[&unseen, &other]);
    let late = h.write(2, 210, h.first, ME, published(4, "Late"), &[&removal]);
    let quarantined = Lane::Quarantined { by: removal.reference };
    let t = h.timeline();
    for (event, want) in [(&seen, Lane::Applied), (&unseen, quarantined), (&other, Lane::Applied), (&late, quarantined)]
    {
        assert_eq!(lane(&t, event), want, "{:?}", event.event);
    }
    assert_eq!(t.state().items.len(), 2);

    // It comes back: what it writes from then on counts, and what it wrote before does not.
    let back = h.write(1, 220, h.first, Actor::System, joined(2), &[&unseen, &late]);
    h.pens[1].renew();
    let again = h.write(2, 230, h.first, ME, published(5, "Again"), &[]);
    let t = h.timeline();
    for (event, want) in [(&unseen, quarantined), (&late, quarantined), (&back, Lane::Applied), (&again, Lane::Applied)]
    {
        assert_eq!(lane(&t, event), want, "{:?}", event.event);
    }

    // Removed once more, by somebody who has not seen what it wrote since.
    let removal = h.write(1, 240, h.first, ME, removed(), &[&again]);
    assert_eq!(lane(&h.timeline(), &again), Lane::Quarantined { by: removal.reference });
    assert_eq!(lane(&h.timeline(), &late), quarantined, "the first removal is named still");

    // A removal that is superseded removes nothing, nor does a joining that is superseded end one.
    let mut h = History::new();
    let unseen = h.write(2, 195, h.first, ME, published(2, "Unseen"), &[]);
    let removal = h.write(1, 200, h.first, ME, removed(), &[&unseen]);
    let late = h.write(2, 205, h.first, ME, published(4, "Late"), &[&removal]);
    h.promote(3, 210, 2, &[&removal]);
    let t = h.timeline();
    assert_eq!([lane(&t, &unseen), lane(&t, &late)], [Lane::Applied; 2]);
    assert!(!t.state().brokers[&broker(2)].removed);
    let mut h = History::new();
    let removal = h.write(1, 200, h.first, ME, removed(), &[]);
    let back = h.write(1, 210, h.first, Actor::System, joined(2), &[]);
    let late = h.write(2, 220, h.first, ME, published(4, "Late"), &[&removal, &back]);
    h.promote(3, 230, 2, &[&back, &late]);
    assert_eq!(lane(&h.timeline(), &late), Lane::Quarantined { by: removal.reference });
}

#[test]
fn a_removed_broker_that_knows_it_cannot_promote_itself() {
    let removed = Event::BrokerRemoved(BrokerRemoved { broker: broker(2) });
    let mut h = History::new();
    let removal = h.write(1, 200, h.first, ME, removed.clone(), &[]);
    let promotion = h.promote(2, 210, 2, &[]);
    assert_eq!(lane(&h.timeline(), &promotion), Lane::Superseded { by: Some(removal.reference) });

    // Where a promotion that it knows supersedes the removal, it may.
    let mut h = History::new();
    let removal = h.write(1, 200, h.first, ME, removed, &[]);
    h.promote(3, 205, 2, &[&removal]);
    let promotion = h.promote(2, 210, 3, &[]);
    assert_eq!(lane(&h.timeline(), &promotion), Lane::Applied);
}

#[test]
fn orphans_are_applied_together_with_what_they_wait_for() {
    let mut h = History::new();
    let lost = h.write(1, 200, h.first, ME, admin_added(hostler_model::AdminId([5; 16]), "eve"), &[]);
    let grants = vec![Grant { role: Role::Auditor, site: None }];
    let edit = Event::AdminGranted(AdminGranted { admin: hostler_model::AdminId([5; 16]), grants: grants.clone() });
    let promotion = h.promote(2, 220, 2, &[&lost]);
    let orphan = h.write(2, 230, promotion.header.epoch, ME, edit, &[]);
    let t = h.timeline();
    assert_eq!(lane(&t, &lost), Lane::Superseded { by: Some(promotion.reference) });
    assert_eq!(lane(&t, &orphan), Lane::Orphaned);

    let reapply = Event::Reapplied(Reapplied { event: lost.reference });
    h.write(2, 240, promotion.header.epoch, ME, reapply.clone(), &[]);
    let t = h.timeline();
    let eve = &t.state().admins[&hostler_model::AdminId([5; 16])];
    assert_eq!((eve.name.as_str(), &eve.grants), ("eve", &grants));

    let twice = h.write(2, 250, promotion.header.epoch, ME, reapply, &[]);
    assert_eq!(notes(&h.timeline(), &twice), vec![Note::SettledNothing]);
}

#[test]
fn a_discarded_event_stays_out_and_a_promotion_cannot_be_reapplied() {
    let mut h = History::new();
    let lost = h.write(1, 200, h.first, ME, setting("lost"), &[]);
    let loser = h.promote(3, 210, 2, &[]);
    let winner = h.promote(2, 220, 3, &[&lost, &loser]);
    let epoch = winner.header.epoch;
    h.write(2, 230, epoch, ME, Event::Discarded(Discarded { event: lost.reference, reason: "no".into() }), &[]);
    let late = h.write(2, 240, epoch, ME, Event::Reapplied(Reapplied { event: lost.reference }), &[]);
    let never = h.write(2, 250, epoch, ME, Event::Reapplied(Reapplied { event: loser.reference }), &[]);
    let t = h.timeline();
    assert_eq!(t.state().settings.get("k"), None);
    assert_eq!(notes(&t, &late), vec![Note::SettledNothing], "the first in the order counts");
    assert_eq!(notes(&t, &never), vec![Note::SettledNothing]);
    assert_eq!(t.state().master.as_ref().unwrap().epoch, epoch);
}

#[test]
fn of_two_things_with_one_name_the_later_gets_a_suffix() {
    let mut h = History::new();
    let first = h.write(2, 200, h.first, ME, published(1, "Office"), &[]);
    let second = h.write(3, 210, h.first, ME, published(2, "office"), &[&first]);
    let t = h.timeline();
    assert_eq!(t.state().items[&ItemId([1; 16])].name.value.as_str(), "Office");
    assert_eq!(t.state().items[&ItemId([2; 16])].name.value.as_str(), "office~2");
    assert_eq!(notes(&t, &second), vec![Note::Renamed { to: "office~2".parse().unwrap() }]);
    assert_eq!(notes(&t, &first), vec![]);
}

#[test]
fn the_later_edit_wins_and_the_audit_shows_what_it_had_not_seen() {
    let mut h = History::new();
    let item = h.write(1, 200, h.first, ME, published(1, "Office"), &[]);
    let bases = vec![Some(item.reference)];
    let epoch = h.first;
    let a = h.pens[1].write_on(210, epoch, ME, renamed(1, "A"), &[], bases.clone());
    let b = h.pens[2].write_on(220, epoch, ME, renamed(1, "B"), &[], bases);
    h.events.extend([b.clone(), a.clone()]);
    let t = h.timeline();
    assert_eq!(t.state().items[&ItemId([1; 16])].name.value.as_str(), "B");
    assert_eq!((notes(&t, &a), notes(&t, &b)), (vec![], vec![Note::Overwrote { field: 0, edit: a.reference }]));
}

#[test]
fn a_deletion_wins_over_a_concurrent_edit() {
    let mut h = History::new();
    h.write(1, 200, h.first, ME, published(1, "Office"), &[]);
    let gone = h.write(2, 210, h.first, ME, Event::ItemUnpublished(ItemUnpublished { item: ItemId([1; 16]) }), &[]);
    let edit = h.write(3, 220, h.first, ME, renamed(1, "Later"), &[&gone]);
    let t = h.timeline();
    assert!(t.state().items.is_empty());
    assert_eq!((lane(&t, &edit), notes(&t, &edit)), (Lane::Applied, vec![Note::AlreadyRemoved]));
}
