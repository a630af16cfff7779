use super::*;
use crate::{CloseReason, Endpoint, EndpointOptions, MemberKey, Roster, Service, Trust, Typed, TypedRecvError};
use bytes::BufMut;
use hostler_model::{MemberRole, limits};
use tokio::runtime::Handle;

const DEADLINE: Duration = Duration::from_secs(10);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it takes too long")
}

/// Two brokers on loopback and a connection between them: the dialler's end, the listener's end, and what holds them.
async fn pair() -> (Connection, Connection, [Endpoint; 2]) {
    let roster = Arc::new(Roster::new());
    let keys = [1, 2].map(|i| Arc::new(MemberKey::from_seed(&[i; 32])));
    roster.set(MemberRole::Broker, keys.iter().zip(1u8..).map(|(k, i)| (k.public(), [i; 16])));
    let options = keys.map(|key| EndpointOptions {
        service: Service::Peer,
        key,
        roster: roster.clone(),
        runtime: Handle::current(),
    });
    let [dials, listens] = options;
    let (listener, mut arrivals) = Endpoint::listen(listens, "127.0.0.1:0".parse().unwrap()).unwrap();
    let dialer = Endpoint::dialer(dials, Some("127.0.0.1".parse().unwrap())).unwrap();
    let connection = soon(dialer.connect_to(listener.local().unwrap(), Trust::AnyBroker)).await.unwrap();
    let arrived = soon(arrivals.next()).await.unwrap();
    (connection, arrived, [dialer, listener])
}

