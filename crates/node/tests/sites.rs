//! Two sites of one farm: each has its own list, master and epochs, and all brokers have all of it.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod net;

use hostler_events::payload::{Grant, Role, UserAdded};
use hostler_events::{Actor, AuthorKey, Event, Frontier, Hash};
use hostler_model::*;
use hostler_node::{Author, Command, CommandError, Message};
use net::{ADMIN, Net, SITE, addresses, admin, id, secret, user};

const OWNER: Actor = Actor::Admin(ADMIN);
const TOKEN: TokenId = TokenId([50; 16]);

fn open(token: TokenId) -> Command {
    let site = "north".into();
    Command::OpenSite { site, token, issuer: id(1), verifier: [0; 32], expires: Wall(u64::MAX) }
}

fn broker_token(token: TokenId, issuer: u8) -> Command {
    let (role, issuer) = (MemberRole::Broker, id(issuer));
    Command::CreateToken { token, role, issuer, verifier: [0; 32], expires: Wall(u64::MAX) }
}

/// Brokers 3 and 4 have the names that 1 and 2 have in the main site.
fn join(token: TokenId, n: u8) -> Command {
    let key = AuthorKey::from_secret(&secret(n)).public();
    let name = format!("b{}", if n > 2 { n - 2 } else { n }).parse().unwrap();
    Command::JoinBroker { token, broker: id(n), name, key, addresses: addresses(n) }
}

fn promote(name: &str) -> Command {
    Command::Promote { broker: name.into() }
}

fn force(name: &str, lost: &str) -> Command {
    Command::ForcePromotion { broker: name.into(), lost: lost.into(), reason: "the rack is dark".into() }
}

/// Two brokers in the main site, and a second site with a token for its first broker.
fn farm_with_token() -> (Net, SiteId) {
    let mut net = Net::farm(2);
    let added = net.command(2, Command::AddSite { name: "north".parse().unwrap() }).unwrap();
    let Some(Thing::Site(north)) = added.thing else { panic!("no site: {added:?}") };
    net.command(2, open(TOKEN)).unwrap();
    net.command_as(1, Actor::Token(TOKEN), join(TOKEN, 3)).unwrap();
    (net, north)
}

/// Brokers 1 and 2 in the main site, 3 and 4 in the other.
fn two_sites() -> (Net, SiteId) {
    let (mut net, north) = farm_with_token();
    net.add_to(north, 3, Vec::new());
    net.start(id(3));
    for main in [1, 2] {
        net.link(main, 3, true);
    }
    net.run(5_000);
    let token = TokenId([51; 16]);
    net.command_in(2, north, OWNER, broker_token(token, 3)).unwrap();
    net.command_as(3, Actor::Token(token), join(token, 4)).unwrap();
    net.add_to(north, 4, Vec::new());
    net.start(id(4));
    for other in [1, 2, 3] {
        net.link(other, 4, true);
    }
    net.run(5_000);
    net.assert_equal_views();
    (net, north)
}

impl Net {
    /// Whom each takes for the master of its site, and the epoch's number.
    fn masters(&mut self, brokers: &[u8]) -> Vec<Option<(u8, u64)>> {
        brokers.iter().map(|n| self.node(*n).master().map(|(b, e)| (b.0[0], e.n))).collect()
    }

    fn between_sites(&mut self, up: bool) {
        for (a, b) in [(1, 3), (1, 4), (2, 3), (2, 4)] {
            self.link(a, b, up);
        }
    }

    /// What the brokers of a site wrote, as the last of them: author and type.
    fn last(&self, n: u8) -> (u8, u16) {
        let last = self.machines[&id(n)].disk.last().unwrap().header();
        (last.feed.broker.0[0], last.kind)
    }

    /// The administrators, users and sites that broker 1 sees: of the farm, of the main site, of the other.
    fn counts(&mut self, n: u8, north: SiteId) -> (usize, usize, usize, usize) {
        let views = self.node(n).views();
        let (main, other) = (views.main().unwrap(), views.site(north).unwrap());
        (main.admins.len(), main.sites.len(), main.users.len(), other.users.len())
    }
}

