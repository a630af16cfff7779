//! The wizard: `hostler broker add --gateway --open-firewall` against a machine that boots, with each firewall.
#![allow(clippy::unwrap_used, clippy::panic)] // In a test a failed one should stop it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output};
use std::time::Duration;

use hostler_tests::farm::{Knock, knock, program};
use hostler_tests::machine::{Doors, Firewall, Machine, answering};
use hostler_tests::netlab::{NetFarm, Plan};
use hostler_tests::process::Process;
use hostler_tests::{skip, wait};

/// Far more than it takes, for a machine that has other things to do.
const SOON: Duration = Duration::from_secs(60);
const WIZARD: Duration = Duration::from_secs(180);
/// The machine's number on the bridge.
const NUMBER: u8 = 41;
/// What a broker and a gateway need.
const OURS: [&str; 6] = ["20001/udp", "20002/tcp", "20002/udp", "20003/udp", "20030/udp", "3389/tcp"];
/// What else listens on the machine, and must not be reached.
const DECOYS: [&str; 8] =
    ["443/tcp", "8080/tcp", "20001/tcp", "20030/tcp", "443/udp", "3389/udp", "20004/udp", "20000/udp"];
const LISTEN: &str = "systemd-run --quiet --unit=decoys python3 -c '
import socket, select
socks = []
for door in \"443/tcp 8080/tcp 20001/tcp 20030/tcp 443/udp 3389/udp 20004/udp 20000/udp\".split():
    port, kind = door.split(\"/\")
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == \"tcp\" else socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((\"0.0.0.0\", int(port)))
    if kind == \"tcp\": s.listen()
    socks.append(s)
while True:
    for s in select.select(socks, [], [])[0]:
        if s.type == socket.SOCK_STREAM: s.accept()[0].close()
        else:
            data, who = s.recvfrom(4096)
            s.sendto(data, who)
'";

/// A farm of one broker with a host, and a machine that is no member of it yet. Fields are dropped in this order.
struct Site {
    machine: Machine,
    farm: NetFarm,
    firewall: Firewall,
}

impl Site {
    /// `None` where no machine can be booted.
    fn new(test: &str, firewall: Firewall) -> Option<Self> {
        if skip::without_networks(test) {
            return None;
        }
        let root = skip::machine_root(test)?;
        let mut farm = NetFarm::begin(Plan::new(1, 1)).unwrap();
        farm.cli.run(&["user", "add", "alice", "bob", "carol"]).unwrap();
        let space = farm.add_space("m1", NUMBER).unwrap();
        let folder = farm.folder().join("m1");
        let machine = Machine::boot("m1", &root, folder, space, farm.admin().clone()).unwrap();
        machine.ssh(firewall.turn_on()).unwrap();
        let site = Self { machine, farm, firewall };
        site.listen();
        assert_eq!(site.outside(), doors(&["22/tcp"]));
        Some(site)
    }

    /// Lets others listen on the machine too: that they don't answer shows that its firewall works.
    fn listen(&self) {
        self.machine.ssh(LISTEN).unwrap();
        let inside = || answering(self.machine.space(), self.machine.ip());
        wait::until_true("the decoys listen", SOON, || Ok(inside()?.is_superset(&doors(&DECOYS)))).unwrap();
    }

    /// Which of the machine's ports answer to others.
    fn outside(&self) -> Doors {
        answering(self.farm.admin(), self.machine.ip()).unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program().unwrap());
        self.farm.cli.environment(&mut command);
        // Where ssh's connection has its socket.
        command.env("XDG_STATE_HOME", self.farm.folder());
        let ip = self.machine.ip().to_string();
        command.args(words).args([ip.as_str(), "--ssh-config"]).arg(self.machine.ssh_config());
        command
    }

    /// Runs the wizard to its end, whatever that is.
    fn try_add(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs the wizard, which must succeed, and gives what it printed.
    fn add(&self, words: &[&str]) -> String {
        let output = self.try_add(words);
        let (said, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{said}\n{errors}\n{}", self.journal());
        println!("{said}{errors}");
        said
    }

    fn journal(&self) -> String {
        self.machine.ssh("journalctl -u 'hostler-*' -n 40 --no-pager -o cat").unwrap_or_default()
    }

    /// Everything that the wizard might change, but for what members write themselves.
    fn state(&self) -> Vec<String> {
        let script = format!(
            "find /etc /usr/local /var/lib/hostler -name log -prune -o -name brokers.json -prune -o -type f -printf \
             '%p %T@ %s %u %m\\n' | sort; getent passwd; systemctl show -p ExecMainPID,ExecMainStartTimestamp 'hostler-*'; {}",
            self.firewall.show()
        );
        self.machine.ssh(&script).unwrap().lines().map(str::to_owned).collect()
    }

    fn assert_unchanged(&self, before: &[String]) {
        let now = self.state();
        let differ = |some: &[String], others: &[String]| -> Vec<String> {
            some.iter().filter(|line| !others.contains(line)).cloned().collect()
        };
        assert_eq!((differ(&now, before), differ(before, &now)), (Vec::new(), Vec::new()));
    }

    fn tokens(&self) -> usize {
        self.farm.cli.json(&["token", "list"]).unwrap().as_array().unwrap().len()
    }

    /// Somebody comes to the machine's gateway.
    fn comes_in(&self, user: &str) {
        let door = SocketAddr::from((self.machine.ip(), 3_389));
        let cookie = format!("Cookie: mstshash={user}");
        let mut last = String::new();
        let let_in = wait::until_true(&format!("{user} is let in"), SOON, || {
            let came = self.farm.admin().run(|| knock(door, &cookie, Duration::from_secs(10)));
            last = format!("{came:?}");
            Ok(came.is_ok_and(|came| came == Knock::LetIn))
        });
        let_in.unwrap_or_else(|error| panic!("{error}: {last}\n{}", self.journal()));
    }

    /// Waits until the first broker has links to the machine's broker and gateway.
    fn wait_until_seen(&self) {
        wait::until_true("the machine is seen", SOON, || {
            let status = self.farm.get("b1", "status")?;
            Ok(status["brokers"]["up"] == 2 && status["gateways"]["up"] == 2)
        })
        .unwrap();
    }

    fn reboot(&mut self) {
        self.machine.reboot().unwrap();
        self.wait_until_seen();
        self.listen();
        assert_eq!(self.outside(), open());
        self.comes_in("alice");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn doors(names: &[&str]) -> Doors {
    names.iter().map(ToString::to_string).collect()
}

/// What others reach when all is done.
fn open() -> Doors {
    doors(&[&OURS[..], &["22/tcp"]].concat())
}

/// Somebody else who may log in.
const ANN: &str = "set -e
useradd --create-home --shell /bin/sh ann
install -d -o ann -m 0700 /home/ann/.ssh
install -o ann -m 0600 /root/.ssh/authorized_keys /home/ann/.ssh/authorized_keys
";
const ADD: [&str; 4] = ["broker", "add", "--gateway", "--open-firewall"];

#[test]
fn a_machine_with_nftables() {
    let Some(mut site) = Site::new("a_machine_with_nftables", Firewall::Nftables) else { return };

    // Only looking changes nothing.
    let before = site.state();
    let would = site.add(&[&ADD[..], &["--dry-run"]].concat());
    assert!(would.contains("insert rule inet filter input udp dport 20001 accept comment"), "{would}");
    assert!(would.contains("systemctl start hostler-gateway.service"), "{would}");
    site.assert_unchanged(&before);
    assert_eq!(site.tokens(), 2);

    let said = site.add(&ADD);
    let ip = site.machine.ip();
    assert!(
        said.ends_with(&format!("  waiting until the farm sees the gateway … it is so\n{ip}: 9 steps were done.\n")),
        "{said}"
    );
    assert_eq!(site.outside(), open());
    assert_eq!(site.machine.ssh("systemd-analyze verify /etc/systemd/system/hostler-*.service").unwrap(), "");
    assert_eq!(site.machine.ssh("ps -C hostler -o user= | sort | uniq -c").unwrap().trim(), "2 hostler");

    // Once more: nothing is written, restarted or made.
    let before = site.state();
    assert!(site.add(&ADD).ends_with(&format!("\nNothing to do on {ip}.\n")));
    site.assert_unchanged(&before);
    assert_eq!(site.tokens(), 4);

    // The new gateway and the new broker work, also without the first one.
    site.comes_in("alice");
    let first = site.farm.ip("b1").unwrap().to_string();
    site.farm.cli.run(&["login", "--broker", &first, "--yes", "--name", "admin"]).unwrap();
    let seat = site.farm.cli.json(&["connect", "--user", "carol", "--broker", &ip.to_string()]).unwrap();
    assert_eq!(seat["host"]["name"], "h1", "{seat}");
    site.farm.member("b1").unwrap().kill().unwrap();
    site.comes_in("bob");
    site.farm.member("b1").unwrap().run().unwrap();
    site.wait_until_seen();

    site.reboot();
    // The machine's own way of loading its rules keeps ours.
    site.machine.ssh("nft flush ruleset; systemctl reload nftables").unwrap();
    assert_eq!(site.outside(), open());
    site.machine.ssh("hostler service uninstall gateway --close-firewall").unwrap();
    let mut less = open();
    less.remove("3389/tcp");
    assert_eq!(site.outside(), less);
}

#[test]
fn a_machine_with_ufw_and_a_wizard_that_is_killed() {
    let Some(mut site) = Site::new("a_machine_with_ufw_and_a_wizard_that_is_killed", Firewall::Ufw) else { return };
    let moments =
        ["the program … ", "the firewall (ufw) … ", "joining as broker … ", "the service hostler-gateway.service … "];
    for (nth, moment) in moments.into_iter().enumerate() {
        let mut wizard = Process::start(&format!("wizard-{nth}"), site.machine.folder(), site.command(&ADD)).unwrap();
        wait::until_true(moment, WIZARD, || Ok(wizard.log().contains(moment))).unwrap();
        wizard.kill().unwrap();
    }
    let said = site.add(&ADD);
    assert!(said.contains("  the program … is there\n"), "{said}");
    assert_eq!(site.outside(), open());
    let names = |list: &str| -> Vec<String> {
        let rows = site.farm.cli.json(&[list, "list"]).unwrap();
        rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((names("broker"), names("gateway").len()), (vec!["b1".to_owned(), "m1".to_owned()], 2));
    assert!(site.add(&ADD).contains("\nNothing to do on "));
    site.comes_in("alice");
    site.reboot();
}

#[test]
fn a_machine_with_firewalld_and_rules_for_some_only() {
    let name = "a_machine_with_firewalld_and_rules_for_some_only";
    let Some(mut site) = Site::new(name, Firewall::Firewalld) else { return };
    let ip = |name: &str| site.farm.ip(name).unwrap();
    let (b1, h1): (Ipv4Addr, Ipv4Addr) = (ip("b1"), ip("h1"));
    let (b1, h1) = (b1.to_string(), h1.to_string());
    site.add(&[&ADD[..], &["--from", &b1, "--from", &h1]].concat());
    assert_eq!(site.outside(), doors(&["22/tcp"]));
    let space = site.farm.member("b1").unwrap().space().unwrap().clone();
    assert_eq!(answering(&space, site.machine.ip()).unwrap(), open());

    site.add(&ADD);
    assert_eq!(site.outside(), open());
    assert!(site.add(&ADD).contains("\nNothing to do on "));
    site.comes_in("alice");

    // It becomes a session host as well, by somebody who is not root but may use sudo; nothing listens there, of which
    // it warns.
    let output = site.try_add(&["host", "add", "--rdp-port", "3390", "--user", "ann"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    site.machine.ssh(ANN).unwrap();
    let output = site.try_add(&["host", "add", "--rdp-port", "3390", "--user", "ann"]);
    assert!(text(&output.stderr).contains("ann is not root and can't use sudo without a password"));
    site.machine.ssh("echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann").unwrap();
    let output = site.try_add(&["host", "add", "--rdp-port", "3390", "--user", "ann"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("warning: nothing listens on 3390/tcp"), "{}", text(&output.stderr));
    assert_eq!(site.machine.ssh("systemd-analyze verify /etc/systemd/system/hostler-*.service").unwrap(), "");
    let hosts = site.farm.cli.json(&["host", "list"]).unwrap();
    let up: Vec<_> = hosts.as_array().unwrap().iter().map(|row| (row["name"].as_str().unwrap(), &row["up"])).collect();
    assert_eq!(up, [("h1", &true.into()), ("m1", &true.into())]);
    // alice must not be sent there.
    site.farm.cli.run(&["host", "drain", "m1"]).unwrap();
    site.reboot();
}
