//! Scenarios. Each runs twice with a seed, which must give the same trace, and once with another, which must not.

use super::world::{CALLER, Caller, SERVER, World, is_closed_for};
use crate::connection::WELCOME;
use crate::{CONNECT_MS, CloseReason, Closed, ConnectError, PEER_IDLE_MS, PEER_KEEP_ALIVE_MS, SendError};
use bytes::Bytes;
use hostler_model::{MemberRole, limits};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use turmoil::Sim;

const SEEDS: [u64; 3] = [1, 1, 2];

/// A trace of one run with this seed.
type Scenario = fn(u64) -> Vec<String>;

fn check(scenario: Scenario) {
    let [first, second, other] = SEEDS.map(scenario);
    for (line, (a, b)) in first.iter().zip(&second).enumerate() {
        assert_eq!(a, b, "line {line} differs; before it:\n{}", first[line.saturating_sub(5)..line].join("\n"));
    }
    assert_eq!(first.len(), second.len());
    assert_ne!(first, other, "the seed has no influence: then nothing was simulated");
}

/// Runs a scenario in which only the caller does something.
fn run<F: Future<Output = ()> + 'static>(
    world: World,
    mut sim: Sim<'static>,
    plot: impl FnOnce(Caller) -> F,
) -> Vec<String> {
    let plot = plot(world.caller());
    sim.client(CALLER, async move {
        plot.await;
        Ok(())
    });
    sim.run().unwrap();
    drop(sim);
    world.trace.lines()
}

fn ms(ms: impl Into<u64>) -> Duration {
    Duration::from_millis(ms.into())
}

#[test]
fn handshake_and_frames() {
    check(|seed| {
        let world = World::new(seed);
        let sim = world.network(|_| {});
        run(world, sim, async |me: Caller| {
            let endpoint = me.start.dialer(me.side.options()).await;
            let begun = Instant::now();
            let connection = me.call(&endpoint).await.unwrap();
            // Two round trips: the handshake, and the welcome.
            assert!(begun.elapsed() < ms(40u64), "{:?}", begun.elapsed());
            let mut link = connection.open_link().await.unwrap();
            for size in [0, 1, 1_000, 100_000, limits::FRAME_BYTES] {
                me.there_and_back(&mut link, Bytes::from(vec![7; size])).await;
            }
        })
    });
}

#[test]
fn a_short_cut_loses_nothing() {
    check(|seed| {
        let world = World::new(seed);
        let sim = world.network(|_| {});
        run(world, sim, async |me: Caller| {
            let endpoint = me.start.dialer(me.side.options()).await;
            let mut link = me.call(&endpoint).await.unwrap().open_link().await.unwrap();
            me.there_and_back(&mut link, Bytes::from_static(b"before")).await;
            turmoil::partition(CALLER, SERVER);
            for number in 0..100u8 {
                link.send(Bytes::from(vec![number; 1_000])).await.unwrap();
            }
            sleep(ms(PEER_IDLE_MS) / 2).await;
            turmoil::repair(CALLER, SERVER);
            for number in 0..100u8 {
                assert_eq!(link.recv().await.unwrap(), Some(Bytes::from(vec![number; 1_000])));
            }
        })
    });
}

#[test]
fn a_long_cut_ends_the_connection_and_a_new_one_comes_about_afterwards() {
    check(|seed| {
        let world = World::new(seed);
        let sim = world.network(|_| {});
        run(world, sim, async |me: Caller| {
            let endpoint = me.start.dialer(me.side.options()).await;
            let connection = me.call(&endpoint).await.unwrap();
            let mut link = connection.open_link().await.unwrap();
            me.there_and_back(&mut link, Bytes::from_static(b"before")).await;
            turmoil::partition(CALLER, SERVER);
            let cut = Instant::now();
            assert!(matches!(me.end(&connection).await, Closed::Silent { .. }));
            assert!(cut.elapsed() <= ms(2 * PEER_IDLE_MS), "{:?}", cut.elapsed());
            assert!(link.recv().await.is_err());
            let begun = Instant::now();
            let refused = me.call(&endpoint).await.unwrap_err();
            assert!(matches!(refused, ConnectError::NoAnswer(_)), "{refused:?}");
            assert!(begun.elapsed() <= ms(CONNECT_MS), "{:?}", begun.elapsed());
            turmoil::repair(CALLER, SERVER);
            let mut link = me.call(&endpoint).await.unwrap().open_link().await.unwrap();
            me.there_and_back(&mut link, Bytes::from_static(b"after")).await;
        })
    });
}

#[test]
fn one_direction_is_cut() {
    check(|seed| {
        let world = World::new(seed);
        let sim = world.network(|_| {});
        run(world, sim, async |me: Caller| {
            let endpoint = me.start.dialer(me.side.options()).await;
            let connection = me.call(&endpoint).await.unwrap();
            turmoil::partition_oneway(SERVER, CALLER);
            assert!(matches!(me.end(&connection).await, Closed::Silent { .. }));
            turmoil::repair_oneway(SERVER, CALLER);
            let mut link = me.call(&endpoint).await.unwrap().open_link().await.unwrap();
            me.there_and_back(&mut link, Bytes::from_static(b"after")).await;
        })
    });
}