#[test]
fn a_second_site_has_its_own_list_and_master_and_every_broker_knows_it() {
    let (mut net, north) = two_sites();
    assert_eq!(net.masters(&[1, 2, 3, 4]), [Some((1, 1)), Some((1, 1)), Some((3, 1)), Some((3, 1))]);
    for n in 1..=4 {
        let views = net.node(n).views();
        let list = |site| views.site(site).unwrap().order.iter().map(|b| b.0[0]).collect::<Vec<_>>();
        assert_eq!((list(SITE), list(north)), (vec![1, 2], vec![3, 4]), "as broker {n} sees it");
        let names: Vec<_> = views.site(north).unwrap().brokers.values().map(|b| b.name.to_string()).collect();
        assert_eq!(names, ["b1", "b2"], "names are the site's own");
        let founder = views.founder(north).map(|f| f.broker);
        assert_eq!((founder, views.founder(SITE), views.main_site()), (Some(id(3)), None, Some(SITE)));
        assert_eq!(net.node(n).alive().len(), 4);
    }
    assert_eq!(net.alarms, []);
}

#[test]
fn a_promotion_in_one_site_does_not_touch_the_other() {
    let (mut net, north) = two_sites();
    let before: Vec<_> = net.node(1).views().timeline(SITE).unwrap().entries().iter().map(|e| e.key).collect();
    // Any broker of the farm takes the command.
    net.command_in(1, north, OWNER, promote("b2")).unwrap();
    net.run(1_000);
    assert_eq!(net.masters(&[1, 2, 3, 4]), [Some((1, 1)), Some((1, 1)), Some((4, 2)), Some((4, 2))]);
    net.command_in(4, SITE, OWNER, user("alice")).unwrap();
    // And a forced one, by a broker that the command is passed on to.
    net.stop(4);
    net.run(4_000);
    let lost = net.command_in(1, north, OWNER, promote("b1")).unwrap_err();
    assert!(lost.to_string().contains("hostler broker promote b1 --force --lost b2"), "{lost}");
    net.command_in(2, north, OWNER, force("b1", "b2")).unwrap();
    net.run(1_000);
    assert_eq!(net.masters(&[1, 2, 3]), [Some((1, 1)), Some((1, 1)), Some((3, 3))]);
    let after: Vec<_> = net.node(1).views().timeline(SITE).unwrap().entries().iter().map(|e| e.key).collect();
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.len(), before.len() + 1, "only the user");
    net.start(id(4));
    net.run(5_000);
    net.assert_equal_views();
    assert_eq!(net.masters(&[4]), [Some((3, 3))]);
}

#[test]
fn a_command_is_carried_out_in_the_site_that_it_is_about() {
    let (mut net, north) = two_sites();
    let api = TokenId([60; 16]);
    let label: Name = "script".parse().unwrap();
    let api_token = Command::CreateApiToken { token: api, label, secret_hash: [0; 32], expires: None };
    let setting = |key: &str, value: &str| Command::Set { key: key.into(), value: Some(value.into()) };
    for (what, at, site, command, wrote) in [
        ("a user of this site", 1, SITE, user("alice"), (1, 70)),
        ("a user of the other site, by its master", 1, north, user("alice"), (3, 70)),
        ("a user of the main site", 4, SITE, user("bob"), (1, 70)),
        ("a policy", 2, north, setting("seats.queue", "5s"), (3, 81)),
        ("a structural change of the other site", 2, north, Command::DisableBroker { broker: "b2".into() }, (3, 22)),
        ("an administrator", 4, north, admin("op"), (1, 30)),
        ("a farm-wide setting", 3, north, setting("tokens.life", "2h"), (1, 12)),
        ("a site", 3, north, Command::AddSite { name: "south".parse().unwrap() }, (1, 11)),
        ("a program's token", 3, north, api_token, (1, 34)),
        ("its end", 3, north, Command::RevokeToken { token: api.to_string() }, (1, 104)),
        ("the end of an administrator", 4, north, Command::RemoveAdmin { admin: "op".into() }, (1, 101)),
    ] {
        let outcome = net.command_in(at, site, OWNER, command).unwrap();
        assert_eq!((outcome.members, outcome.events.len()), (4, 1), "{what}");
        net.run(1_000);
        assert_eq!(net.last(2), wrote, "{what}");
    }
    net.assert_equal_views();
    assert_eq!(net.counts(3, north), (1, 3, 2, 1));
    let nowhere = net.command_in(1, SiteId([88; 16]), OWNER, user("eve")).unwrap_err();
    assert_eq!(nowhere.code(), "not_found");
    // A site without brokers has nobody who could.
    let south = *net.node(1).views().main().unwrap().sites.iter().find(|(_, s)| s.name.as_str() == "south").unwrap().0;
    let text = net.command_in(1, south, OWNER, user("eve")).unwrap_err().to_string();
    assert_eq!(text, "only brokers of site south can do this, and it has none yet");
}

