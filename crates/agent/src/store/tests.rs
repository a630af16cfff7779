use super::*;
use hostler_events::payload::BrokerAddresses;
use hostler_model::{BrokerId, Epoch, Hlc, HostId, ItemId, PublicKey, SeatId, TicketId, Wall};
use hostler_seating::admission::KeptTicket;
use hostler_seating::explanation::{Explanation, Reason};
use hostler_wire::messages::roster::BrokerEntry;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

fn session(n: u8) -> KeptSession {
    let (user, item): (hostler_model::UserName, _) = ("alice".parse().unwrap(), ItemId([3; 16]));
    KeptSession {
        session: SessionId([n; 16]),
        key: format!("key {n}"),
        user: user.clone(),
        started: Wall(1_700_000_000_000),
        seat: SeatId([n; 16]),
        item,
        tickets: vec![KeptTicket { ticket: TicketId([n; 16]), seat: SeatId([n; 16]), since: Wall(5) }],
        explanation: Arc::new(Explanation {
            at: Wall(4),
            broker: BrokerId([1; 16]),
            user,
            item,
            host: HostId([2; 16]),
            reason: Reason::LowestScore,
            candidates: [].into(),
            excluded: [].into(),
            eligible: 1,
        }),
    }
}

fn list() -> BrokerList {
    let at = |port| format!("broker.example:{port}").parse().unwrap();
    let entry = BrokerEntry {
        id: BrokerId([1; 16]),
        name: "b1".parse().unwrap(),
        key: PublicKey([7; 32]),
        addresses: BrokerAddresses { join: at(1), access: at(2), agent: at(3), peer: at(4) },
        enabled: true,
    };
    let hlc = Hlc { wall: Wall(u64::MAX), counter: 1 };
    BrokerList { epoch: Epoch { n: u64::MAX, hlc, broker: BrokerId([1; 16]) }, changed: hlc, brokers: vec![entry] }
}

fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, HostId([9; 16]))
}

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "agent.lock" && name != "sessions").collect();
    names.sort();
    names
}

#[test]
fn what_is_kept_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!((store.brokers().unwrap(), store.sessions().unwrap()), (None, Vec::new()));
    store.keep_brokers(&list()).unwrap();
    for n in [1, 2] {
        store.keep_session(&session(n)).unwrap();
    }
    let mut again = session(1);
    again.tickets.clear();
    store.keep_session(&again).unwrap();
    drop(store);

    let store = open(folder.path()).unwrap();
    let mut kept = store.sessions().unwrap();
    kept.sort_by_key(|s| s.session);
    assert_eq!((store.brokers().unwrap(), kept), (Some(list()), vec![again, session(2)]));
    for _ in 0..2 {
        store.forget_session(SessionId([1; 16])).unwrap();
    }
    assert_eq!(store.sessions().unwrap(), [session(2)]);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    drop(store);
    let store = Store::open(folder.path(), HostId([8; 16])).unwrap();
    assert_eq!(store.brokers().unwrap(), None, "what another host was told, perhaps in another farm");
    assert_eq!((mode(&store.brokers_path()), mode(&folder.path().join("sessions"))), (0o600, 0o700));
}

#[test]
fn one_agent_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let told = open(folder.path()).unwrap_err().to_string();
    assert!(told.contains("is used by another agent"), "{told}");
    drop(first);
    open(folder.path()).unwrap();
}

#[test]
fn what_can_not_be_understood_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let path = store.brokers_path();
    store.keep_brokers(&list()).unwrap();
    let good = fs::read(&path).unwrap();
    let long = vec![b' '; 300_000];
    let later = String::from_utf8(good.clone()).unwrap().replace("\"format\":1", "\"format\":2").into_bytes();
    let cases =
        [&b""[..], b"{}", b"\xff\x00", &good[..good.len() - 1], &long, &later, b"{\"format\":1,\"content\":[]}"];
    for (n, bytes) in cases.into_iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        assert_eq!(store.brokers().unwrap(), None, "case {n}");
        let left = files(folder.path());
        assert!(left.len() == 1 && left[0].starts_with("brokers.bad-"), "case {n}: {left:?}");
        assert_eq!(fs::read(folder.path().join(&left[0])).unwrap(), bytes);
        fs::remove_file(folder.path().join(&left[0])).unwrap();
    }

    store.keep_session(&session(1)).unwrap();
    store.keep_session(&session(2)).unwrap();
    fs::write(store.session_path(SessionId([2; 16])), b"rubbish").unwrap();
    fs::write(folder.path().join("sessions/cut-off.new"), b"{").unwrap();
    assert_eq!(store.sessions().unwrap(), [session(1)]);
    let left = files(&folder.path().join("sessions"));
    assert!(left.len() == 2 && left.iter().any(|name| name.contains(".bad-")), "{left:?}");
}
