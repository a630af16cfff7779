//! The main job on real parts: three brokers seat people, who use FreeRDP, on three xrdp hosts, through a gateway.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // In a test a failed one should stop it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hostler_tests::farm::{Farm, Knock, Session, knock, text};
use hostler_tests::lab::{ALICE, BOB, CAROL, Client, Colour, Connect, DAVE, Host, Lab, USERS, User};
use hostler_tests::sessions::Sessions;
use hostler_tests::{skip, wait};

const LIST_SESSIONS: &str = env!("CARGO_BIN_EXE_list-sessions");
/// A logon takes 1 to 3 s on a machine that has nothing else to do.
const LOGON: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(30);
/// What people may wait for a seat when a broker has just died.
const FAIL_OVER: Duration = Duration::from_secs(3);
/// What somebody leaves on the screen.
const MARK: Colour = Colour(0x12_34_56);

/// A lab with a farm on its hosts that knows the first users. Fields are dropped in this order.
struct Site {
    farm: Farm,
    hosts: Vec<Host>,
    lab: Lab,
}

impl Site {
    fn new(hosts: u8, users: &[User]) -> Self {
        let lab = Lab::new().unwrap();
        let hosts = lab.hosts(hosts).unwrap();
        let farm = Farm::on_hosts(&lab, &hosts).unwrap();
        let names: Vec<&str> = users.iter().map(|user| user.name).collect();
        farm.cli.run(&[&["user", "add"], names.as_slice()].concat()).unwrap();
        let mut site = Self { farm, hosts, lab };
        site.farm.wait_until_whole().unwrap();
        site
    }

    /// Somebody comes to the gateway with nothing but a name and a password.
    fn come(&self, user: User, client: &str) -> Client {
        self.lab.client(client, &Connect::to(self.farm.door()).login(user)).unwrap()
    }

    /// A file that lets somebody in, by any broker or by the one with this address.
    fn file(&self, item: &str, user: User, broker: Option<&str>) -> PathBuf {
        let path = self.lab.folder().join(format!("{item}-{}.rdp", user.name));
        let path_text = path.to_str().unwrap();
        let mut args = vec!["connect", item, "--user", user.name, "--out", path_text];
        args.extend(broker.iter().flat_map(|address| ["--broker", address]));
        self.farm.cli.run(&args).unwrap();
        path
    }

    /// Which broker decided where a session is: the user's home broker then.
    fn home(&self, session: &Session) -> String {
        text(&self.farm.cli.json(&["why", &session.id]).unwrap()["broker"], "name").unwrap()
    }

    fn active(&self, user: User) -> Session {
        self.farm.wait_for_session(user.name, SOON, |session| session.state == "active").unwrap()
    }

    fn disconnected(&self, user: User) -> Session {
        self.farm.wait_for_session(user.name, SOON, |session| session.state == "disconnected").unwrap()
    }

    fn host(&mut self, name: &str) -> &mut Host {
        self.hosts.iter_mut().find(|host| host.name() == name).unwrap()
    }
}

fn leave_a_mark(client: &mut Client) {
    client.type_text(&format!("xsetroot -solid '{MARK}'\n")).unwrap();
    client.wait_for_colour(MARK, SOON).unwrap();
}

/// The ticket in a file.
fn ticket(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines().find_map(|line| line.strip_prefix("loadbalanceinfo:s:")).expect("the file has a ticket").to_owned()
}

fn with_another_character(ticket: &str) -> String {
    let (at, found) = ticket.char_indices().nth(ticket.len() / 2).unwrap();
    format!("{}{}{}", &ticket[..at], if found == 'A' { 'B' } else { 'A' }, &ticket[at + 1..])
}

/// The same session, whether or not a client is connected.
fn assert_same(now: &Session, before: &Session) {
    assert_eq!(Session { state: before.state.clone(), ..now.clone() }, *before);
}