async fn links() -> (Link, Link, [Endpoint; 2]) {
    let (a, b, endpoints) = pair().await;
    let (here, there) = soon(async { tokio::join!(a.open_link(), b.accept_link()) }).await;
    (here.unwrap(), there.unwrap(), endpoints)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_every_size_arrive_in_order_both_ways() {
    let (mut here, mut there, _endpoints) = links().await;
    let sizes = [0, 1, 3, 4, 5, 1_000, 65_535, 65_536, limits::FRAME_BYTES - 1, limits::FRAME_BYTES];
    let body = |n: usize| Bytes::from((0..n).map(|i| (i * 31 + n) as u8).collect::<Vec<_>>());
    let (sends, receives) = (here.sender.clone(), there.sender.clone());
    let sending = tokio::spawn(async move {
        for n in sizes {
            sends.send(body(n)).await.unwrap();
            receives.send(body(n)).await.unwrap();
        }
    });
    for n in sizes {
        assert_eq!(soon(there.recv()).await.unwrap(), Some(body(n)), "{n} bytes");
        assert_eq!(soon(here.recv()).await.unwrap(), Some(body(n)), "{n} bytes back");
    }
    sending.await.unwrap();
    let long = Bytes::from(vec![0; limits::FRAME_BYTES + 1]);
    let error = here.try_send(long).unwrap_err();
    assert!(error.to_string().contains("a frame of 1048577 bytes, where 1048576 are allowed"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_last_arrives_and_then_the_end() {
    let (here, mut there, _endpoints) = links().await;
    for i in 0..100u8 {
        here.try_send(Bytes::from(vec![i; 1_000])).unwrap();
    }
    drop(here);
    for i in 0..100u8 {
        assert_eq!(soon(there.recv()).await.unwrap(), Some(Bytes::from(vec![i; 1_000])));
    }
    // The other side gave up its receiving half as well; its connection ends only after all has arrived.
    match soon(there.recv()).await {
        Ok(None) => {}
        Err(LinkError::Closed(Closed::ByPeer { reason: CloseReason::Done, .. })) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_makes_busy_not_memory() {
    let (here, mut there, _endpoints) = links().await;
    let body = Bytes::from(vec![7; limits::FRAME_BYTES]);
    let mut taken = 0;
    let busy = loop {
        match here.try_send(body.clone()) {
            Ok(()) => taken += 1,
            Err(e) => break e,
        }
        assert!(taken < 100, "the queue has no limit");
    };
    assert_eq!(busy, SendError::Busy { peer: here.connection().peer().clone() });
    assert!(taken >= 4, "{taken}");
    for _ in 0..taken {
        assert_eq!(soon(there.recv()).await.unwrap().map(|b| b.len()), Some(limits::FRAME_BYTES));
    }
    soon(here.send(body)).await.unwrap();
    // What may be left out leaves room for what must not.
    let (mut large, spare_bytes) = (0, 64 * 1024);
    while here.sender.try_send_sparing(spare_bytes, Bytes::from(vec![0; limits::FRAME_BYTES / 2])).is_ok() {
        large += 1;
        assert!(large < 100, "the queue has no limit");
    }
    here.try_send(Bytes::from(vec![0; spare_bytes])).unwrap();
    let mut small = 0;
    while here.try_send(Bytes::new()).is_ok() {
        small += 1;
        assert!(small < 1_000_000, "the queue of small frames has no limit");
    }
    // Who waits for room gets to know when the link ends.
    let (sender, _receiver) = here.split();
    drop(there);
    soon(async { while sender.send(Bytes::from(vec![0; limits::FRAME_BYTES])).await.is_ok() {} }).await;
    assert_eq!(sender.try_send(Bytes::new()), Err(SendError::Ended { peer: sender.peer().clone() }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_frames_close_the_connection_and_name_the_peer() {
    let frame = |length: u32, body: &[u8]| {
        let mut bytes = BytesMut::from(&[WELCOME][..]);
        bytes.put_u32(length);
        bytes.put_slice(body);
        bytes.freeze()
    };
    for (bytes, message, code) in [
        (frame(1_048_577, b"x"), "a frame of 1048577 bytes, where 1048576 are allowed", CloseReason::FrameTooLong),
        (frame(u32::MAX, b""), "a frame of 4294967295 bytes, where", CloseReason::FrameTooLong),
        (frame(10, b"abc"), "a frame was cut off after 3 bytes of 10", CloseReason::FrameCutOff),
        (
            Bytes::from_static(&[WELCOME, 0, 0]),
            "a frame was cut off after 2 bytes of its length",
            CloseReason::FrameCutOff,
        ),
        (Bytes::from_static(b"GET /"), "opened a stream that is not a link", CloseReason::BadMessage),
    ] {
        let (a, b, _endpoints) = pair().await;
        let (mut raw, _back) = soon(a.quinn().open_bi()).await.unwrap();
        raw.write_chunk(bytes).await.unwrap();
        raw.finish().unwrap();
        let mut link = soon(b.accept_link()).await.unwrap();
        let error = soon(link.recv()).await.unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(b.peer().as_ref()), "{error}");
        assert!(b.peer().starts_with("broker aeaqcaib at 127.0.0.1:"), "{}", b.peer());
        let closed = soon(a.closed()).await;
        assert_eq!(closed, Closed::ByPeer { peer: a.peer().clone(), reason: code });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_given_up_is_no_clean_end() {
    let (a, b, _endpoints) = pair().await;
    let (mut raw, _back) = soon(a.quinn().open_bi()).await.unwrap();
    raw.write_all(&[WELCOME, 0, 0, 0, 9, 1]).await.unwrap();
    let mut link = soon(b.accept_link()).await.unwrap();
    raw.reset(VarInt::from_u32(1)).unwrap();
    assert_eq!(soon(link.recv()).await, Err(LinkError::BrokenOff { peer: b.peer().clone() }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_have_types() {
    let (here, there, _endpoints) = links().await;
    let mut here = Typed::<(u32, String), Vec<u8>>::from(here);
    let mut there = Typed::<Vec<u8>, (u32, String)>::from(there);
    here.try_send(&(7, "seven".into())).unwrap();
    assert_eq!(soon(there.recv()).await.unwrap(), Some((7, "seven".into())));
    there.send(&vec![1, 2]).await.unwrap();
    assert_eq!(soon(here.recv()).await.unwrap(), Some(vec![1, 2]));

    // Something else than was agreed on: an error that names the peer, and the connection is closed.
    let mut other = Typed::<u64, ()>::from(soon(here.connection().open_link()).await.unwrap());
    let mut strict = Typed::<(), bool>::from(soon(there.connection().accept_link()).await.unwrap());
    other.try_send(&3).unwrap();
    let error = soon(strict.recv()).await.unwrap_err();
    assert!(matches!(&error, TypedRecvError::Decode { .. }), "{error}");
    assert!(error.to_string().contains(strict.connection().peer().as_ref()), "{error}");
    let told = soon(other.recv()).await.unwrap_err().to_string();
    assert!(told.ends_with("closed the connection: a message could not be understood"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams() {
    let (a, b, _endpoints) = pair().await;
    a.send_datagram(Bytes::from_static(b"ping")).unwrap();
    assert_eq!(soon(b.recv_datagram()).await.unwrap(), Bytes::from_static(b"ping"));
    assert!(a.datagram_bytes() >= 1_100, "what the membership needs: {}", a.datagram_bytes());
    let error = a.send_datagram(Bytes::from(vec![0; 70_000])).unwrap_err().to_string();
    assert!(error.contains("a datagram of 70000 bytes does not fit"), "{error}");
    b.close(CloseReason::Replaced);
    let ended = Closed::ByPeer { peer: a.peer().clone(), reason: CloseReason::Replaced };
    assert_eq!(soon(a.recv_datagram()).await, Err(ended));
    assert_eq!(soon(b.closed()).await, Closed::Here { peer: b.peer().clone(), reason: CloseReason::Replaced });
}
