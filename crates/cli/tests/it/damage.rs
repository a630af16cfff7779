//! A log that was tampered with, in every way that there is: what is wrong is found, and the first bad event is named.

use hostler_events::{AuthorKey, Frontier, Hash, StoredEvent};
use hostler_log::export::{Export, ExportFault, ExportWriter};
use hostler_log::verify::{Examined, Fault, Finding, Verifier};
use hostler_model::{BrokerId, Feed, PublicKey, Wall};
use hostler_node::testing::{history, secret};
use hostler_views::{Loaded, Views};
use hostler_wire::Fingerprint;
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

/// Enough for three masterships and for feeds of some length.
const EVENTS: usize = 300;
const PROMOTIONS: usize = 4;

static LOG: LazyLock<Vec<StoredEvent>> = LazyLock::new(|| in_order(history(EVENTS, PROMOTIONS, id_of)));

pub(crate) fn id_of(key: &PublicKey) -> BrokerId {
    BrokerId(Fingerprint::of(key).0)
}

/// The order of a store: by feed and place.
pub(crate) fn in_order(mut events: Vec<StoredEvent>) -> Vec<StoredEvent> {
    events.sort_by_key(|e| (e.header().feed, e.header().seq));
    events
}

/// The export file of these events.
pub(crate) fn export(events: &[StoredEvent]) -> Vec<u8> {
    let (mut writer, mut file) = ExportWriter::begin();
    for event in events {
        file.extend(writer.event(event));
    }
    let mut views = Views::default();
    views.insert(events.iter().map(|e| Arc::new(Loaded::new(e))));
    file.extend(writer.finish(Wall(u64::MAX / 2), views.digest()).unwrap());
    file
}

fn heads(events: &[StoredEvent]) -> Frontier {
    let mut heads = Frontier::default();
    events.iter().map(StoredEvent::reference).for_each(|r| heads.raise(r.feed, r.seq, r.hash));
    heads
}

fn conclude(mut examined: Examined) -> Vec<Finding> {
    let signatures = examined.check_signatures(0..examined.events().len());
    examined.conclude(signatures)
}

/// What is found in an export file.
fn findings(file: Vec<u8>) -> (Vec<Finding>, Vec<ExportFault>) {
    let export = Export::read(&file.into()).unwrap();
    let mut verifier = Verifier::new(id_of, export.trailer.map(|t| t.heads));
    export.events.into_iter().for_each(|bytes| verifier.take(None, bytes));
    (conclude(verifier.finish()), export.faults)
}

/// What is found in a store that knows under which place it keeps what.
fn stored_findings(events: &[((Feed, u64), Vec<u8>)]) -> Vec<Finding> {
    let mut verifier = Verifier::new(id_of, None);
    for (place, bytes) in events {
        verifier.take(Some(*place), bytes.clone().into());
    }
    conclude(verifier.finish())
}

fn place(event: &StoredEvent) -> (Feed, u64) {
    (event.header().feed, event.header().seq)
}

fn first(findings: &[Finding]) -> (Feed, u64) {
    findings.first().map(|f| (f.feed, f.seq)).expect("something is found")
}

/// The same file with other events, and the trailer of the right ones.
fn file_with(events: &[Vec<u8>], of: &[StoredEvent]) -> Vec<u8> {
    let good = export(of);
    let body: usize = of.iter().map(|e| e.bytes().len() + 4).sum();
    let start = hostler_log::export::MAGIC.len() + 4;
    let framed = events.iter().flat_map(|e| [&u32::try_from(e.len()).unwrap().to_le_bytes()[..], e].concat());
    [&good[..start], &framed.collect::<Vec<u8>>(), &good[start + body..]].concat()
}

fn bytes(events: &[StoredEvent]) -> Vec<Vec<u8>> {
    events.iter().map(|e| e.bytes().to_vec()).collect()
}

