//! Views that go on from saved ones are those that are folded from the beginning; and what does not fit is thrown away.

#![allow(clippy::unwrap_used, missing_docs)]

mod history;
mod kit;

use history::{Dice, history};
use hostler_events::{EventRef, Hash, OnUnknown};
use hostler_views::{Lane, Loaded, Note, SavedViews, SavedViewsError, Views};
use kit::{Pen, SITE, founded, published};
use std::collections::BTreeMap;
use std::sync::Arc;

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap()
}

fn fold(events: &[Arc<Loaded>]) -> Views {
    let mut views = Views::default();
    views.insert(events.iter().cloned());
    views
}

/// Everything that readers can see.
type Seen = (Hash, Option<EventRef>, Vec<(EventRef, Lane, Vec<Note>)>);

fn seen(views: &Views) -> Seen {
    let entries = views.timelines().flat_map(|(_, t)| t.entries());
    let entries = entries.map(|e| (e.loaded.reference, e.lane, e.notes.clone())).collect();
    (views.digest(), views.halted_by(), entries)
}

/// What a log holds at some moment: the beginnings of the feeds, in the order of a scan; and the rest, shuffled but for
/// the order in each feed.
fn cut(events: &[Arc<Loaded>], dice: &mut Dice) -> (Vec<Arc<Loaded>>, Vec<Arc<Loaded>>) {
    let mut feeds: BTreeMap<_, Vec<Arc<Loaded>>> = BTreeMap::new();
    for event in events {
        feeds.entry(event.reference.feed).or_default().push(event.clone());
    }
    let (mut log, mut rest) = (Vec::new(), Vec::new());
    for mut events in feeds.into_values() {
        let later = events.split_off(index(dice.roll(events.len() as u64 + 1)));
        log.extend(events);
        rest.push(later.into_iter());
    }
    let mut shuffled = Vec::new();
    while rest.iter().any(|r| r.len() > 0) {
        let at = index(dice.roll(rest.len() as u64));
        shuffled.extend(rest[at].next());
    }
    (log, shuffled)
}

#[test]
fn restored_is_rebuilt() {
    let (mut late, mut unsorted) = (0, 0);
    for seed in 1..=300 {
        let mut dice = Dice(seed);
        // Every second history has feeds that are not in the order in themselves.
        let off = if seed % 2 == 0 { 25 } else { 1 };
        let events = history(seed, off);
        let whole = seen(&fold(&events));
        for _ in 0..4 {
            let (log, rest) = cut(&events, &mut dice);
            let views = fold(&log);
            let bytes = views.save().unwrap().encode().unwrap();
            // More may be on the disk than what the saved views cover.
            let more = index(dice.roll(rest.len() as u64 + 1));
            let mut disk = [&log[..], &rest[..more]].concat();
            disk.sort_by_key(|e| (e.reference.feed, e.reference.seq));
            let saved = SavedViews::decode(&bytes).unwrap();
            assert_eq!(saved.events(), log.len() as u64);
            let mut restored = Views::restore(saved, &disk).unwrap();
            assert!(seen(&restored) == seen(&fold(&disk)), "seed {seed}: after a start");
            assert_eq!(restored.main_site(), fold(&disk).main_site());
            for part in rest[more..].chunks(1 + index(dice.roll(9))) {
                late += usize::from(part.iter().any(|e| log.iter().any(|l| l.key() > e.key())));
                restored.insert(part.iter().cloned());
            }
            assert!(seen(&restored) == whole, "seed {seed}: {} saved, {more} more at the start", log.len());
            // And they can be saved again.
            let again = SavedViews::decode(&restored.save().unwrap().encode().unwrap()).unwrap();
            assert!(seen(&Views::restore(again, &events).unwrap()) == whole, "seed {seed}: saved again");
        }
        unsorted += usize::from(events.iter().any(|a| {
            let after = |b: &Arc<Loaded>| b.reference.feed == a.reference.feed && b.reference.seq > a.reference.seq;
            events.iter().any(|b| after(b) && b.key() < a.key())
        }));
    }
    assert!(late > 300 && unsorted > 30, "late events {late}, histories with unsorted feeds {unsorted}");
}

#[test]
fn what_does_not_fit_is_thrown_away() {
    let mut one = Pen::new(1);
    let mut events = founded(&mut one);
    let epoch = events[0].header.epoch;
    for n in 1..=5 {
        events.push(one.write(200 + u64::from(n), epoch, hostler_events::Actor::System, published(n, "Desk"), &[]));
    }
    let views = fold(&events);
    let bytes = views.save().unwrap().encode().unwrap();
    assert_eq!(seen(&Views::restore(SavedViews::decode(&bytes).unwrap(), &events).unwrap()), seen(&views));

    // Damage anywhere.
    for at in 0..bytes.len() {
        let mut harmed = bytes.clone();
        harmed[at] ^= 1 << (at % 8);
        assert!(matches!(SavedViews::decode(&harmed), Err(SavedViewsError::Damaged(_))), "byte {at}");
        assert!(matches!(SavedViews::decode(&bytes[..at]), Err(SavedViewsError::Damaged(_))), "{at} bytes");
    }

    // Another log: shorter, without the feed, with another event in the last place.
    let feed = events[0].reference.feed;
    let other = SavedViewsError::OtherLog { feed, seq: events.len() as u64 };
    let (most, last) = (&events[..events.len() - 1], events.last().unwrap());
    let mut forked = last.as_ref().clone();
    forked.reference.hash = Hash([7; 32]);
    let missing = [&events[..3], &events[4..]].concat();
    for (what, log) in [
        ("shorter", most.to_vec()),
        ("empty", Vec::new()),
        ("forked", [most, &[Arc::new(forked)]].concat()),
        ("with a gap", missing),
    ] {
        let saved = SavedViews::decode(&bytes).unwrap();
        assert_eq!(Views::restore(saved, &log).map(|_| ()), Err(other), "{what}");
    }
}

#[test]
fn saved_views_name_what_they_skipped() {
    let mut one = Pen::new(1);
    let mut events = founded(&mut one);
    let epoch = events[0].header.epoch;
    let next = one.write(300, epoch, hostler_events::Actor::System, published(1, "Desk"), &[]);
    let unread = |kind, version, on_unknown| {
        let mut loaded = next.clone();
        let of_later = Arc::make_mut(&mut loaded);
        (of_later.header.kind, of_later.header.version) = (kind, version);
        (of_later.header.on_unknown, of_later.event) = (on_unknown, None);
        loaded
    };
    let of_item = published(1, "Desk").kind().id;
    // (type, version, whether this program knows it now)
    for (kind, version, known) in [(60_000, 1, false), (of_item, 9, false), (of_item, 1, true)] {
        for on_unknown in [OnUnknown::Skip, OnUnknown::Halt] {
            let mut events = events.clone();
            events.push(unread(kind, version, on_unknown));
            let views = fold(&events);
            assert_eq!(views.halted_by().is_some(), on_unknown == OnUnknown::Halt);
            let saved = views.save().unwrap();
            // What this program knows and yet can't read is nonsense for ever; only what it did not know is named.
            assert_eq!(saved.skipped().contains(&(kind, version)), !known);
            let restored = Views::restore(SavedViews::decode(&saved.encode().unwrap()).unwrap(), &events).unwrap();
            assert_eq!(seen(&restored), seen(&views));
        }
    }
    // A feed that an event is missing from, since it is held, can't be saved.
    events.remove(3);
    assert!(fold(&events).save().is_none() && fold(&events).site(SITE).is_some());
}
