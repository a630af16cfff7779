//! A farm in networks of its own, and what can be done to it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use super::copy::{DataCopy, wipe};
use super::feeds::Feeds;
use super::logons::Logons;
use super::net::Net;
use super::raise::{Plan, raise};
use super::rest::Rest;
use super::space::Space;
use crate::farm::{Cli, Knock, Member, knock, text};
use crate::wait;

/// How long members may take until they work and know each other; seconds, where the machine has nothing else to do.
pub(super) const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Where the gateway and the hosts take clients.
const RDP_PORT: u16 = 3389;

/// A farm. Dropping it kills all its processes, then removes their networks and folders.
#[derive(Debug)]
pub struct NetFarm {
    /// The command line, run inside the administrator's network, which no cut touches.
    pub cli: Cli,
    /// The brokers' REST, asked from there.
    pub rest: Rest,
    pub(super) members: Vec<Member>,
    admin: Space,
    copies: usize,
    /// Last: what runs is inside.
    pub(super) net: Net,
}

impl NetFarm {
    /// Brings one up.
    pub fn begin(plan: Plan) -> Result<Self> {
        raise(plan)
    }

    pub(super) fn new(net: Net, admin: Space, cli: Cli, rest: Rest, first: Member) -> Self {
        Self { cli, rest, members: vec![first], admin, copies: 0, net }
    }

    /// A member by its name.
    pub fn member(&mut self, name: &str) -> Result<&mut Member> {
        self.members.iter_mut().find(|m| m.name() == name).with_context(|| format!("there is no {name}"))
    }

    /// A member's address.
    pub fn ip(&self, name: &str) -> Result<Ipv4Addr> {
        self.members.iter().find(|m| m.name() == name).map(Member::ip).with_context(|| format!("there is no {name}"))
    }

    /// The names of all members whose names begin so: "b" for brokers, "h" for hosts, "" for all.
    pub fn names(&self, begin: &str) -> Vec<String> {
        self.members.iter().map(|m| m.name().to_owned()).filter(|name| name.starts_with(begin)).collect()
    }

    /// The brokers that run.
    pub fn running_brokers(&mut self) -> Vec<String> {
        let running = self.members.iter_mut().filter_map(|m| m.is_running().then(|| m.name().to_owned()));
        running.filter(|name| name.starts_with('b')).collect()
    }

    /// Cuts members off from others, in both directions. The administrator reaches everybody.
    pub fn cut(&self, some: &[&str], others: &[&str]) -> Result<()> {
        self.cut_one_way(some, others)?;
        self.cut_one_way(others, some)
    }

    /// Nothing that the first send reaches the others any more.
    pub fn cut_one_way(&self, from: &[&str], to: &[&str]) -> Result<()> {
        self.net.cuts().add(&self.ips(from)?, &self.ips(to)?)
    }

    /// Cuts members off from all others.
    pub fn cut_off(&self, some: &[&str]) -> Result<()> {
        let all = self.names("");
        let others: Vec<&str> = all.iter().map(String::as_str).filter(|name| !some.contains(name)).collect();
        self.cut(some, &others)
    }

    /// Undoes a cut between these, and leaves others.
    pub fn mend(&self, some: &[&str], others: &[&str]) -> Result<()> {
        let (some, others) = (self.ips(some)?, self.ips(others)?);
        self.net.cuts().remove(&some, &others)?;
        self.net.cuts().remove(&others, &some)
    }

    /// Undoes all cuts.
    pub fn heal(&self) -> Result<()> {
        self.net.cuts().clear()
    }

    fn ips(&self, names: &[&str]) -> Result<Vec<Ipv4Addr>> {
        names.iter().map(|name| self.ip(name)).collect()
    }

    /// Copies a member's data as they are on its disk at this moment, as a snapshot of its machine would.
    pub fn copy_data(&mut self, name: &str) -> Result<DataCopy> {
        self.copies += 1;
        let to = self.net.folder().join(format!("copy-{}-{name}", self.copies));
        let member = self.member(name)?;
        // One that stands still already shall go on doing so.
        let running = member.is_running() && !member.is_paused();
        if running {
            member.pause()?;
        }
        let copy = DataCopy::take(&member.data(), to);
        if running {
            member.resume()?;
        }
        copy
    }

    /// Puts a copy in the place of a member's data. It must not run.
    pub fn restore_data(&mut self, name: &str, copy: &DataCopy) -> Result<()> {
        copy.restore(&self.stopped(name)?.data())
    }

    /// Empties a member's disk. It must not run.
    pub fn wipe_data(&mut self, name: &str) -> Result<()> {
        wipe(&self.stopped(name)?.data())
    }

    /// What is in a broker's log. It must not run.
    pub fn feeds(&mut self, name: &str) -> Result<Feeds> {
        Feeds::read(&self.stopped(name)?.data())
    }

    fn stopped(&mut self, name: &str) -> Result<&mut Member> {
        let member = self.member(name)?;
        ensure!(!member.is_running(), "{name} runs");
        Ok(member)
    }

    /// What a broker answers to a question.
    pub fn get(&self, broker: &str, path: &str) -> Result<Value> {
        self.rest.get(self.ip(broker)?, path)
    }

    /// A broker's digest of its views.
    pub fn digest(&self, broker: &str) -> Result<String> {
        text(&self.get(broker, "status")?, "digest")
    }

