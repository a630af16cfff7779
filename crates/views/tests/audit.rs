//! What the audit says about the history of the golden log `two-masters`: three masters of whom two did not know each
//! other, what was set aside, and what changed between two moments.

#![allow(clippy::unwrap_used, missing_docs)]

mod kit;
mod two_masters;

use hostler_events::payload::*;
use hostler_events::{Actor, Event, EventRef};
use hostler_model::{Epoch, Wall};
use hostler_views::audit::{self, History, How, Subject};
use hostler_views::{Lane, Loaded, Timeline};
use kit::{ADMIN, Pen, SITE, broker, founded};
use std::sync::Arc;

fn history() -> History {
    History::new(two_masters::history().iter().map(|e| Arc::new(Loaded::new(e))).collect())
}

fn at(history: &History, wall: u64) -> Timeline {
    history.at(Wall(wall)).timeline(SITE).cloned().unwrap_or_default()
}

/// "broker.incarnation/place".
fn place(event: &EventRef) -> String {
    format!("{}.{}/{}", event.feed.broker.0[0], event.feed.incarnation.ordinal, event.seq)
}

fn epoch(epoch: &Epoch) -> String {
    format!("{}@{}", epoch.n, epoch.broker.0[0])
}

#[test]
fn every_mastership_is_told_with_what_it_superseded() {
    let records = audit::promotions(&at(&history(), u64::MAX));
    let told: Vec<String> = records
        .iter()
        .map(|r| {
            let superseded: Vec<String> = r.superseded.iter().map(place).collect();
            let parent = r.parent.as_ref().map_or_else(|| "none".to_string(), epoch);
            let resumes: Vec<String> = r.resumes.iter().map(place).collect();
            format!(
                "{} {:?} after {parent}: {}, resumes {resumes:?}, superseded {superseded:?}",
                epoch(&r.epoch),
                r.promoted.kind,
                r.lane
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "1@1 First after none: applied, resumes [], superseded []",
            "2@2 Forced after 1@1: superseded, resumes [], superseded []",
            "2@3 Forced after 1@1: applied, resumes [\"3.2/1\"], superseded [\"1.1/11\", \"1.1/12\", \"1.1/13\", \
             \"2.1/3\", \"2.1/4\", \"3.1/8\"]",
        ]
    );
}

#[test]
fn an_automatic_promotion_is_told_with_its_votes_and_a_planned_one_with_its_seal() {
    let mut pens = [Pen::new(1), Pen::new(2), Pen::new(3)];
    let mut events = founded(&mut pens[0]);
    let first = events[0].header.epoch;
    let vote = |n| Event::Voted(Voted { n, candidate: broker(2), succeeds: first, silent_ms: 30_000 });
    let seal = |n| Event::Sealed(Sealed { successor: broker(n) });
    for (pen, at, event) in [(1, 200, vote(2)), (2, 201, vote(2)), (2, 202, vote(3))] {
        events.push(pens[pen].write(at, first, Actor::System, event, &[]));
    }
    let automatic = pens[1].promote(210, 2, PromotionKind::Automatic, &events);
    let epoch_two = automatic.header.epoch;
    events.push(automatic);
    let late = pens[0].write(211, first, Actor::System, vote(2), &[]);
    events.push(late);
    events.push(pens[1].write(220, epoch_two, Actor::Admin(ADMIN), seal(3), &[]));
    events.push(pens[2].promote(230, 3, PromotionKind::Planned, &events.clone()));
    let records = audit::promotions(&at(&History::new(events), u64::MAX));
    let votes: Vec<_> = records[1].votes.iter().map(|v| (place(&v.event), v.broker, v.silent_ms)).collect();
    assert_eq!(votes, [("2.1/1".into(), broker(2), 30_000), ("3.1/1".into(), broker(3), 30_000)]);
    assert_eq!(records[2].seal.as_ref().map(place), Some("2.1/3".into()));
    assert_eq!((records[0].votes.len(), records[2].votes.len(), records[1].seal), (0, 0, None));
    assert_eq!(records.iter().map(|r| r.parent.map(|p| p.n)).collect::<Vec<_>>(), [None, Some(1), Some(2)]);
}

#[test]
fn what_was_set_aside_is_listed_with_what_became_of_it() {
    let told = |wall| -> Vec<String> {
        let aside = audit::set_aside(&at(&history(), wall));
        let tell = |a: &audit::SetAside| {
            let by = match a.lane {
                Lane::Superseded { by } => by.as_ref().map(place),
                Lane::Quarantined { by } => Some(place(&by)),
                Lane::Applied | Lane::Orphaned => None,
            };
            let settled = match a.settled {
                Some(s) if s.reapplied => format!("reapplied by {}", place(&s.by)),
                Some(s) => format!("discarded by {}", place(&s.by)),
                None if a.waits() => "waits".to_string(),
                None => "stays".to_string(),
            };
            format!("{} {} by {}: {settled}", place(&a.loaded.reference), a.lane, by.unwrap_or_default())
        };
        aside.iter().map(tell).collect()
    };
    assert_eq!(told(259), Vec::<String>::new(), "before anybody promoted himself nothing is superseded");
    assert_eq!(
        told(u64::MAX),
        [
            "1.1/11 superseded by 3.1/4: discarded by 3.2/3",
            "1.1/12 superseded by 3.1/4: reapplied by 3.2/2",
            "1.1/13 superseded by 3.1/4: waits",
            "2.1/3 superseded by 3.1/4: stays",
            "2.1/4 superseded by 3.1/4: waits",
            "2.1/7 quarantined by 3.1/7: waits",
            "3.1/8 superseded by 3.2/1: waits",
        ]
    );
}

/// "subject change: field from → to by events".
fn told(history: &History, from: u64, to: u64) -> Vec<String> {
    let changes = audit::changes(&at(history, from), &at(history, to));
    let subject = |subject: &Subject| match subject {
        Subject::Thing(thing) => thing.to_string().split(' ').next().unwrap().to_string(),
        Subject::Setting(key) | Subject::Policy(key) => key.clone(),
        Subject::Event(event) => place(event),
        other => format!("{other:?}"),
    };
    let mut lines = Vec::new();
    for change in &changes {
        for field in &change.fields {
            let by = |cause: &audit::Cause| match cause.how {
                How::Wrote => place(&cause.event),
                How::Undid(event) => format!("{} undid {}", place(&cause.event), place(&event)),
                How::Restored(event) => format!("{} restored {}", place(&cause.event), place(&event)),
            };
            let by: Vec<String> = field.by.iter().map(by).collect();
            let show = |v: &Option<serde_json::Value>| v.as_ref().map_or_else(|| "–".to_string(), ToString::to_string);
            let (old, new) = (show(&field.from), show(&field.to));
            let (old, new) = if old.len() + new.len() > 40 { ("…".into(), "…".into()) } else { (old, new) };
            lines.push(format!(
                "{} {:?}: {} {old} → {new} by {}",
                subject(&change.subject),
                change.change,
                field.field,
                by.join(", ")
            ));
        }
    }
    lines
}

#[test]
fn a_difference_is_put_down_to_who_made_it() {
    let history = history();
    assert_eq!(
        told(&history, 349, 350),
        ["host Changed: drain false → true by 3.2/7", "host Changed: hard_cap null → 20 by 3.2/7"]
    );
    // The promotions supersede what broker 1 wrote alone.
    let lines = told(&history, 245, 262);
    for want in [
        "k Changed: value \"lost\" → \"known\" by 3.1/4 undid 1.1/11",
        "administrator Removed: name \"eve\" → – by 3.1/4 undid 1.1/12",
    ] {
        assert!(lines.iter().any(|l| l == want), "{want} is not in {lines:#?}");
    }
    // An administrator decides about them later.
    let lines = told(&history, 319, 321);
    for want in [
        "administrator Created: name – → \"eve\" by 3.2/2 restored 1.1/12",
        "1.1/11 Created: settled – → \"discarded\" by 3.2/3",
        "1.1/12 Created: settled – → \"reapplied\" by 3.2/2",
    ] {
        assert!(lines.iter().any(|l| l == want), "{want} is not in {lines:#?}");
    }
    assert_eq!(told(&history, 100_000, 200_000), Vec::<String>::new());
}

#[test]
fn every_change_has_a_cause() {
    let history = history();
    for (from, to) in [(0, 230), (0, 245), (230, 300), (245, 400), (300, 345), (0, 400)] {
        for line in told(&history, from, to) {
            assert!(!line.ends_with("by "), "{from} to {to}: {line}");
        }
    }
}

#[test]
fn a_moment_has_what_was_written_until_then() {
    let history = history();
    let all = at(&history, u64::MAX);
    for wall in [0, 99, 100, 150, 245, 262, 320, 391] {
        let timeline = at(&history, wall);
        let want: Vec<EventRef> = {
            let mut events: Vec<_> = all.entries().iter().filter(|e| e.loaded.header.hlc.wall.0 <= wall).collect();
            events.sort_by_key(|e| e.key);
            events.iter().map(|e| e.loaded.reference).collect()
        };
        let got: Vec<EventRef> = timeline.entries().iter().map(|e| e.loaded.reference).collect();
        assert_eq!(got, want, "at {wall}");
    }
    let master = |wall| at(&history, wall).state().master.as_ref().map(|m| epoch(&m.epoch));
    assert_eq!(
        [master(100), master(259), master(261), master(262)],
        [Some("1@1".into()), Some("1@1".into()), Some("2@2".into()), Some("2@3".into())]
    );
    assert_eq!(at(&history, 391).state().digest(), all.state().digest());
    assert!(history.at(Wall(0)).timeline(SITE).is_none());
}
