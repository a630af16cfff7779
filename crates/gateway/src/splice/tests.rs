//! The relay between real sockets on loopback.

use super::pipe::KEPT_PIPES;
use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

const DEADLINE: Duration = Duration::from_secs(60);
const CHUNK_BYTES: usize = 64 * 1024;

/// Two ends of one connection.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (far, listener.accept().await.unwrap().0)
}

/// A client and a host with a relay between them.
async fn relayed(pipes: &Arc<PipePool>) -> (TcpStream, TcpStream, JoinHandle<Relayed>) {
    let ((client, mut near_client), (host, mut near_host)) = (connection().await, connection().await);
    let pipes = Arc::clone(pipes);
    let relay = tokio::spawn(async move { relay(&mut near_client, &mut near_host, &pipes).await });
    (client, host, relay)
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("it takes longer than the deadline")
}

fn copying() -> Arc<PipePool> {
    let pipes = Arc::new(PipePool::new());
    pipes.stop_splicing();
    pipes
}

/// Both ways of carrying.
fn ways() -> [(&'static str, Arc<PipePool>); 2] {
    [("splice", Arc::new(PipePool::new())), ("copy", copying())]
}

/// How a relay ended: bytes to the host and to the client, the side that broke, and the kind of its error.
fn summary(relayed: Relayed) -> (u64, u64, Option<(Side, io::ErrorKind)>) {
    (relayed.to_host_bytes, relayed.to_client_bytes, relayed.end.err().map(|e| (e.side, e.error.kind())))
}

async fn send_random(mut to: WriteHalf<'_>, seed: u64, chunks: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut chunk = vec![0; CHUNK_BYTES];
    for _ in 0..chunks {
        random.fill_bytes(&mut chunk);
        to.write_all(&chunk).await.unwrap();
    }
    to.shutdown().await.unwrap();
}

async fn expect_random(mut from: ReadHalf<'_>, seed: u64, chunks: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut want, mut got) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    for n in 0..chunks {
        random.fill_bytes(&mut want);
        from.read_exact(&mut got).await.unwrap();
        assert!(got == want, "chunk {n} differs");
    }
    assert_eq!(from.read(&mut got).await.unwrap(), 0, "nothing comes behind");
}

/// Thousands of sessions are idle at once: what they need only while there is much to carry is not kept for them.
#[tokio::test]
async fn an_idle_session_is_small() {
    let ((_client, mut near_client), (_host, mut near_host)) = (connection().await, connection().await);
    let bytes = size_of_val(&relay(&mut near_client, &mut near_host, &PipePool::new()));
    assert!(bytes < 640, "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_both_ways_at_once() {
    const CHUNKS: usize = 64 * 1024 * 1024 / CHUNK_BYTES;
    for (way, pipes) in ways() {
        let (mut client, mut host, relay) = relayed(&pipes).await;
        let ((client_reads, client_writes), (host_reads, host_writes)) = (client.split(), host.split());
        in_time(async {
            tokio::join!(
                send_random(client_writes, 1, CHUNKS),
                send_random(host_writes, 2, CHUNKS),
                expect_random(host_reads, 1, CHUNKS),
                expect_random(client_reads, 2, CHUNKS),
            )
        })
        .await;
        let bytes = (CHUNKS * CHUNK_BYTES) as u64;
        assert_eq!(summary(in_time(relay).await.unwrap()), (bytes, bytes, None), "{way}");
        assert_eq!(pipes.open_pipes() > 0, way == "splice", "it went the way it should");
    }
}

#[tokio::test]
async fn one_side_may_end_before_the_other() {
    for (way, pipes) in ways() {
        for client_first in [true, false] {
            let (client, host, relay) = relayed(&pipes).await;
            let (mut first, mut second) = if client_first { (client, host) } else { (host, client) };
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            in_time(async {
                first.write_all(b"ask").await.unwrap();
                first.shutdown().await.unwrap();
                second.read_to_end(&mut asked).await.unwrap();
                second.write_all(b"answer").await.unwrap();
                second.shutdown().await.unwrap();
                first.read_to_end(&mut answered).await.unwrap();
            })
            .await;
            assert_eq!((&asked[..], &answered[..]), (&b"ask"[..], &b"answer"[..]), "{way}");
            let want = if client_first { (3, 6, None) } else { (6, 3, None) };
            assert_eq!(summary(in_time(relay).await.unwrap()), want, "{way}");
        }
    }
}

#[tokio::test]
async fn a_reset_by_one_side_ends_the_other() {
    for (way, pipes) in ways() {
        for side in [Side::Client, Side::Host] {
            let (client, host, relay) = relayed(&pipes).await;
            let (mut breaking, mut staying) = if side == Side::Client { (client, host) } else { (host, client) };
            let mut got = [0; 4];
            in_time(async {
                breaking.write_all(b"last").await.unwrap();
                staying.read_exact(&mut got).await.unwrap();
                breaking.set_zero_linger().unwrap();
                drop(breaking);
                assert_eq!(staying.read(&mut got).await.unwrap(), 0, "{way}");
            })
            .await;
            let (to_host, to_client, end) = summary(in_time(relay).await.unwrap());
            assert_eq!((to_host + to_client, end), (4, Some((side, io::ErrorKind::ConnectionReset))), "{way}");
        }
    }
}

/// Writes until nothing has been taken for a while, and says how much that was.
async fn write_until_stuck(to: &mut TcpStream) -> u64 {
    let chunk = vec![7; CHUNK_BYTES];
    let mut written = 0;
    while let Ok(n) = tokio::time::timeout(Duration::from_millis(500), to.write(&chunk)).await {
        written += n.unwrap() as u64;
    }
    written
}

#[tokio::test]
async fn a_reset_is_noticed_while_the_other_side_takes_nothing() {
    for (way, pipes) in ways() {
        for side in [Side::Client, Side::Host] {
            let (client, host, relay) = relayed(&pipes).await;
            let (mut breaking, mut staying) = if side == Side::Client { (client, host) } else { (host, client) };
            in_time(write_until_stuck(&mut breaking)).await;
            breaking.set_zero_linger().unwrap();
            drop(breaking);
            let (to_host, to_client, end) = summary(in_time(relay).await.unwrap());
            assert_eq!(end, Some((side, io::ErrorKind::ConnectionReset)), "{way}");
            // What the other side's socket had taken still arrives.
            let mut rest = Vec::new();
            in_time(staying.read_to_end(&mut rest)).await.unwrap();
            assert_eq!(rest.len() as u64, to_host + to_client, "{way}");
            let (open, kept) = (pipes.open_pipes(), KEPT_PIPES);
            assert!(open <= kept, "{way}: {open} pipes are open");
        }
    }
}

#[tokio::test]
async fn a_cancelled_relay_closes_both_sides_and_its_full_pipe() {
    let pipes = Arc::new(PipePool::new());
    let (mut client, mut host, relay) = relayed(&pipes).await;
    in_time(write_until_stuck(&mut client)).await;
    assert_eq!(pipes.open_pipes(), 1, "a full pipe and nothing to carry the other way");
    relay.abort();
    assert!(in_time(relay).await.unwrap_err().is_cancelled());
    assert_eq!(pipes.open_pipes(), 0, "a pipe with something in it is not used again");
    let mut rest = Vec::new();
    in_time(host.read_to_end(&mut rest)).await.unwrap();
    assert!(in_time(client.write_all(&vec![7; 16 * 1024 * 1024])).await.is_err());
}

/// The CPU time of this thread.
fn cpu_time() -> Duration {
    // SAFETY: all zeroes are a timespec, and it is writable.
    let spent = unsafe {
        let mut spent: libc::timespec = std::mem::zeroed();
        assert_eq!(libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut spent), 0);
        spent
    };
    Duration::new(spent.tv_sec.try_into().unwrap(), spent.tv_nsec.try_into().unwrap())
}

