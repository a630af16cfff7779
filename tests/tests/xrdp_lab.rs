//! The lab itself and the xrdp session source, on real session hosts: what the source says must be what people at
//! their clients see.

use std::time::Duration;

use anyhow::Result;
use hostler_deploy::{RoleWanted, unit_text};
use hostler_model::MemberRole;
use hostler_tests::lab::{ALICE, BOB, CAROL, Client, Colour, Connect, DAVE, Host, Lab, USERS, User};
use hostler_tests::sessions::{Session, SessionList, Sessions};
use hostler_tests::{skip, wait};

const LIST_SESSIONS: &str = env!("CARGO_BIN_EXE_list-sessions");
/// A logon takes 1 to 3 s on a machine that has nothing else to do.
const LOGON: Duration = Duration::from_secs(40);
const SOON: Duration = Duration::from_secs(15);

fn log_in(lab: &Lab, host: &Host, name: &str, user: User) -> Result<Client> {
    let mut client = lab.client(name, &Connect::to(host.address()).login(user))?;
    let took = client.wait_for_desktop(user, LOGON)?;
    println!("{} has a desktop after {took:?}", user.name);
    Ok(client)
}

fn one(host: &Host, user: User, active: bool) -> Result<Session> {
    let what = format!("one session, {}, active: {active}", user.name);
    Sessions::of(host, LIST_SESSIONS)
        .wait_for_one(&what, SOON, |session| session.user == user.name && session.active == active)
}

/// The same session, whether or not a client is connected. The kernel tells its beginning in hundredths of a second.
fn assert_same(now: &Session, before: &Session) {
    let (active, started_at_ms) = (before.active, before.started_at_ms);
    assert_eq!(Session { active, started_at_ms, ..now.clone() }, *before);
    assert!(now.started_at_ms.abs_diff(started_at_ms) <= 50, "{now:?} {before:?}");
}

#[test]
fn a_session_is_seen_from_logon_to_log_off() {
    if skip::without_real_rdp("a_session_is_seen_from_logon_to_log_off") {
        return;
    }
    let lab = Lab::new().unwrap();
    let hosts = lab.hosts(2).unwrap();
    let [first, second] = hosts.as_slice() else { panic!("two hosts were asked for") };
    let on_first = Sessions::of(first, LIST_SESSIONS);
    on_first.wait_for_none(SOON).unwrap();

    let mut alice = log_in(&lab, first, "alice", ALICE).unwrap();
    let bob = log_in(&lab, second, "bob", BOB).unwrap();
    let session = one(first, ALICE, true).unwrap();
    assert_eq!(session.command.as_deref(), Some("openbox --startup /home/alice/.terminal"));
    let bobs = one(second, BOB, true).unwrap();
    assert_ne!(session.display, bobs.display);

    // She leaves a mark, and her connection breaks.
    let mark = Colour(0x12_34_56);
    alice.type_text(&format!("xsetroot -solid '{mark}'\n")).unwrap();
    alice.wait_for_colour(mark, SOON).unwrap();
    alice.disconnect().unwrap();
    assert_same(&one(first, ALICE, false).unwrap(), &session);

    // Back in the same session, and the mark is still there.
    let mut alice = lab.client("alice-again", &Connect::to(first.address()).login(ALICE)).unwrap();
    alice.wait_for_colour(mark, LOGON).unwrap();
    assert_same(&one(first, ALICE, true).unwrap(), &session);

    // The administrator takes her connection away.
    on_first.order(&["disconnect", &session.key]).unwrap();
    alice.wait_for_end(SOON).unwrap();
    assert_same(&one(first, ALICE, false).unwrap(), &session);

    on_first.order(&["log-off", &session.key, "10000"]).unwrap();
    on_first.wait_for_none(SOON).unwrap();
    let error = on_first.order(&["log-off", &session.key, "10000"]).unwrap_err().to_string();
    assert!(error.contains("there is no session"), "{error}");
    // Bob has noticed nothing.
    assert_same(&one(second, BOB, true).unwrap(), &bobs);
    assert!(bob.sees(BOB.colour).unwrap());
}

#[test]
fn an_application_that_ignores_the_log_off_is_killed() {
    if skip::without_real_rdp("an_application_that_ignores_the_log_off_is_killed") {
        return;
    }
    let lab = Lab::new().unwrap();
    let hosts = lab.hosts(1).unwrap();
    let sessions = Sessions::of(&hosts[0], LIST_SESSIONS);
    let red = Colour(0xaa_11_22);
    let shell = format!("trap '' TERM; xsetroot -solid '{red}'; while :; do sleep 0.2; done");
    let connect = Connect::to(hosts[0].address()).login(CAROL).option(format!("/shell:{shell}"));
    let mut carol = lab.client("carol", &connect).unwrap();
    carol.wait_for_colour(red, LOGON).unwrap();
    let session = one(&hosts[0], CAROL, true).unwrap();
    assert_eq!(session.command, Some(shell));

    sessions.order(&["log-off", &session.key, "500"]).unwrap();
    carol.wait_for_end(SOON).unwrap();
    sessions.wait_for_none(SOON).unwrap();
}

