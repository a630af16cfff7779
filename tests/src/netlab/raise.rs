//! Bringing a farm up, as an administrator would: begin it with one broker, let everybody else join with a token.

use std::path::PathBuf;

use anyhow::{Context, Result};
use hostler_wire::{KeyFile, MemberKey};
use serde_json::{Value, json};

use super::farm::{NetFarm, STARTS_WITHIN};
use super::net::Net;
use super::rest::Rest;
use crate::farm::{Cli, Member, program};
use crate::wait;

/// The program of the demo's session hosts.
const DEMO_PROGRAM: &str = "HOSTLER_DEMO_BIN";
/// Numbers of addresses: the administrator's, of the first broker, of the gateway, of the first host, of a
/// broker's copy.
const ADMIN: u8 = 9;
const FIRST_BROKER: u8 = 11;
const GATEWAY: u8 = 21;
const FIRST_HOST: u8 = 31;
const TWIN: u8 = 41;
/// The most sessions of a host, unless said otherwise.
const ROOM: u32 = 1_000;
/// Logons at the same time on one host: its limit is not what is tested here.
const LOGON_SLOTS: u32 = 1_000_000;
/// What must be otherwise where all clients come from one address, to hosts that have just started.
const SETTINGS: [(&str, &str); 2] = [("hosts.slow_start", "0s"), ("open_door.per_address", "1000000")];
/// Clients of one address at the gateway.
const CONNECTIONS: u32 = 4_096;

/// What a farm has: brokers b1, b2, …; a gateway gw1 and hosts h1, h2, … where there are any.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// 1 to 9.
    pub brokers: u8,
    /// With hosts comes a gateway.
    pub hosts: u8,
    /// Sessions that each host takes.
    pub room: u32,
    /// Whether brokers have the same keys in every run, and with them the same users. Keys of chance, if not.
    pub same_keys: bool,
}

impl Plan {
    /// With so many brokers and hosts.
    pub fn new(brokers: u8, hosts: u8) -> Self {
        Self { brokers, hosts, room: ROOM, same_keys: false }
    }
}

/// A farm that runs, and whose members have found each other.
pub(super) fn raise(plan: Plan) -> Result<NetFarm> {
    let mut net = Net::new()?;
    let admin = net.add("admin", ADMIN)?;
    let cli = Cli::new(&net.folder().join("login"))?.inside(&admin);
    let mut first = new_broker(&mut net, 1)?;
    if plan.same_keys {
        give_key(&first, 1)?;
    }
    let made = cli.inside(&first_space(&first)?).json(&first.with(&["init", "--name", "b1", "--admin", "admin"]))?;
    let password = made["password"].as_str().context("init tells no password")?.to_owned();
    first.run()?;
    let mut rest = Rest::from(&admin)?;
    wait::until("a logon", STARTS_WITHIN, || Ok(rest.log_in(first.ip(), "admin", &password).ok()))?;
    let mut cli = cli;
    cli.set_password(password);
    let mut farm = NetFarm::new(net, admin, cli, rest, first);
    for number in 2..=plan.brokers {
        let broker = new_broker(&mut farm.net, number)?;
        if plan.same_keys {
            give_key(&broker, number)?;
        }
        farm.take_in(broker)?;
    }
    if plan.hosts > 0 {
        for (setting, value) in SETTINGS {
            farm.rest.put(farm.ip("b1")?, &format!("settings/{setting}"), json!({ "value": value }))?;
        }
        farm.add_gateway()?;
    }
    for number in 1..=plan.hosts {
        farm.add_host(number, plan.room)?;
    }
    farm.wait_until_whole()?;
    // By this the command line learns where all brokers are.
    let address = farm.ip("b1")?.to_string();
    farm.cli.run(&["login", "--broker", &address, "--yes", "--name", "admin"])?;
    Ok(farm)
}

impl NetFarm {
    /// One more broker, which runs.
    pub fn add_broker(&mut self, number: u8) -> Result<()> {
        let broker = new_broker(&mut self.net, number)?;
        self.take_in(broker)
    }

    /// A broker whose disk was emptied joins with a token, under its old name.
    pub fn join_emptied(&mut self, name: &str) -> Result<()> {
        let at = self.members.iter().position(|m| m.name() == name).with_context(|| format!("there is no {name}"))?;
        let broker = self.members.remove(at);
        self.take_in(broker)
    }

