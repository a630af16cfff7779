//! The lab itself: what a cut does.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

use std::time::Duration;

use hostler_tests::farm::Knock;
use hostler_tests::netlab::{NetFarm, Plan};
use hostler_tests::{skip, wait};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn cuts_and_copies() {
    if skip::without_networks("cuts_and_copies") {
        return;
    }
    let begun = std::time::Instant::now();
    let mut farm = NetFarm::begin(Plan::new(3, 2)).unwrap();
    println!("raised in {:?}", begun.elapsed());
    farm.cli.run(&["user", "add", "alice"]).unwrap();
    assert_eq!(farm.knock("alice", SOON).unwrap(), Knock::LetIn);
    let sees = |farm: &NetFarm, asked: &str, about: &str| farm.row(asked, about).unwrap()["alive"] == true;

    farm.cut_off(&["b1"]).unwrap();
    wait::until_true("b1 is alone", SOON, || Ok(!sees(&farm, "b1", "b2") && !sees(&farm, "b3", "b1"))).unwrap();
    assert!(sees(&farm, "b2", "b3"));
    farm.mend(&["b1"], &["b2"]).unwrap();
    wait::until_true("b1 and b2 see each other", SOON, || Ok(sees(&farm, "b1", "b2") && sees(&farm, "b2", "b1")))
        .unwrap();
    farm.heal().unwrap();
    farm.wait_until_whole().unwrap();

    // Nothing is lost by standing still for a copy.
    let copy = farm.copy_data("b3").unwrap();
    farm.wait_until_whole().unwrap();
    farm.member("b3").unwrap().kill().unwrap();
    let before = farm.feeds("b3").unwrap();
    farm.restore_data("b3", &copy).unwrap();
    assert_eq!(farm.feeds("b3").unwrap(), before);
    farm.member("b3").unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
    println!("all in {:?}", begun.elapsed());
}