#[test]
fn a_message_appears_on_the_users_screen() {
    if skip::without_real_rdp("a_message_appears_on_the_users_screen") {
        return;
    }
    let lab = Lab::new().unwrap();
    let hosts = lab.hosts(1).unwrap();
    let sessions = Sessions::of(&hosts[0], LIST_SESSIONS);
    let _dave = log_in(&lab, &hosts[0], "dave", DAVE).unwrap();
    let session = one(&hosts[0], DAVE, true).unwrap();
    sessions.order(&["message", &session.key, "-display :0\nThe host restarts at noon."]).unwrap();
    // As its user, on the session's display.
    let windows = format!("DISPLAY=:{} xwininfo -root -tree", session.display.unwrap());
    wait::until_true("a window with the message", SOON, || {
        let tree = hosts[0].run(
            "/usr/bin/setpriv",
            &["--reuid", "dave", "--clear-groups", "env", "HOME=/home/dave", "sh", "-c", &windows],
        )?;
        Ok(tree.contains("Message from the administrator"))
    })
    .unwrap();
    let owner = hosts[0].run("/usr/bin/ps", &["-C", "xmessage", "-o", "user="]).unwrap();
    assert_eq!(owner.trim(), DAVE.name);
}

#[test]
fn the_rights_of_the_agents_service_are_enough() {
    if skip::without_real_rdp("the_rights_of_the_agents_service_are_enough") {
        return;
    }
    let lab = Lab::new().unwrap();
    let hosts = lab.hosts(1).unwrap();
    let host = &hosts[0];
    // As the unit has it.
    let role = RoleWanted { role: MemberRole::Agent, openings: Vec::new() };
    let unit = unit_text(&role, "/etc/hostler/hostler.toml", "/var/lib/hostler");
    let set = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).unwrap();
    let rights: String =
        set.split_whitespace().map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase())).collect();
    let rights = format!("--bounding-set=-all{rights}");
    let order = |args: &[&str]| {
        let args = [&["--no-new-privs", "--inh-caps=-all", &rights, LIST_SESSIONS], args].concat();
        host.run("/usr/bin/setpriv", &args).unwrap()
    };
    let mut alice = log_in(&lab, host, "alice", ALICE).unwrap();
    let session = one(host, ALICE, true).unwrap();
    let found: SessionList = serde_json::from_str(&order(&[])).unwrap();
    assert_eq!(found.sessions.iter().map(|s| s.key.as_str()).collect::<Vec<_>>(), [session.key.as_str()]);
    order(&["message", &session.key, "The host restarts at noon."]);
    wait::until_true("a message", SOON, || {
        Ok(host.run("/usr/bin/ps", &["-C", "xmessage", "-o", "user="]).is_ok_and(|owner| owner.trim() == ALICE.name))
    })
    .unwrap();
    order(&["disconnect", &session.key]);
    alice.wait_for_end(SOON).unwrap();
    assert_same(&one(host, ALICE, false).unwrap(), &session);
    order(&["log-off", &session.key, "10000"]);
    Sessions::of(host, LIST_SESSIONS).wait_for_none(SOON).unwrap();
}

#[test]
fn a_host_comes_back_after_a_crash() {
    if skip::without_real_rdp("a_host_comes_back_after_a_crash") {
        return;
    }
    let lab = Lab::new().unwrap();
    let mut hosts = lab.hosts(1).unwrap();
    let host = &mut hosts[0];
    let mut command = host.command("/bin/sh").unwrap();
    command.args(["-c", "hostname; exec sleep 1000"]);
    let mut service = host.start("service", command).unwrap();
    service.wait_for_line("rdsh1", SOON).unwrap();
    let mut alice = log_in(&lab, host, "alice", ALICE).unwrap();

    host.crash().unwrap();
    assert!(!host.is_up());
    service.wait_for_end(SOON).unwrap();
    wait::until_true("alice's client notices", SOON, || Ok(!alice.sees(ALICE.colour)? || !alice.is_running())).unwrap();

    host.up().unwrap();
    Sessions::of(host, LIST_SESSIONS).wait_for_none(SOON).unwrap();
    let _alice = log_in(&lab, host, "alice-again", ALICE).unwrap();
    one(host, ALICE, true).unwrap();
}

#[test]
fn five_people_at_once() {
    if skip::without_real_rdp("five_people_at_once") {
        return;
    }
    let lab = Lab::new().unwrap();
    let hosts = lab.hosts(3).unwrap();
    let mut clients: Vec<(User, Client)> = USERS
        .into_iter()
        .zip(hosts.iter().cycle())
        .map(|(user, host)| (user, lab.client(user.name, &Connect::to(host.address()).login(user)).unwrap()))
        .collect();
    for (user, client) in &mut clients {
        client.wait_for_desktop(*user, LOGON).unwrap();
    }
    let found: Vec<Vec<String>> = hosts
        .iter()
        .map(|host| {
            let list = Sessions::of(host, LIST_SESSIONS).list().unwrap();
            assert_eq!(list.logons_in_flight, 0);
            let mut users: Vec<_> = list.sessions.into_iter().map(|session| session.user).collect();
            users.sort();
            users
        })
        .collect();
    assert_eq!(found, [vec!["alice", "dave"], vec!["bob", "erin"], vec!["carol"]]);
}