    /// The codes of a broker's alarms.
    pub fn alarms(&self, broker: &str) -> Result<Vec<String>> {
        let status = self.get(broker, "status")?;
        let alarms = status["alarms"].as_array().context("the status has no alarms")?;
        alarms.iter().map(|alarm| text(alarm, "code")).collect()
    }

    /// The line about a broker in the list that another one gives.
    pub fn row(&self, asked: &str, about: &str) -> Result<Value> {
        let rows = self.get(asked, "brokers")?;
        let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["name"] == about));
        row.cloned().with_context(|| format!("{asked} does not list {about}: {rows}"))
    }

    /// The master, as a broker sees it.
    pub fn master(&self, asked: &str) -> Result<Option<String>> {
        Ok(self.get(asked, "status")?["master"]["name"].as_str().map(str::to_owned))
    }

    /// Waits until these brokers have the same views; gives how long it took, and the digest.
    pub fn wait_for_equal_digests(&self, brokers: &[String], within: Duration) -> Result<(Duration, String)> {
        let (begun, mut last) = (Instant::now(), Vec::new());
        let equal = wait::until("equal digests", within, || {
            last = brokers.iter().map(|name| self.digest(name)).collect::<Vec<_>>();
            let known: BTreeSet<&String> = last.iter().flatten().collect();
            let all = last.iter().all(Result::is_ok) && known.len() == 1;
            Ok(known.first().filter(|_| all).map(|digest| (*digest).clone()))
        });
        let digest = equal.map_err(|error| anyhow!("{error}; the last ones of {brokers:?}: {last:?}"))?;
        Ok((begun.elapsed(), digest))
    }

    /// Waits until every broker that runs has links to all others that run, to all agents and to the gateway, and all
    /// have the same views. Gives the digest.
    pub fn wait_until_whole(&mut self) -> Result<String> {
        self.wait_until_whole_within(STARTS_WITHIN)
    }

    /// The same with another patience.
    pub fn wait_until_whole_within(&mut self, within: Duration) -> Result<String> {
        let brokers = self.running_brokers();
        let wanted = [brokers.len(), self.names("h").len(), self.names("gw").len()];
        let mut last = String::new();
        let whole = wait::until("the farm is whole", within, || {
            let mut digests = BTreeSet::new();
            for broker in &brokers {
                let status = match self.get(broker, "status") {
                    Ok(status) => status,
                    Err(error) => {
                        last = format!("{broker}: {error:#}");
                        return Ok(None);
                    }
                };
                last = status.to_string();
                let up = |what: &str| status[what]["up"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                if [up("brokers"), up("hosts"), up("gateways")] != wanted {
                    return Ok(None);
                }
                digests.insert(text(&status, "digest")?);
            }
            Ok(if digests.len() == 1 { digests.pop_first() } else { None })
        });
        whole.map_err(|error| anyhow!("{error}; the last status: {last}"))
    }

    /// Comes to the gateway as a user with any RDP client, up to the host's first answer.
    pub fn knock(&self, user: &str, within: Duration) -> Result<Knock> {
        let door = SocketAddr::from((self.ip("gw1")?, RDP_PORT));
        self.admin.run(|| knock(door, &format!("Cookie: mstshash={user}"), within))
    }

    /// A signed ticket for a user's desktop, from this broker.
    pub fn ticket(&self, broker: &str, user: &str) -> Result<String> {
        let address = self.ip(broker)?.to_string();
        let args = ["connect", "Desktop", "--user", user, "--broker", &address, "--out", "-"];
        let file = self.cli.run(&args)?;
        let found = file.lines().find_map(|line| line.strip_prefix("loadbalanceinfo:s:"));
        Ok(found.context("the file has no ticket")?.trim().to_owned())
    }

    /// Comes to the gateway with a ticket.
    pub fn knock_with(&self, ticket: &str, within: Duration) -> Result<Knock> {
        let door = SocketAddr::from((self.ip("gw1")?, RDP_PORT));
        self.admin.run(|| knock(door, ticket, within))
    }

    /// One more network on the same bridge, for what is no member yet.
    pub fn add_space(&mut self, name: &str, number: u8) -> Result<Space> {
        self.net.add(name, number)
    }

    /// For everything that the run writes.
    pub fn folder(&self) -> &Path {
        self.net.folder()
    }

    /// Lets the users come to the gateway, one after another and again, at a steady pace.
    pub fn logons(&self, users: &[String], every: Duration) -> Result<Logons> {
        let door = SocketAddr::from((self.ip("gw1")?, RDP_PORT));
        Ok(Logons::begin(&self.admin, door, users.to_vec(), every))
    }

    /// How many logons a broker has decided about since it was started last, by what it has said itself.
    pub fn decided(&mut self, broker: &str) -> Result<usize> {
        let seated = |line: &&str| line.contains("actors::site: seated ") || line.contains("actors::site: not seated ");
        Ok(self.member(broker)?.log().lines().filter(seated).count())
    }

    /// The administrator's network, for what a test does there itself.
    pub fn admin(&self) -> &Space {
        &self.admin
    }

    /// The last lines of all processes.
    pub fn tails(&self) -> String {
        self.members.iter().map(|member| format!("{}\n\n", member.tail())).collect()
    }
}

impl Drop for NetFarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tails());
        }
    }
}