#[test]
fn links_that_break_now_and_then_lose_nothing_and_keep_the_order() {
    check(|seed| {
        let world = World::new(seed);
        let sim = world.network(|builder| {
            builder.fail_rate(0.05).repair_rate(0.5);
        });
        run(world, sim, async |me: Caller| {
            let endpoint = me.start.dialer(me.side.options()).await;
            let connection = me.call_until_in(&endpoint).await;
            let mut link = connection.open_link().await.unwrap();
            let sender = link.sender.clone();
            tokio::spawn(async move {
                for number in 0..500u32 {
                    sender.send(Bytes::copy_from_slice(&number.to_be_bytes())).await.unwrap();
                    sleep(ms(10u64)).await;
                }
            });
            for number in 0..500u32 {
                assert_eq!(link.recv().await.unwrap(), Some(Bytes::copy_from_slice(&number.to_be_bytes())));
            }
            let lost = connection.quinn().stats().path.lost_packets;
            me.start.note(format_args!("{lost} packets were lost"));
            assert!(lost > 0, "nothing was lost, so nothing was tried");
        })
    });
}

#[test]
fn an_oversized_frame_is_not_sent_and_ends_the_connection_of_who_sends_it() {
    check(|seed| {
        let world = World::new(seed);
        let sim = world.network(|_| {});
        run(world, sim, async |me: Caller| {
            let endpoint = me.start.dialer(me.side.options()).await;
            let connection = me.call(&endpoint).await.unwrap();
            let mut link = connection.open_link().await.unwrap();
            let long = Bytes::from(vec![0; limits::FRAME_BYTES + 1]);
            assert!(matches!(link.send(long).await, Err(SendError::Frame { .. })));
            me.there_and_back(&mut link, Bytes::from_static(b"the link goes on")).await;
            // Who does not keep to the limit is cut off when the length has come, before any of its bytes.
            let (mut stream, _back) = connection.quinn().open_bi().await.unwrap();
            stream.write_all(&[WELCOME]).await.unwrap();
            stream.write_all(&u32::try_from(limits::FRAME_BYTES + 1).unwrap().to_be_bytes()).await.unwrap();
            drop(link);
            let closed = me.end(&connection).await;
            assert!(is_closed_for(&closed, CloseReason::FrameTooLong), "{closed}");
            // Others are not harmed, nor is who behaves from now on.
            let mut link = me.call(&endpoint).await.unwrap().open_link().await.unwrap();
            me.there_and_back(&mut link, Bytes::from_static(b"again")).await;
        })
    });
}

#[test]
fn a_removed_key_is_out_at_once_and_stays_out_until_it_is_taken_in_again() {
    check(|seed| {
        let world = World::new(seed);
        let sim = world.network(|_| {});
        let (server, key) = (world.server.clone(), world.caller.key.public());
        run(world, sim, async move |me: Caller| {
            let endpoint = me.start.dialer(me.side.options()).await;
            let connection = me.call(&endpoint).await.unwrap();
            let mut link = connection.open_link().await.unwrap();
            me.there_and_back(&mut link, Bytes::from_static(b"before")).await;
            let own = (server.key.public(), [1; 16]);
            server.roster.set(MemberRole::Broker, [own]);
            let removed = Instant::now();
            let closed = me.end(&connection).await;
            assert!(is_closed_for(&closed, CloseReason::Removed), "{closed}");
            assert!(removed.elapsed() < ms(50u64), "{:?}", removed.elapsed());
            assert!(link.recv().await.is_err());
            for _ in 0..3 {
                let refused = me.call(&endpoint).await.unwrap_err();
                assert!(matches!(refused, ConnectError::KeyRefused { .. }), "{refused:?}");
            }
            server.roster.set(MemberRole::Broker, [own, (key, [2; 16])]);
            let mut link = me.call(&endpoint).await.unwrap().open_link().await.unwrap();
            me.there_and_back(&mut link, Bytes::from_static(b"after")).await;
        })
    });
}

#[test]
fn a_restart_is_noticed_before_the_silence() {
    check(|seed| {
        let world = World::new(seed);
        let mut sim = world.network(|_| {});
        let me = world.caller();
        sim.client(CALLER, async move {
            let endpoint = me.start.dialer(me.side.options()).await;
            let connection = me.call(&endpoint).await?;
            let mut link = connection.open_link().await?;
            me.there_and_back(&mut link, Bytes::from_static(b"before")).await;
            let closed = me.end(&connection).await;
            assert!(matches!(closed, Closed::Restarted { .. }), "{closed}");
            let mut link = me.call(&endpoint).await?.open_link().await?;
            me.there_and_back(&mut link, Bytes::from_static(b"after")).await;
            Ok(())
        });
        // The server's process is killed, and is back soon.
        let (killed, back) = (ms(500u64), ms(700u64));
        let mut left = vec![back, killed];
        loop {
            if left.last().is_some_and(|at| sim.elapsed() >= *at) {
                match left.pop() {
                    Some(at) if at == killed => sim.crash(SERVER),
                    _ => sim.bounce(SERVER),
                }
            }
            if sim.step().unwrap() {
                break;
            }
        }
        assert!(sim.elapsed() < back + ms(2 * PEER_KEEP_ALIVE_MS) + ms(100u64), "{:?}", sim.elapsed());
        drop(sim);
        world.trace.lines()
    });
}