#[test]
fn a_command_waits_for_the_next_master_of_the_site_that_it_is_about() {
    let (mut net, north) = two_sites();
    // The successor never answers, so the master goes on after a while.
    net.silent_disks.insert(id(4));
    net.tell(3, promote("b2"));
    let moved = Command::MoveBroker { broker: "b2".into(), up: true };
    let outcome = net.command_in(1, north, OWNER, moved).unwrap();
    assert_eq!((outcome.thing, outcome.events.len()), (Some(Thing::Broker(id(4))), 1));
    net.run(1_000);
    let views = net.node(1).views();
    let list = |site| views.site(site).unwrap().order.iter().map(|b| b.0[0]).collect::<Vec<_>>();
    assert_eq!((list(SITE), list(north)), (vec![1, 2], vec![4, 3]), "the brokers of the main site have the same names");
}

#[test]
fn a_cut_between_the_sites_stops_neither() {
    let (mut net, north) = two_sites();
    net.between_sites(false);
    net.run(4_000);
    net.command(3, user("alice")).unwrap();
    net.command(4, Command::MoveBroker { broker: "b2".into(), up: true }).unwrap();
    net.command(4, promote("b2")).unwrap();
    net.command(2, admin("op")).unwrap();
    for (at, site, command, name) in
        [(3, north, admin("other"), "main"), (1, north, user("bob"), "north"), (4, SITE, user("bob"), "main")]
    {
        let error = net.command_in(at, site, OWNER, command).unwrap_err();
        let why = "none of them answers this broker".to_string();
        assert_eq!(error, CommandError::SiteUnreachable { site: name.into(), why });
    }
    net.between_sites(true);
    net.run(4_000);
    net.assert_equal_views();
    assert_eq!(net.counts(1, north), (2, 2, 0, 1));
    assert_eq!(net.masters(&[1, 4]), [Some((1, 1)), Some((4, 2))]);
    // Where only the master is out of reach, the answer names it.
    for other in [2, 3, 4] {
        net.link(1, other, false);
    }
    net.run(4_000);
    let error = net.command_in(3, north, OWNER, admin("third")).unwrap_err();
    assert_eq!(error, CommandError::MasterUnreachable { master: "b1 of site main".into() });
}

