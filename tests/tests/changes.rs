//! What is done to the list of brokers takes effect at once, on every member, while people go on logging on.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

use std::time::{Duration, Instant};

use hostler_tests::netlab::{NetFarm, Plan};
use hostler_tests::{skip, wait};

const SOON: Duration = Duration::from_secs(30);
/// What a change may take until it has taken effect.
const AT_ONCE: Duration = Duration::from_secs(1);
/// What a planned promotion may take.
const PROMOTION: Duration = Duration::from_secs(2);
/// How often somebody comes.
const PACE: Duration = Duration::from_millis(100);
/// How long is watched that something does not happen.
const WATCHED: Duration = Duration::from_secs(3);

fn users() -> Vec<String> {
    (0..40).map(|number| format!("user{number:02}")).collect()
}

/// Lets time pass in which only the stream of logons does something.
fn watch(logons: &hostler_tests::netlab::Logons, time: Duration) {
    let until = logons.so_far() + time;
    wait::until_true("time passes", SOON, || Ok(logons.so_far() >= until)).unwrap();
}

#[test]
fn promoted_disabled_and_removed_under_a_stream_of_logons() {
    if skip::without_networks("promoted_disabled_and_removed_under_a_stream_of_logons") {
        return;
    }
    let mut farm = NetFarm::begin(Plan::new(3, 2)).unwrap();
    let users = users();
    farm.cli
        .run(&[&["user", "add"], users.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat())
        .unwrap();
    farm.wait_until_whole().unwrap();
    let logons = farm.logons(&users, PACE).unwrap();
    wait::until_true("every broker has decided something", SOON, || {
        Ok(["b1", "b2", "b3"].iter().all(|name| farm.decided(name).is_ok_and(|decided| decided > 0)))
    })
    .unwrap();

    // Planned: the master hands over.
    for successor in ["b2", "b3", "b1"] {
        let begun = Instant::now();
        farm.cli.run(&["broker", "promote", successor, "--yes"]).unwrap();
        let took = begun.elapsed();
        let everywhere = ["b1", "b2", "b3"];
        wait::until_true("all see the new master", SOON, || {
            Ok(everywhere
                .iter()
                .all(|asked| farm.master(asked).is_ok_and(|master| master.as_deref() == Some(successor))))
        })
        .unwrap();
        println!("{successor} is the master after {took:.2?}, and is seen as such after {:.2?}", begun.elapsed());
        assert!(took < PROMOTION, "{took:?}");
    }
    let lines = farm.get("b1", "log?limit=1000").unwrap();
    let set_aside: Vec<_> = lines.as_array().unwrap().iter().filter(|line| line["lane"] != "applied").collect();
    assert!(set_aside.is_empty(), "{set_aside:#?}");

    // Disabled: it decides nothing any more.
    farm.cli.run(&["broker", "disable", "b2", "--yes"]).unwrap();
    watch(&logons, AT_ONCE);
    let before = farm.decided("b2").unwrap();
    watch(&logons, WATCHED);
    assert_eq!(farm.decided("b2").unwrap(), before, "a disabled broker has decided");
    farm.cli.run(&["broker", "enable", "b2", "--yes"]).unwrap();
    wait::until_true("b2 decides again", SOON, || Ok(farm.decided("b2")? > before)).unwrap();

    // The master can be neither disabled nor removed.
    for what in ["disable", "remove"] {
        let output = farm.cli.output(&["broker", what, "b1", "--yes"]).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("promote"), "{what}: {said}");
    }

    // Removed: nobody talks to it any more. It is asked itself who does.
    farm.cli.run(&["broker", "remove", "b3", "--yes"]).unwrap();
    let removed = Instant::now();
    wait::until_true("all links of b3 have ended", AT_ONCE, || {
        let status = farm.get("b3", "status")?;
        let up = |what: &str| status[what]["up"].as_u64().unwrap_or_default();
        // Itself it may still count.
        let own = up("hosts") + up("gateways") == 0 && up("brokers") <= 1;
        let others =
            ["b1", "b2"].iter().all(|asked| farm.get(asked, "status").is_ok_and(|s| s["brokers"]["total"] == 2));
        Ok(own && others)
    })
    .unwrap();
    println!("a removed broker has no links {:.2?} after the command", removed.elapsed());
    let (count, slowest) = logons.end_with_all_let_in().unwrap();
    println!("{count} logons, all let in, the slowest within {slowest:.2?}");
    let brokers = ["b1".to_owned(), "b2".to_owned()];
    farm.wait_for_equal_digests(&brokers, SOON).unwrap();
}