#[test]
fn five_people_and_the_death_of_a_home_broker() {
    if skip::without_real_rdp("five_people_and_the_death_of_a_home_broker") {
        return;
    }
    let mut site = Site::new(3, &USERS);

    // All at once, through the open door.
    let mut clients: Vec<(User, Client)> = USERS.into_iter().map(|user| (user, site.come(user, user.name))).collect();
    for (user, client) in &mut clients {
        let took = client.wait_for_desktop(*user, LOGON).unwrap();
        println!("{} has a desktop after {took:?}", user.name);
    }
    for user in USERS {
        let session = site.active(user);
        assert_eq!(session.item.as_deref(), Some("Desktop"), "{session:?}");
    }
    let sessions = site.farm.sessions().unwrap();
    let mut spread: Vec<usize> =
        site.hosts.iter().map(|host| sessions.iter().filter(|s| s.host == host.name()).count()).collect();
    spread.sort_unstable();
    assert_eq!(spread, [1, 2, 2], "{sessions:?}");

    // Alice leaves something, goes, and comes back by another broker than the one that decided before.
    let before = site.active(ALICE);
    let mut alice = clients.remove(0).1;
    leave_a_mark(&mut alice);
    alice.disconnect().unwrap();
    site.disconnected(ALICE);
    let home = site.home(&before);
    let other = site.farm.brokers().iter().find(|broker| broker.name() != home).unwrap().ip().to_string();
    let file = site.file("Desktop", ALICE, Some(&other));
    let mut alice = site.lab.client("alice-by-another", &Connect::file(&file).login(ALICE)).unwrap();
    alice.wait_for_colour(MARK, LOGON).unwrap();
    assert_same(&site.active(ALICE), &before);
    alice.disconnect().unwrap();
    site.disconnected(ALICE);

    // Her home broker dies. The next seat is there within 3 s, and it is the old session's.
    site.farm.broker_named(&home).unwrap().kill().unwrap();
    let died = Instant::now();
    assert_eq!(knock(site.farm.door(), "Cookie: mstshash=alice", FAIL_OVER).unwrap(), Knock::LetIn);
    println!("alice is let in {:?} after the death of {home}", died.elapsed());
    assert!(died.elapsed() < FAIL_OVER, "{:?}", died.elapsed());
    let mut alice = site.come(ALICE, "alice-after-the-death");
    alice.wait_for_colour(MARK, LOGON).unwrap();
    println!("she sees her desktop {:?} after it", died.elapsed());
    assert_same(&site.active(ALICE), &before);

    // The others have noticed nothing: their connections carry pictures and keys.
    for (at, (user, client)) in clients.iter_mut().enumerate() {
        assert!(client.is_running() && client.sees(user.colour).unwrap(), "{}: {}", user.name, client.log());
        let moved = Colour(0x20_40_60 + u32::try_from(at).unwrap() * 0x11_11_11);
        client.type_text(&format!("xsetroot -solid '{moved}'\n")).unwrap();
        client.wait_for_colour(moved, SOON).unwrap();
    }
}

#[test]
fn a_host_dies() {
    if skip::without_real_rdp("a_host_dies") {
        return;
    }
    let mut site = Site::new(2, &[ALICE]);
    site.farm.cli.run(&["settings", "set", "hosts.silent_keep", "0s"]).unwrap();
    let mut alice = site.come(ALICE, "alice");
    alice.wait_for_desktop(ALICE, LOGON).unwrap();
    let before = site.active(ALICE);
    assert_eq!(site.farm.host_state(&before.host).unwrap(), "ready");

    site.host(&before.host).crash().unwrap();
    let mut alice = site.come(ALICE, "alice-again");
    alice.wait_for_desktop(ALICE, LOGON).unwrap();
    let after = site.farm.wait_for_session(ALICE.name, SOON, |s| s.host != before.host && s.state == "active").unwrap();
    assert_ne!(after.id, before.id);
    wait::until_true("the host is shown as down", SOON, || Ok(site.farm.host_state(&before.host)? == "down")).unwrap();
}

#[test]
fn a_ticket_in_a_file() {
    if skip::without_real_rdp("a_ticket_in_a_file") {
        return;
    }
    let mut site = Site::new(1, &[ALICE, BOB]);

    // In somebody else's hands, before its owner has used it: the desktop is ended, whatever the password is worth.
    let file = site.file("Desktop", ALICE, None);
    let mut bob = site.lab.client("bob-first", &Connect::file(&file).login(BOB)).unwrap();
    bob.wait_for_end(LOGON).unwrap();
    site.farm.wait_for_no_session(BOB.name, SOON).unwrap();
    Sessions::of(&site.hosts[0], LIST_SESSIONS).wait_for_none(SOON).unwrap();

    // A forged one. One line says so; it is not said whose it was.
    let file = site.file("Desktop", ALICE, None);
    let forged = with_another_character(&ticket(&file));
    let lines = |site: &mut Site| site.farm.gateway().unwrap().log().matches("a connection has ended").count();
    let before = lines(&mut site);
    assert_eq!(knock(site.farm.door(), &forged, SOON).unwrap(), Knock::Refused);
    wait::until_true("the gateway's line", SOON, || Ok(lines(&mut site) > before)).unwrap();
    assert_eq!(lines(&mut site), before + 1);

    // The right one opens its owner's desktop, with the client's own way to negotiate.
    let mut alice = site.lab.client("alice", &Connect::file(&file).login(ALICE)).unwrap();
    alice.wait_for_desktop(ALICE, LOGON).unwrap();
    let before = site.active(ALICE);
    leave_a_mark(&mut alice);
    alice.disconnect().unwrap();
    site.disconnected(ALICE);

    // The same file again, while the session lives.
    let mut alice = site.lab.client("alice-again", &Connect::file(&file).login(ALICE)).unwrap();
    alice.wait_for_colour(MARK, LOGON).unwrap();
    assert_same(&site.active(ALICE), &before);

    // And in somebody else's hands now.
    let mut bob = site.lab.client("bob-second", &Connect::file(&file).login(BOB)).unwrap();
    bob.wait_for_end(LOGON).unwrap();
    site.farm.wait_for_no_session(BOB.name, SOON).unwrap();
    assert_same(&site.active(ALICE), &before);

    // The session ends, and with it what the file is good for.
    site.farm.cli.run(&["session", "logoff", &before.id, "--yes"]).unwrap();
    alice.wait_for_end(SOON).unwrap();
    site.farm.wait_for_no_session(ALICE.name, SOON).unwrap();
    for (user, client) in [(ALICE, "alice-too-late"), (BOB, "bob-too-late")] {
        let mut client = site.lab.client(client, &Connect::file(&file).login(user)).unwrap();
        client.wait_for_end(SOON).unwrap();
        assert!(!client.sees(user.colour).unwrap());
    }
    Sessions::of(&site.hosts[0], LIST_SESSIONS).wait_for_none(SOON).unwrap();
}

