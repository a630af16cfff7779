//! Two sites of one farm, as real processes: each seats its own users on its own hosts through its own gateway, whatever
//! becomes of the other, and who looks after one of them has nothing to say in the other.
#![allow(clippy::unwrap_used, clippy::panic)] // In a test a failed one should stop it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use hostler_tests::farm::{Farm, Ground, Knock, Member, Place, knock, program, text};
use hostler_tests::wait;
use serde_json::Value;

/// Far more than it takes, for a machine that has other things to do.
const WITHIN: Duration = Duration::from_secs(60);
const LET_IN: Duration = Duration::from_secs(10);
const PASSWORD: &str = "battery staple";
/// Numbers of addresses; the main site's brokers and its gateway have those that every farm has.
const NORTH_BROKER: u8 = 13;
const NORTH_GATEWAY: u8 = 22;
const HOST: u8 = 31;
const NORTH_HOST: u8 = 32;

struct TwoSites {
    farm: Farm,
    place: Place,
    /// The second site's members, and the main one's host.
    others: Vec<Member>,
    _ground: Ground,
}

impl TwoSites {
    /// Two brokers in the main site, one in the other; a gateway and a host in each. Names are the same in both.
    fn new() -> Self {
        let ground = Ground::new().unwrap();
        let place = ground.place("two-sites");
        let mut farm = Farm::begin(place.clone()).unwrap();
        farm.add_broker().unwrap();
        farm.log_in().unwrap();
        let mut sites = Self { farm, place, others: Vec::new(), _ground: ground };
        sites.run(&["site", "add", "north"]);
        sites.add("b1", "broker", "north", NORTH_BROKER);
        sites.wait_for_sites(&[("main", 2), ("north", 1)]);
        // By this the command line learns where the other site's brokers are.
        sites.farm.log_in().unwrap();
        sites.farm.add_gateway().unwrap();
        sites.add("gw1", "gateway", "north", NORTH_GATEWAY);
        sites.add("h1", "agent", "main", HOST);
        sites.add("h1", "agent", "north", NORTH_HOST);
        sites
    }

    fn run(&self, args: &[&str]) -> String {
        self.farm.cli.run(args).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        self.farm.cli.json(args).unwrap()
    }

    /// A member that runs: an agent is one of the demo's session hosts.
    fn add(&mut self, name: &str, role: &'static str, site: &str, number: u8) {
        let ip = self.place.ip(number);
        let folder = self.place.folder.join(format!("{role}-{number}"));
        let section = match role {
            "broker" => format!("[broker]\naddress = \"{ip}\"\nlisten = \"{ip}\"\n"),
            "gateway" => format!("[gateway]\naddress = \"{ip}:3389\"\nlisten = [\"{ip}:3389\"]\n"),
            _ => format!("[agent]\naddress = \"{ip}:3389\"\nconnect_from = \"{ip}\"\n"),
        };
        let mut member = Member::new(name, role, ip, folder.clone(), &section).unwrap();
        let token = self.run(&["token", "create", role, "--site", site]);
        self.run(&member.with(&["join", token.trim(), "--name", name]));
        if role == "agent" {
            let file = folder.join("host.toml");
            let data = folder.join("data");
            let text = format!("name = \"{name}\"\nlisten = \"{ip}:3389\"\ndata_dir = \"{}\"\n", data.display());
            std::fs::write(&file, text).unwrap();
            member = member.run_by(demo(), &["host", "--config", file.to_str().unwrap()]);
        }
        member.run().unwrap();
        self.others.push(member);
    }

    /// Waits until each site has so many brokers alive and a master.
    fn wait_for_sites(&self, wanted: &[(&str, u64)]) {
        let mut last = Value::Null;
        let there = wait::until_true("both sites have their brokers", WITHIN, || {
            last = self.farm.cli.json(&["site", "list"])?;
            let rows: Vec<_> = last.as_array().into_iter().flatten().collect();
            let is = |row: &Value, (name, alive): &(&str, u64)| {
                row["name"] == *name && row["alive"] == *alive && row["master"] == "b1"
            };
            Ok(rows.len() == wanted.len() && rows.iter().zip(wanted).all(|(row, site)| is(row, site)))
        });
        there.unwrap_or_else(|error| panic!("{error:#}: {last}"));
    }

    /// A seat in a site: the id of its host. It may take a moment until the host and a gateway are there.
    fn seat(&self, site: &str) -> String {
        let args = ["connect", "--user", "alice", "--site", site];
        let mut last = String::new();
        let answer = wait::until("a seat", WITHIN, || match self.farm.cli.json(&args) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => {
                last = format!("{error:#}");
                Ok(None)
            }
        });
        let answer = answer.unwrap_or_else(|error| panic!("{site}: {error:#}: {last}"));
        assert_eq!(answer["host"]["name"], "h1", "{answer}");
        text(&answer["host"], "id").unwrap()
    }

    fn only(&self, args: &[&str], what: &str) -> String {
        let rows = self.json(args);
        assert_eq!(rows.as_array().map(Vec::len), Some(1), "{args:?}: {rows}");
        text(&rows[0], what).unwrap()
    }

    /// A command as somebody else, with a logon of their own.
    fn as_nora(&self, args: &[&str]) -> Output {
        let mut command = Command::new(program().unwrap());
        self.farm.cli.environment(&mut command);
        command.env("HOSTLER_CONFIG_DIR", self.place.folder.join("nora")).env("HOSTLER_PASSWORD", PASSWORD);
        command.args(args).output().unwrap()
    }
}