#[test]
fn a_site_is_founded_once_wherever_its_first_broker_stops() {
    for written in 0..=2 {
        let (mut net, north) = farm_with_token();
        net.add_to(north, 3, Vec::new());
        // What it writes is on its disk, and nobody hears of it.
        net.silent_disks.insert(id(3));
        net.start(id(3));
        for main in [1, 2] {
            net.link(main, 3, true);
        }
        net.run(2_000);
        let own = |net: &Net| {
            let own = net.machines[&id(3)].disk.iter().filter(|e| e.header().site == north);
            own.map(|e| (e.header().feed.incarnation.ordinal, e.header().kind)).collect::<Vec<_>>()
        };
        assert_eq!(own(&net), [(1, 1), (1, 20)]);
        net.stop(3);
        let disk = &mut net.machines.get_mut(&id(3)).unwrap().disk;
        while disk.iter().filter(|e| e.header().site == north).count() > written {
            let last = disk.iter().rposition(|e| e.header().site == north).unwrap();
            disk.remove(last);
        }
        net.silent_disks.clear();
        net.start(id(3));
        net.run(5_000);
        net.assert_equal_views();
        assert_eq!(own(&net), [(1, 1), (1, 20)], "{written} of the events were on the disk");
        assert_eq!(net.masters(&[3]), [Some((3, 1))]);
        // With an empty disk it gets back what it wrote, and founds nothing.
        net.stop(3);
        net.machines.get_mut(&id(3)).unwrap().disk.clear();
        net.start(id(3));
        net.run(5_000);
        net.assert_equal_views();
        assert_eq!(own(&net).len(), 2);
        net.command(3, user("alice")).unwrap();
    }
}

#[test]
fn another_takes_the_place_of_a_first_broker_that_never_came_up() {
    let (mut net, north) = farm_with_token();
    let token = TokenId([52; 16]);
    net.command(1, open(token)).unwrap();
    net.command_as(1, Actor::Token(token), join(token, 4)).unwrap();
    for n in [3, 4] {
        net.add_to(north, n, Vec::new());
        net.start(id(n));
        for main in [1, 2] {
            net.link(main, n, true);
        }
        net.run(4_000);
    }
    net.assert_equal_views();
    assert_eq!(net.node(1).views().site(north).unwrap().order, [id(4)]);
    let late = net.command(1, open(TokenId([53; 16]))).unwrap_err().to_string();
    assert!(late.starts_with("site north has brokers: its own master takes in the others"), "{late}");
}

#[test]
fn a_token_for_one_site_is_worth_nothing_in_another() {
    let (mut net, north) = two_sites();
    let (main_token, north_token) = (TokenId([54; 16]), TokenId([55; 16]));
    net.command(1, broker_token(main_token, 1)).unwrap();
    net.command_in(1, north, OWNER, broker_token(north_token, 3)).unwrap();
    net.run(1_000);
    let code = |net: &mut Net, at, token, n| {
        net.command_as(at, Actor::Token(token), join(token, n)).map(|_| ()).map_err(|e| e.code())
    };
    assert_eq!(code(&mut net, 3, main_token, 5), Err("token"));
    assert_eq!(code(&mut net, 1, north_token, 5), Err("token"));
    assert_eq!(code(&mut net, 1, TOKEN, 5), Err("token"), "used: it founded the other site");
    assert_eq!(code(&mut net, 3, north_token, 2), Err("invalid"), "a broker of the main site stays there");
    assert_eq!(code(&mut net, 3, north_token, 5), Ok(()));
    assert_eq!(code(&mut net, 1, main_token, 3), Err("invalid"));
}

#[test]
fn what_a_broker_writes_about_another_site_is_refused() {
    let (mut net, _) = two_sites();
    let before = net.digests();
    let last = net.machines[&id(4)].disk.iter().filter(|e| e.header().feed.broker == id(4)).last();
    let (seq, head) = last.map_or((0, Hash::ZERO), |e| (e.header().seq, e.hash()));
    let feed = Feed { broker: id(4), incarnation: net.node(4).incarnation() };
    let key = AuthorKey::from_secret(&secret(4));
    let mut author = Author::new(key, feed, SITE, seq, head, HlcClock::default());
    let event = Event::UserAdded(UserAdded { user: UserId([1; 16]), name: "eve".parse().unwrap() });
    let (wall, epoch) = (Wall(net.time_ms), net.node(1).epoch());
    let stored = author.write(wall, Actor::System, &event, epoch, &Frontier::default(), Vec::new(), None).unwrap();
    net.deliver(1, 4, Message::Push(vec![stored.bytes().clone()]));
    assert_eq!(net.digests(), before);
    assert!(net.alarms.contains(&(id(1), "event.forged")), "{:?}", net.alarms);
}