// On one thread, so that its CPU time is the relays'.
#[tokio::test(flavor = "current_thread")]
async fn idle_connections_cost_nothing() {
    const CONNECTIONS: usize = 200;
    let pipes = Arc::new(PipePool::new());
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS {
        all.push(in_time(relayed(&pipes)).await);
    }
    let greet = async |client: &mut TcpStream, host: &mut TcpStream| {
        let mut got = [0; 5];
        client.write_all(b"hello").await.unwrap();
        host.read_exact(&mut got).await.unwrap();
        host.write_all(&got).await.unwrap();
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
    };
    for (client, host, _) in &mut all {
        in_time(greet(client, host)).await;
    }
    // One connection at a time had something to carry, and a waiting one has no pipe.
    assert!(pipes.open_pipes() <= 2, "{} pipes are open", pipes.open_pipes());
    // Some with one side ended, which stays readable for ever, and one that is stuck.
    for (client, _, _) in &mut all[..50] {
        client.shutdown().await.unwrap();
    }
    for (client, host, _) in &mut all[..50] {
        assert_eq!(in_time(host.read(&mut [0])).await.unwrap(), 0);
        host.write_all(b"!").await.unwrap();
        in_time(client.read_exact(&mut [0])).await.unwrap();
    }
    let (stuck, _, _) = &mut all[60];
    in_time(write_until_stuck(stuck)).await;
    let before = cpu_time();
    let quiet = tokio::time::timeout(Duration::from_millis(500), std::future::pending::<()>()).await;
    let spent = cpu_time() - before;
    assert!(quiet.is_err() && spent < Duration::from_millis(50), "idle connections took {spent:?} of 500 ms");
    for (client, host, _) in &mut all[100..] {
        in_time(greet(client, host)).await;
    }
    for (n, (client, host, relay)) in all.into_iter().enumerate() {
        if n == 60 {
            relay.abort();
            continue;
        }
        drop((client, host));
        let times = if n < 100 { 1 } else { 2 };
        let want = (5 * times, 5 * times + u64::from(n < 50), None);
        assert_eq!(summary(in_time(relay).await.unwrap()), want, "connection {n}");
    }
}

#[tokio::test]
async fn connections_to_a_prepared_socket_are_prepared() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    prepare(&listener).unwrap();
    let _far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (near, _) = listener.accept().await.unwrap();
    for (level, option, want) in [
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, socket::KEEPALIVE_IDLE_S),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, socket::KEEPALIVE_INTERVAL_S),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, socket::KEEPALIVE_PROBES),
        (libc::IPPROTO_TCP, libc::TCP_NODELAY, 1),
    ] {
        let (mut value, mut bytes) = (0_i32, size_of::<i32>() as libc::socklen_t);
        // SAFETY: the descriptor is open; value and length are writable.
        let result =
            unsafe { libc::getsockopt(near.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut bytes) };
        assert_eq!((result, value), (0, want), "option {option}");
    }
}
