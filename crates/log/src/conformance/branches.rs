//! Forked feeds: every log keeps all branches.

use super::{Harness, all, fork, frontier};
use crate::testing::Chain;
use crate::{EventLog, LogError, Write};
use hostler_events::StoredEvent;

pub(super) fn kept(h: &mut dyn Harness) {
    let (mut chain, mut other) = (Chain::new(1), Chain::new(2));
    let (feed, common) = (chain.feed(), chain.events(2));
    // Others go on behind the second event, behind the first, and from the very beginning.
    let (mut second, mut third, mut whole) = (chain.clone(), Chain::new(1), Chain::new(1));
    let first = chain.events(3);
    let large =
        |chain: &mut Chain, count: usize| -> Vec<StoredEvent> { (0..count).map(|_| chain.large(400)).collect() };
    let second = large(&mut second, 5);
    third.events(1);
    let third = [third.large(800), third.small()];
    let whole = large(&mut whole, 2);
    let of_other = other.events(2);

    let log = h.log();
    assert_eq!(log.append(&[&common[..], &first[..2], &of_other[..1]].concat()), Ok(()));
    let gap = || Err(LogError::Gap { feed, have: 4, got: 6 });
    assert_eq!(log.append(&second[3..]), gap(), "what follows nothing is refused");
    assert_eq!(log.append(&second[..2]), Ok(()), "a second event in a place");
    assert_eq!(log.append(&second), Ok(()), "and what follows it, further than the first branch");
    assert_eq!(log.append(&[&third[..], &whole[..]].concat()), Ok(()));
    assert_eq!(log.append(&first[2..]), Ok(()), "the first branch goes on");
    assert_eq!(log.append(&of_other[1..]), Ok(()), "and so do others");

    let by_hash = |events: &[&StoredEvent]| -> Vec<StoredEvent> {
        let mut events: Vec<StoredEvent> = events.iter().map(|e| (*e).clone()).collect();
        events.sort_by_key(StoredEvent::hash);
        events
    };
    let at_2 = by_hash(&[&third[0], &whole[1]]);
    let at_3 = by_hash(&[&third[1], &second[0]]);
    let main = [&common[..], &first[..]].concat();
    let rest = [&whole[..1], &at_2[..], &at_3[..], &second[1..]].concat();
    for round in 0..2 {
        let log = h.log();
        assert_eq!(log.heads(), frontier(&[main[4].reference(), of_other[1].reference()]), "round {round}");
        assert_eq!((log.count(), log.branch_count()), (16, 9), "round {round}");
        assert_eq!(all(log), [&main[..], &of_other[..], &rest[..]].concat(), "round {round}");
        // From the third place on, place by place.
        let want = [&main[2..3], &at_3, &main[3..4], &second[1..2], &main[4..], &second[2..]].concat();
        assert_eq!(log.read(feed, 3, usize::MAX), Ok(want.clone()), "round {round}");
        let size = want[..4].iter().map(|e| e.bytes().len()).sum();
        assert_eq!(log.read(feed, 3, size), Ok(want[..4].to_vec()), "round {round}");
        assert_eq!(log.read(feed, 7, usize::MAX), Ok(second[4..].to_vec()), "round {round}");
        assert_eq!(log.read(feed, 8, usize::MAX), Ok(vec![]), "round {round}");
        // All of it is known.
        assert_eq!(log.append(&[&main[..], &rest[..]].concat()), Ok(()), "round {round}");
        h.reopen();
    }
    // What one log hands over another one takes in, and has the same.
    let all_of_it = all(h.log());
    let mut another = crate::MemoryLog::new();
    assert_eq!(another.append(&all_of_it), Ok(()));
    assert_eq!(all(&another), all_of_it);
}

pub(super) fn in_a_group(h: &mut dyn Harness) {
    let mut chain = Chain::new(1);
    let common = chain.events(1);
    let mut branch = chain.clone();
    let first = chain.events(2);
    let second = [branch.large(400), branch.large(400)];
    let log = h.log();
    let refused = fork(first[1].reference(), second[1].reference());
    let verdicts = log.commit(&[
        Write::Events([&common[..], &first[..]].concat()),
        // A refused batch takes its branch with it.
        Write::Events(vec![second[0].clone(), Chain::new(2).events(2).remove(1)]),
        Write::Events(vec![second[1].clone()]),
        Write::Events(vec![second[0].clone()]),
        Write::Events(second.to_vec()),
    ]);
    let gap = LogError::Gap { feed: Chain::new(2).feed(), have: 0, got: 2 };
    assert_eq!(verdicts, Ok(vec![Ok(()), Err(gap), Err(refused), Ok(()), Ok(())]));
    assert_eq!(all(log), [&common[..], &first[..], &second[..]].concat());
}