#[test]
fn administrators_keep_to_their_sites() {
    let (mut net, north) = two_sites();
    let add = |net: &mut Net, name: &str, role, site| {
        let grants = vec![Grant { role, site }];
        let add = Command::AddAdmin { name: name.parse().unwrap(), password_hash: "x".into(), grants };
        match net.command(1, add).unwrap().thing {
            Some(Thing::Admin(admin)) => Actor::Admin(admin),
            other => panic!("no administrator: {other:?}"),
        }
    };
    let operator = add(&mut net, "operator", Role::Operator, Some(north));
    let owner = add(&mut net, "owner", Role::Owner, Some(north));
    let main_owner = add(&mut net, "main-owner", Role::Owner, Some(SITE));
    let farm_operator = add(&mut net, "farm-operator", Role::Operator, None);
    let promoter = add(&mut net, "promoter", Role::Promoter, Some(north));
    net.run(1_000);
    let site = |name: &str| Command::AddSite { name: name.parse().unwrap() };
    let password = |admin: &str| Command::SetPassword { admin: admin.into(), password_hash: "y".into() };
    let set = |key: &str, value: &str| Command::Set { key: key.into(), value: Some(value.into()) };
    let disable = |name: &str| Command::DisableBroker { broker: name.into() };
    let api = |n: u8| Command::CreateApiToken {
        token: TokenId([n; 16]),
        label: "script".parse().unwrap(),
        secret_hash: [0; 32],
        expires: None,
    };
    let revoke = |n: u8| Command::RevokeToken { token: TokenId([n; 16]).to_string() };
    let here = |role: &str| Err(CommandError::Forbidden { needed: role.into() });
    let farm = |role: &str| Err(CommandError::Forbidden { needed: format!("{role} in the whole farm") });
    for (who, actor, target, command, want) in [
        ("operator@north", operator, north, user("u1"), Ok(())),
        ("operator@north", operator, SITE, user("u1"), here("operator")),
        ("operator@north", operator, north, disable("b2"), here("owner")),
        ("operator@north", operator, north, set("seats.queue", "5s"), Ok(())),
        ("operator@north", operator, SITE, set("seats.queue", "5s"), here("operator")),
        ("operator@north", operator, north, set("tokens.life", "2h"), farm("owner")),
        ("operator@north", operator, north, api(70), Ok(())),
        ("operator@north", operator, SITE, password("operator"), Ok(())),
        ("operator@north", operator, north, password("owner"), farm("owner")),
        ("owner@north", owner, north, disable("b2"), Ok(())),
        ("owner@north", owner, SITE, disable("b2"), here("owner")),
        ("owner@north", owner, SITE, promote("b2"), here("owner")),
        ("owner@north", owner, north, admin("mine"), farm("owner")),
        ("owner@north", owner, north, site("mine"), farm("owner")),
        ("owner@north", owner, north, revoke(70), farm("operator")),
        ("owner@north", owner, SITE, broker_token(TokenId([71; 16]), 1), here("owner")),
        ("owner@main", main_owner, SITE, disable("b2"), Ok(())),
        ("owner@main", main_owner, north, user("u2"), here("operator")),
        ("owner@main", main_owner, SITE, admin("mine"), farm("owner")),
        ("owner@main", main_owner, SITE, set("tokens.life", "2h"), farm("owner")),
        ("owner@main", main_owner, SITE, open(TokenId([72; 16])), farm("owner")),
        ("operator", farm_operator, north, user("u3"), Ok(())),
        ("operator", farm_operator, SITE, user("u3"), Ok(())),
        ("operator", farm_operator, SITE, revoke(70), Ok(())),
        ("promoter@north", promoter, SITE, force("b2", "b1"), here("promoter")),
        ("promoter@north", promoter, north, user("u4"), here("operator")),
    ] {
        for at in [1, 3] {
            let got = net.command_in(at, target, actor, command.clone()).map(|_| ());
            let repeated = matches!(&got, Err(CommandError::Exists { .. }));
            assert!(got == want || (at == 3 && want == Ok(()) && repeated), "{who} at {at}: {command:?}: {got:?}");
        }
    }
}
