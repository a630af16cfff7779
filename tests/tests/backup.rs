//! A broker's data over restarts, backups and restores: real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // In a test a failed one should stop it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use hostler_tests::farm::{Farm, Ground};
use hostler_tests::wait;

const SOON: Duration = Duration::from_secs(30);

fn users(farm: &Farm, broker: &str) -> Vec<String> {
    let list = farm.cli.json(&["user", "list", "--broker", broker]).unwrap();
    list.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_start_goes_on_from_what_a_stop_saved() {
    let ground = Ground::new().unwrap();
    let mut farm = Farm::begin(ground.place("saved")).unwrap();
    farm.cli.run(&["user", "add", "alice", "bob"]).unwrap();
    let mut before = farm.wait_until_whole().unwrap();
    // After a clean stop everything is covered; killed before the next checkpoint, as much as was then.
    let mut covered = Vec::new();
    for clean in [true, false] {
        let broker = farm.broker(1).unwrap();
        if clean {
            broker.stop(SOON).unwrap()
        } else {
            broker.kill().unwrap()
        }
        broker.run().unwrap();
        let line = broker.wait_for_line("log read", SOON).unwrap();
        assert!(!broker.log().contains("passed over"), "{}", broker.log());
        let of = |key: &str| {
            let text = line.split(&format!("{key}=")).nth(1).unwrap_or_else(|| panic!("{line}"));
            text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
        };
        covered.push((of("events"), of("covered")));
        assert_eq!(farm.wait_until_whole().unwrap(), before);
        farm.cli.run(&["user", "add", if clean { "carol" } else { "dave" }]).unwrap();
        farm.cli.run(&["user", "remove", if clean { "carol" } else { "dave" }, "--yes"]).unwrap();
        before = farm.wait_until_whole().unwrap();
    }
    let (first, second) = (covered[0], covered[1]);
    assert!(first.0 == first.1 && first.1 > 0, "{covered:?}");
    assert!(second.1 == first.1 && second.0 > first.0, "{covered:?}");
}

#[test]
fn a_broker_comes_back_from_a_backup_in_a_new_incarnation() {
    let ground = Ground::new().unwrap();
    let mut farm = Farm::begin(ground.place("backup")).unwrap();
    farm.add_broker().unwrap();
    farm.add_broker().unwrap();
    farm.log_in().unwrap();
    farm.wait_until_whole().unwrap();
    let b1 = farm.broker(1).unwrap().ip().to_string();
    farm.cli.run(&["user", "add", "before", "--broker", &b1]).unwrap();

    // While the broker runs and works.
    let (file, data) = (ground.place("backup").folder.join("b1.backup"), farm.broker(1).unwrap().data());
    let path = file.to_str().unwrap();
    let taken = farm.cli.json(&["backup", path, "--broker", &b1]).unwrap();
    assert_eq!((taken["name"].as_str(), taken["file"].as_str()), (Some("b1"), Some(path)));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "it holds the key");
    assert!(farm.cli.refused(2, &["backup", path, "--broker", &b1]).unwrap().contains("is there already"));
    assert!(!data.join("log/snapshot").exists());
    farm.cli.run(&["user", "add", "after", "--broker", &b1]).unwrap();
    farm.wait_until_whole().unwrap();

    // Nothing is replaced by accident, while it runs, or from a damaged file.
    let restore = |farm: &mut Farm, code: i32, args: &[&str]| {
        let broker = farm.broker(1).unwrap();
        let args: Vec<String> = broker.with(args).into_iter().map(str::to_owned).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if code == 0 { farm.cli.run(&args).unwrap() } else { farm.cli.refused(code, &args).unwrap() }
    };
    assert!(restore(&mut farm, 1, &["restore", path]).contains("--force"));
    assert!(restore(&mut farm, 1, &["restore", path, "--force"]).contains("held by another process"));
    let bytes = fs::read(&file).unwrap();
    let harmed = file.with_extension("harmed");
    for (bytes, said) in [
        ([&bytes[..bytes.len() / 2], &[bytes[bytes.len() / 2] ^ 1], &bytes[bytes.len() / 2 + 1..]].concat(), "damaged"),
        (bytes[..bytes.len() - 1_000].to_vec(), "damaged"),
        (b"something else, and long enough to be a backup as far as its size goes".to_vec(), "is no backup"),
    ] {
        fs::write(&harmed, bytes).unwrap();
        assert!(restore(&mut farm, 1, &["restore", harmed.to_str().unwrap(), "--force"]).contains(said));
    }
    assert!(data.join("key").exists() && !data.join("restored").exists());

    // Back to what it was; the others give it what it wrote since.
    farm.broker(1).unwrap().kill().unwrap();
    let said = restore(&mut farm, 0, &["restore", path, "--force"]);
    assert!(said.contains("all checked") && said.contains("broker.before-"), "{said}");
    assert!(data.join("restored").exists());
    farm.broker(1).unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
    assert_eq!(users(&farm, &b1), ["after", "before"], "nothing acknowledged is lost");

    // Its next event opens a new incarnation, also where it was restarted before that.
    farm.broker(1).unwrap().stop(SOON).unwrap();
    farm.broker(1).unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
    assert!(data.join("restored").exists());
    farm.cli.run(&["user", "add", "again", "--broker", &b1]).unwrap();
    farm.broker(1).unwrap().wait_for_line("a new incarnation is open", SOON).unwrap();
    wait::until_true("the mark is gone", SOON, || Ok(!data.join("restored").exists())).unwrap();
    farm.wait_until_whole().unwrap();
    assert!(!farm.tails().contains("feed.forked"));

    // On a machine that has no configuration, it comes from the backup.
    farm.broker(1).unwrap().kill().unwrap();
    let config = file.with_extension("toml");
    let config_text = config.to_str().unwrap();
    farm.cli.run(&["restore", path, "--force", "--config", config_text]).unwrap();
    assert_eq!(fs::read(&config).unwrap(), fs::read(farm.broker(1).unwrap().config()).unwrap());
    farm.broker(1).unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
    assert_eq!(users(&farm, &b1), ["after", "again", "before"]);
}
