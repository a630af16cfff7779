//! Logons are spread over the brokers, be they three or nine.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hostler_model::BrokerId;
use hostler_seating::home::home_order;
use hostler_tests::farm::{Knock, text};
use hostler_tests::netlab::{Answer, NetFarm, Plan, Rest};
use hostler_tests::{skip, wait};
use reqwest::Method;
use serde_json::json;

const USERS: usize = 10_000;
/// So many of those who are seated may be decided about by another broker than their home.
const PASSED_OVER_ONE_IN: usize = 100;
/// Those of them who get a seat here, on two hosts: nearly as many as a host may have.
const SEATED: usize = 8_000;
/// Sessions that each of the two hosts takes.
const ROOM: u32 = 4_096;
/// What is asked of the brokers at once.
const AT_ONCE: usize = 32;
/// A broker's share may be off by so many hundredths of it.
const OFF_PERCENT: usize = 5;
/// Users of the farm with nine brokers, before and after two have died.
const FEW: usize = 60;
const SOON: Duration = Duration::from_secs(30);
/// What somebody may wait at the door when brokers have just died.
const FAIL_OVER: Duration = Duration::from_secs(5);

/// Does something for each of the users, several at once, with all brokers in turn. Gives how often that was granted.
fn for_each_user<F: Future<Output = bool> + Send + 'static>(
    farm: &NetFarm,
    users: usize,
    what: impl Fn(Rest, Ipv4Addr, String) -> F + Copy + Send + 'static,
) -> usize {
    let brokers: Arc<[Ipv4Addr]> = farm.names("b").iter().map(|name| farm.ip(name).unwrap()).collect();
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (rest, brokers, next) = (farm.rest.clone(), brokers.clone(), next.clone());
            farm.rest.spawn(async move {
                let mut granted = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= users {
                        return granted;
                    }
                    granted += usize::from(what(rest.clone(), brokers[number % brokers.len()], user(number)).await);
                }
            })
        })
        .collect();
    tasks.into_iter().map(|task| farm.rest.wait(task).unwrap()).sum()
}

fn add_users(farm: &NetFarm, users: usize) {
    let added = for_each_user(farm, users, |rest, at, user| async move {
        matches!(rest.ask(at, Method::POST, "users", Some(json!({ "name": user }))).await, Ok(Answer::Done(_)))
    });
    assert_eq!(added, users);
}

/// Gives how many got a seat.
fn ask_for_seats(farm: &NetFarm, users: usize) -> usize {
    for_each_user(farm, users, |rest, at, user| async move {
        matches!(rest.ask(at, Method::POST, "connections", Some(json!({ "user": user }))).await, Ok(Answer::Done(_)))
    })
}

fn user(number: usize) -> String {
    format!("user{number:05}")
}

/// How many logons each broker has decided about.
fn decided(farm: &mut NetFarm) -> Vec<usize> {
    farm.names("b").iter().map(|name| farm.decided(name).unwrap()).collect()
}

/// How many users each broker should decide about.
fn homes(farm: &NetFarm, users: usize) -> Vec<usize> {
    let brokers: Vec<BrokerId> = farm
        .names("b")
        .iter()
        .map(|name| text(&farm.row("b1", name).unwrap(), "id").unwrap().parse().unwrap())
        .collect();
    let mut homes = vec![0; brokers.len()];
    for number in 0..users {
        let home = home_order(&user(number).parse().unwrap(), &brokers)[0];
        homes[brokers.iter().position(|broker| *broker == home).unwrap()] += 1;
    }
    homes
}

#[test]
fn ten_thousand_users_and_three_brokers() {
    if skip::without_networks("ten_thousand_users_and_three_brokers") {
        return;
    }
    let mut farm = NetFarm::begin(Plan { same_keys: true, room: ROOM, ..Plan::new(3, 2) }).unwrap();
    let shares = homes(&farm, USERS);
    println!("the homes of {USERS} users: {shares:?}");
    for share in shares {
        assert!((share * 3).abs_diff(USERS) * 100 <= USERS * OFF_PERCENT, "one broker is the home of {share}");
    }
    // That these are the brokers who decide is seen on a part of them.
    let begun = Instant::now();
    add_users(&farm, SEATED);
    println!("{SEATED} users added in {:.1?}", begun.elapsed());
    farm.wait_until_whole().unwrap();
    let begun = Instant::now();
    let seated = ask_for_seats(&farm, SEATED);
    let decided = decided(&mut farm);
    println!("{SEATED} users in {:.1?}, of whom {seated} got a seat; decided by {decided:?}", begun.elapsed());
    assert_eq!(seated, SEATED);
    // A home that does not take a request up in time, as on a busy machine, is passed over, and may decide all the same.
    for (decided, home) in decided.iter().zip(homes(&farm, SEATED)) {
        assert!(decided.abs_diff(home) * PASSED_OVER_ONE_IN <= SEATED, "{decided} decided, home of {home}");
    }
}

#[test]
fn nine_brokers_and_the_death_of_two() {
    if skip::without_networks("nine_brokers_and_the_death_of_two") {
        return;
    }
    let begun = Instant::now();
    let mut farm = NetFarm::begin(Plan::new(9, 2)).unwrap();
    println!("nine brokers have the same views after {:.1?}", begun.elapsed());
    let users: Vec<String> = (0..2 * FEW).map(user).collect();
    farm.cli
        .run(&[&["user", "add"], users.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat())
        .unwrap();
    let all = farm.names("b");
    farm.wait_for_equal_digests(&all, SOON).unwrap();
    for number in 0..FEW {
        assert_eq!(farm.knock(&user(number), SOON).unwrap(), Knock::LetIn, "{}", user(number));
    }
    let before = decided(&mut farm);
    println!("who decided, of nine: {before:?}");
    assert_eq!(before.iter().sum::<usize>(), FEW);

    // Two that take work die, the master among them. Nobody is turned away.
    for name in ["b1", "b2"] {
        farm.member(name).unwrap().kill().unwrap();
    }
    let died = Instant::now();
    for number in FEW..2 * FEW {
        assert_eq!(farm.knock(&user(number), FAIL_OVER).unwrap(), Knock::LetIn, "{}", user(number));
        if number == FEW {
            println!("the first is let in {:.1?} after their death", died.elapsed());
        }
    }
    println!("who decided, of nine: {:?}", decided(&mut farm));
    let alive = farm.running_brokers();
    wait::until_true("the seven see who is gone", SOON, || {
        let counts = alive.iter().map(|name| farm.get(name, "status").map(|status| status["brokers"]["up"] == 7));
        Ok(counts.collect::<Result<Vec<_>, _>>()?.into_iter().all(|seven| seven))
    })
    .unwrap();
    farm.cli.run(&["user", "add", "after"]).unwrap();
    farm.wait_for_equal_digests(&alive, SOON).unwrap();

    for name in ["b1", "b2"] {
        farm.member(name).unwrap().run().unwrap();
    }
    let back = Instant::now();
    farm.wait_until_whole().unwrap();
    println!("nine again {:.1?} after their start, and all in {:.1?}", back.elapsed(), begun.elapsed());
}