#[test]
fn all_brokers_die_and_come_back() {
    if skip::without_real_rdp("all_brokers_die_and_come_back") {
        return;
    }
    let mut site = Site::new(3, &[ALICE, BOB]);
    let mut alice = site.come(ALICE, "alice");
    alice.wait_for_desktop(ALICE, LOGON).unwrap();
    let before = site.active(ALICE);
    leave_a_mark(&mut alice);
    let digest = site.farm.wait_until_whole().unwrap();
    let lists = |farm: &Farm| {
        ["items", "user list", "admin list", "token list", "settings list"]
            .map(|command| farm.cli.json(&command.split(' ').collect::<Vec<_>>()).unwrap())
    };
    let listed = lists(&site.farm);

    for broker in site.farm.brokers() {
        broker.kill().unwrap();
    }
    // Nobody decides now; who has a desktop goes on working.
    alice.type_text("xsetroot -solid '#204060'\n").unwrap();
    alice.wait_for_colour(Colour(0x20_40_60), SOON).unwrap();
    for broker in site.farm.brokers() {
        broker.run().unwrap();
    }

    // The first who asks comes as soon as the gateway has found a broker again, whether or not that one has heard all
    // hosts: she must not get a second session.
    alice.disconnect().unwrap();
    site.farm.wait_for_gateway().unwrap();
    let mut alice = site.come(ALICE, "alice-again");
    alice.wait_for_colour(Colour(0x20_40_60), LOGON).unwrap();
    assert_eq!(site.farm.wait_until_whole().unwrap(), digest);
    assert_eq!(lists(&site.farm), listed);
    assert_same(&site.active(ALICE), &before);
    let everywhere: usize =
        site.hosts.iter().map(|host| Sessions::of(host, LIST_SESSIONS).list().unwrap().sessions.len()).sum();
    assert_eq!(everywhere, 1);
    // Who has none gets one.
    site.come(BOB, "bob").wait_for_desktop(BOB, LOGON).unwrap();
}

#[test]
fn a_published_application() {
    if skip::without_real_rdp("a_published_application") {
        return;
    }
    let site = Site::new(1, &[CAROL, DAVE]);
    let red = Colour(0xaa_11_22);
    let command = "xterm -bg rgb:aa/11/22";
    site.farm.cli.run(&["group", "add", "staff", "--members", CAROL.name]).unwrap();
    site.farm.cli.run(&["publish", "app", "Terminal", "--command", command, "--groups", "staff"]).unwrap();

    let args = ["connect", "Terminal", "--user", DAVE.name];
    let refused = site.farm.cli.refused(1, &args).unwrap();
    assert!(refused.contains("dave") && refused.contains("hostler items"), "{refused}");

    let file = site.file("Terminal", CAROL, None);
    let mut carol = site.lab.client("carol", &Connect::file(&file).login(CAROL)).unwrap();
    carol.wait_for_colour(red, LOGON).unwrap();
    assert!(!carol.sees(CAROL.colour).unwrap(), "the desktop is there as well");
    let session = site.active(CAROL);
    assert_eq!(session.item.as_deref(), Some("Terminal"));
    let on_host = Sessions::of(&site.hosts[0], LIST_SESSIONS);
    let found = on_host.wait_for_one("carol's application", SOON, |found| found.user == CAROL.name).unwrap();
    assert_eq!(found.command.as_deref(), Some(command));

    carol.type_text("exit\n").unwrap();
    carol.wait_for_end(SOON).unwrap();
    site.farm.wait_for_no_session(CAROL.name, SOON).unwrap();
    on_host.wait_for_none(SOON).unwrap();
}