#[test]
fn a_good_log_is_good() {
    assert_eq!(findings(export(&LOG)), (vec![], vec![]));
    let stored: Vec<_> = LOG.iter().map(|e| (place(e), e.bytes().to_vec())).collect();
    assert_eq!(stored_findings(&stored), vec![]);
    let kinds = |name: &str| {
        let kind = hostler_events::kind_named(name).unwrap().id;
        LOG.iter().filter(|e| e.header().kind == kind).count()
    };
    assert_eq!((kinds("promoted"), kinds("broker.joined")), (PROMOTIONS + 1, 3));
    assert!(kinds("sealed") > 0 && kinds("voted") > 0 && LOG.len() > EVENTS - 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_flipped_bit_is_found_and_its_event_named(at in 0..LOG.len(), bit in any::<proptest::sample::Index>()) {
        let mut all = bytes(&LOG);
        let bit = bit.index(all[at].len() * 8);
        all[at][bit / 8] ^= 1 << (bit % 8);
        let (found, faults) = findings(file_with(&all, &LOG));
        let (feed, seq) = place(&LOG[at]);
        // In a file an event that says that it is another one of its feed may be named by what it says; then the place that
        // it has left empty, or stands in, is named as well.
        let claimed = StoredEvent::parse(all[at].clone().into()).map_or((feed, seq), |damaged| place(&damaged));
        let named = |f: &Finding| match &f.fault {
            _ if (f.feed, f.seq) == (feed, seq) => true,
            Fault::Missing { to } => f.feed == feed && (f.seq..=*to).contains(&seq),
            Fault::Misplaced { found } => (found.feed, found.seq) == (feed, seq),
            _ => false,
        };
        let by_claim = claimed.0 == feed && first(&found) == claimed && found.iter().any(named);
        prop_assert!(by_claim || first(&found) == (feed, seq), "in a file, bit {bit}: {:?}", &found[..found.len().min(4)]);
        prop_assert_eq!(faults, vec![ExportFault::Checksum]);
        let stored: Vec<_> = LOG.iter().map(place).zip(all).collect();
        let found = stored_findings(&stored);
        prop_assert_eq!(first(&found), place(&LOG[at]), "in a store, bit {}: {:?}", bit, &found[..found.len().min(4)]);
    }

    #[test]
    fn a_bit_flipped_anywhere_in_the_file_is_found(bit in any::<proptest::sample::Index>()) {
        let mut file = export(&LOG);
        let start = (hostler_log::export::MAGIC.len() + 4) * 8;
        let bit = start + bit.index(file.len() * 8 - start);
        file[bit / 8] ^= 1 << (bit % 8);
        let (_, faults) = findings(file);
        prop_assert!(faults.contains(&ExportFault::Checksum), "{faults:?}");
    }

    #[test]
    fn a_removed_event_is_found_and_named(at in 0..LOG.len()) {
        let mut left = LOG.clone();
        let gone = left.remove(at);
        let (found, _) = findings(file_with(&bytes(&left), &LOG));
        prop_assert_eq!(first(&found), place(&gone), "{:?}", &found[..found.len().min(4)]);
        // A file that was made anew, and a store, don't tell where a feed should end; what others had seen does.
        let known = LOG.iter().any(|e| {
            let seen = e.header().frontier.as_ref().is_some_and(|f| f.contains(&gone.header().feed, gone.header().seq));
            let based = e.header().bases.iter().flatten().any(|b| *b == gone.reference());
            seen || based || (e.header().feed == gone.header().feed && e.header().seq > gone.header().seq)
        });
        let stored: Vec<_> = left.iter().map(|e| (place(e), e.bytes().to_vec())).collect();
        let found = stored_findings(&stored);
        prop_assert_eq!(found.first().map(|f| (f.feed, f.seq)), known.then(|| place(&gone)));
        let (found, faults) = findings(export(&left));
        prop_assert_eq!(found.first().map(|f| (f.feed, f.seq)), known.then(|| place(&gone)));
        prop_assert_eq!(faults, vec![]);
    }

    #[test]
    fn two_swapped_events_are_found_and_one_of_them_named(a in 0..LOG.len(), b in 0..LOG.len()) {
        prop_assume!(a != b);
        let mut swapped = bytes(&LOG);
        swapped.swap(a, b);
        let (found, faults) = findings(file_with(&swapped, &LOG));
        let either = [place(&LOG[a]), place(&LOG[b])];
        let named = |f: &Finding| {
            let missing = matches!(f.fault, Fault::Missing { to } if either.iter().any(|(feed, seq)| *feed == f.feed && (f.seq..=to).contains(seq)));
            missing || either.contains(&(f.feed, f.seq))
        };
        // Of two in one feed, what stands between them may be the first that is out of order.
        let between = |f: &Finding| {
            let [(a, from), (b, to)] = either;
            a == b && f.feed == a && (from.min(to)..=from.max(to)).contains(&f.seq)
        };
        prop_assert!(found.first().is_some_and(|f| named(f) || between(f)), "{either:?}: {found:?}");
        prop_assert!(found.iter().any(named), "{either:?}: {found:?}");
        prop_assert_eq!(faults, vec![ExportFault::Checksum]);
        let stored: Vec<_> = LOG.iter().map(place).zip(swapped).collect();
        let found = stored_findings(&stored);
        prop_assert!(found.iter().all(|f| either.contains(&(f.feed, f.seq)) || f.fault == Fault::Chain || f.fault == Fault::NoKey), "{found:?}");
        prop_assert!(either.contains(&first(&found)), "{found:?}");
    }

    #[test]
    fn a_tail_that_was_cut_off_is_found(at in any::<proptest::sample::Index>(), events in 1..60_usize) {
        let file = export(&LOG);
        let start = hostler_log::export::MAGIC.len() + 4;
        let (_, faults) = findings(file[..start + at.index(file.len() - start)].to_vec());
        prop_assert!(matches!(faults[0], ExportFault::CutOff { .. } | ExportFault::Trailer), "{faults:?}");
        // Where the trailer was put back behind it.
        let left = &LOG[..LOG.len() - events];
        let (found, _) = findings(file_with(&bytes(left), &LOG));
        let (feed, seq) = place(&LOG[LOG.len() - events]);
        prop_assert_eq!(first(&found), (feed, seq));
    }

    #[test]
    fn a_foreign_signature_is_found_and_named(at in 0..LOG.len(), signer in 0..5_u8) {
        let event = &LOG[at];
        let author = (1..=3).find(|n| id_of(&AuthorKey::from_secret(&secret(*n)).public()) == event.header().feed.broker);
        prop_assume!(author != Some(signer));
        let key = AuthorKey::from_secret(&secret(signer));
        let forged = StoredEvent::seal(event.header().clone(), &event.event().unwrap(), &key).unwrap();
        prop_assert_eq!(forged.hash(), event.hash(), "the signature alone differs");
        let mut all = LOG.clone();
        all[at] = forged;
        // Also where the file was made anew with it.
        let (found, faults) = findings(export(&all));
        prop_assert_eq!(faults, vec![]);
        prop_assert_eq!(first(&found), place(event));
        prop_assert!(matches!(found[0].fault, Fault::Signature(_)) && found.len() == 1, "{found:?}");
    }
}

#[test]
fn a_forged_feed_is_found_however_well_it_is_made() {
    // Somebody who has no key of the farm writes a whole history of their own: it is whole in itself, and another farm.
    let (ours, theirs) = (heads(&LOG), history(50, 0, |key| BrokerId(key.0[..16].try_into().unwrap())));
    let found = findings(export(&in_order(theirs.clone()))).0;
    assert!(
        found.iter().all(|f| matches!(f.fault, Fault::Key | Fault::NoKey)) && found[0].fault == Fault::Key,
        "{found:?}"
    );
    // Nor do its events become ours by standing behind them.
    let both = in_order(LOG.iter().cloned().chain(theirs).collect());
    let found = findings(export(&both)).0;
    assert!(!found.is_empty() && found.iter().all(|f| !ours.0.contains_key(&f.feed)), "{found:?}");
}

#[test]
fn what_hangs_on_a_bad_event_is_told() {
    let changed = hostler_events::kind_named("item.changed").unwrap().id;
    let at = LOG.iter().position(|e| e.header().kind == changed).unwrap();
    let mut all = bytes(&LOG);
    let last = all[at].len() - 1;
    all[at][last] ^= 1;
    let export = Export::read(&file_with(&all, &LOG).into()).unwrap();
    let mut verifier = Verifier::new(id_of, export.trailer.map(|t| t.heads));
    export.events.into_iter().for_each(|bytes| verifier.take(None, bytes));
    let mut examined = verifier.finish();
    let signatures = examined.check_signatures(0..LOG.len());
    let found = examined.conclude(signatures);
    let affected = examined.affected(&found[0]);
    let (feed, seq) = place(&LOG[at]);
    let hangs = |e: &&StoredEvent| {
        let h = e.header();
        (h.feed == feed && h.seq > seq)
            || h.frontier.as_ref().is_some_and(|f| f.contains(&feed, seq))
            || h.bases.iter().flatten().any(|b| b.feed == feed && b.seq == seq)
    };
    assert_eq!(affected.event_count, LOG.iter().filter(hangs).count() as u64);
    assert!(affected.things.contains(&LOG[at].header().touches[0]), "{affected:?}");
    assert_ne!(heads(&LOG).0[&feed].1, Hash::ZERO);
}