    /// A second process from a copy of a broker's data, at another address and under another name for the lab.
    pub fn begin_twin(&mut self, original: &str, name: &str) -> Result<()> {
        let copy = self.copy_data(original)?;
        let space = self.net.add(name, TWIN)?;
        let ip = space.ip();
        let section = format!("[broker]\naddress = \"{ip}\"\nlisten = \"{ip}\"\n");
        let folder = self.net.folder().join(name);
        let mut twin = Member::new(name, "broker", ip, folder, &section)?.in_space(&space);
        std::fs::create_dir_all(twin.data())?;
        copy.restore(&twin.data())?;
        twin.run()?;
        self.members.push(twin);
        Ok(())
    }

    fn take_in(&mut self, mut broker: Member) -> Result<()> {
        self.join(&broker, "broker")?;
        broker.run()?;
        self.members.push(broker);
        Ok(())
    }

    fn add_gateway(&mut self) -> Result<()> {
        let space = self.net.add("gw1", GATEWAY)?;
        let ip = space.ip();
        let section = format!(
            "[gateway]\naddress = \"{ip}:3389\"\nlisten = [\"{ip}:3389\"]\nconnections_per_address = {CONNECTIONS}\n"
        );
        let folder = self.net.folder().join("gw1");
        let mut gateway = Member::new("gw1", "gateway", ip, folder, &section)?.in_space(&space);
        self.join(&gateway, "gateway")?;
        gateway.run()?;
        self.members.push(gateway);
        Ok(())
    }

    /// A small RDP host of the demo, with an agent inside. It lets in everybody whom it was told of.
    fn add_host(&mut self, number: u8, room: u32) -> Result<()> {
        let name = format!("h{number}");
        let space = self.net.add(&name, FIRST_HOST + number - 1)?;
        let (ip, folder) = (space.ip(), self.net.folder().join(&name));
        let section = format!("[agent]\naddress = \"{ip}:3389\"\n");
        let host = Member::new(&name, "agent", ip, folder.clone(), &section)?.in_space(&space);
        self.join(&host, "agent")?;
        let file = folder.join("host.toml");
        let data = folder.join("data");
        let text = format!(
            "name = \"{name}\"\nlisten = \"{ip}:3389\"\ndata_dir = \"{}\"\nhard_cap = {room}\nlogon_slots = {LOGON_SLOTS}\n",
            data.display()
        );
        std::fs::write(&file, text)?;
        let file = file.to_str().context("the folder's name is no text")?.to_owned();
        let mut host = host.run_by(demo()?, &["host", "--config", &file]);
        host.run()?;
        self.members.push(host);
        Ok(())
    }

    /// Makes a member of what has a configuration, with a token of any broker that gives one.
    pub fn join(&self, member: &Member, role: &str) -> Result<Value> {
        let token = self.rest.post(self.ip("b1")?, "tokens", json!({ "role": role }))?;
        let token = token["token"].as_str().context("no token came back")?.to_owned();
        let space = member.space().context("the member has no network")?;
        self.cli.inside(space).json(&member.with(&["join", &token, "--name", member.name()]))
    }
}

impl NetFarm {
    /// A broker that was removed joins again, with the data that it has; it may run meanwhile.
    pub fn join_again(&self, name: &str) -> Result<Value> {
        let member = self.members.iter().find(|m| m.name() == name).with_context(|| format!("there is no {name}"))?;
        self.join(member, "broker")
    }
}

fn first_space(member: &Member) -> Result<super::space::Space> {
    member.space().cloned().context("the first broker has no network")
}

pub(super) fn new_broker(net: &mut Net, number: u8) -> Result<Member> {
    let name = format!("b{number}");
    let space = net.add(&name, FIRST_BROKER + number - 1)?;
    let ip = space.ip();
    let section = format!("[broker]\naddress = \"{ip}\"\nlisten = \"{ip}\"\n");
    let folder = net.folder().join(&name);
    Ok(Member::new(&name, "broker", ip, folder, &section)?.in_space(&space))
}

/// The key that this broker always has; one that is there before a member begins is used.
fn give_key(broker: &Member, number: u8) -> Result<()> {
    std::fs::create_dir_all(broker.data())?;
    Ok(KeyFile::at(broker.data().join("key")).create(&MemberKey::from_seed(&[number; 32]))?)
}

/// Where xtask says that it is, else beside `hostler`.
fn demo() -> Result<PathBuf> {
    match std::env::var_os(DEMO_PROGRAM) {
        Some(path) => Ok(path.into()),
        None => Ok(program()?.with_file_name("hostler-demo")),
    }
}