impl Drop for TwoSites {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.others.iter().for_each(|member| eprintln!("{}\n", member.tail()));
        }
    }
}

fn demo() -> PathBuf {
    std::env::var_os("HOSTLER_DEMO_BIN")
        .map_or_else(|| program().unwrap().with_file_name("hostler-demo"), PathBuf::from)
}

#[test]
fn two_sites() {
    let mut sites = TwoSites::new();
    sites.run(&["user", "add", "alice"]);
    sites.run(&["user", "add", "alice", "--site", "north"]);
    sites.run(&["publish", "desktop", "Desktop", "--everyone", "--default", "--site", "north"]);

    // Each has its own host, under the same name, and seats alice there.
    let (main_host, north_host) =
        (sites.only(&["host", "list"], "id"), sites.only(&["host", "list", "--site", "north"], "id"));
    assert_ne!(main_host, north_host);
    assert_eq!((sites.seat("main"), sites.seat("north")), (main_host, north_host.clone()));
    let doors = [sites.farm.door(), (sites.place.ip(NORTH_GATEWAY), 3389).into()];
    for door in doors {
        assert_eq!(knock(door, "Cookie: mstshash=alice", LET_IN).unwrap(), Knock::LetIn, "{door}");
    }

    // A broker of the other site says who knows what only they know.
    let main_broker = sites.farm.broker(1).unwrap().ip().to_string();
    let said = sites.farm.cli.refused(1, &["session", "list", "--site", "north", "--broker", &main_broker]).unwrap();
    assert!(said.contains(&format!("ask one of them: {}:20002", sites.place.ip(NORTH_BROKER))), "{said}");

    // All brokers have the same views, and lists of their own.
    let digest = |sites: &TwoSites, at: &str| text(&sites.json(&["status", "--broker", at]), "digest").unwrap();
    let north_broker = sites.place.ip(NORTH_BROKER).to_string();
    wait::until_true("equal digests", WITHIN, || Ok(digest(&sites, &main_broker) == digest(&sites, &north_broker)))
        .unwrap();
    assert_eq!(sites.only(&["broker", "list", "--site", "north"], "state"), "master");
    assert_eq!(sites.json(&["broker", "list"]).as_array().map(Vec::len), Some(2));

    // Who is limited to one site is refused in the other, whichever broker is asked.
    let mut command = Command::new(program().unwrap());
    sites.farm.cli.environment(&mut command);
    command.env("HOSTLER_NEW_PASSWORD", PASSWORD).args(["admin", "add", "nora", "--role", "operator@north"]);
    assert!(command.status().unwrap().success());
    let logged_in = wait::until("nora is known", WITHIN, || {
        let login = ["login", "--broker", &main_broker, "--yes", "--name", "nora", "--site", "north"];
        Ok(Some(sites.as_nora(&login)).filter(|output| output.status.success()))
    });
    assert!(logged_in.is_ok());
    for (args, code) in [
        (&["user", "add", "bert"] as &[&str], 0),
        (&["host", "drain", "h1"], 0),
        (&["host", "resume", "h1"], 0),
        (&["user", "add", "bert", "--site", "main"], 4),
        (&["host", "list", "--site", "main"], 4),
        (&["user", "add", "carl", "--site", "main", "--broker", &north_broker], 4),
        (&["token", "create", "broker"], 4),
        (&["admin", "list"], 4),
        (&["site", "add", "south"], 4),
        (&["settings", "set", "tokens.life", "2h"], 4),
        (&["settings", "set", "seats.queue", "2s"], 0),
        (&["site", "list"], 0),
    ] {
        let output = sites.as_nora(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "nora: {args:?}: {said}");
    }
    assert_eq!(sites.json(&["user", "list"]).as_array().map(Vec::len), Some(1));

    // The main site goes down; the other goes on, and says what it can't do.
    for number in [1, 2] {
        sites.farm.broker(number).unwrap().kill().unwrap();
    }
    assert_eq!(knock(doors[1], "Cookie: mstshash=bert", LET_IN).unwrap(), Knock::LetIn);
    sites.run(&["group", "add", "staff", "--members", "alice", "--site", "north"]);
    let lost = wait::until("the loss is noticed", WITHIN, || {
        let output = sites.farm.cli.output(&["site", "add", "south"])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Some(said).filter(|said| said.contains("only brokers of site main can do this")))
    });
    lost.unwrap();
    assert_eq!(sites.seat("north"), north_host);
}
