//! A farm of real processes: the program `hostler` as brokers, a gateway and agents, and its command line to look after
//! them. Each farm has addresses of its own, on loopback, with the usual ports.
//!
//! What a farm's processes said last is printed when a test fails.

mod cli;
mod ground;
mod knock;
mod member;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

pub use cli::Cli;
pub use ground::Ground;
pub use knock::{Knock, knock};
pub use member::Member;

use crate::lab::{Host, Lab};
use crate::wait;

/// The program under test.
const PROGRAM: &str = "HOSTLER_BIN";
/// How long a process may take until it works; a second, where the machine has nothing else to do.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Brokers are at these numbers and on.
const FIRST_BROKER: u8 = 11;
/// The gateway's number.
const GATEWAY: u8 = 21;

/// Where a farm's processes are and write.
#[derive(Clone, Debug)]
pub struct Place {
    /// For everything that they write.
    pub folder: PathBuf,
    /// The address with the number 0; the others follow.
    pub first_ip: Ipv4Addr,
}

impl Place {
    /// The address with this number.
    pub fn ip(&self, number: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.first_ip.octets();
        Ipv4Addr::new(a, b, c, number)
    }

    /// In a lab, beside its hosts.
    pub fn in_lab(lab: &Lab) -> Self {
        Self { folder: lab.folder().join("farm"), first_ip: lab.ip(0) }
    }
}

/// A farm. Dropping it kills all its processes.
#[derive(Debug)]
pub struct Farm {
    place: Place,
    /// Where the first broker is among the place's addresses.
    first: u8,
    /// The command line, logged in.
    pub cli: Cli,
    brokers: Vec<Member>,
    gateway: Option<Member>,
    agents: Vec<Member>,
}

impl Farm {
    /// A farm with one broker, which runs.
    pub fn begin(place: Place) -> Result<Self> {
        Self::begin_at(place, FIRST_BROKER)
    }

    /// The same, for a place with several farms: the brokers have the addresses from `first` on.
    pub fn begin_at(place: Place, first: u8) -> Result<Self> {
        let cli = Cli::new(&place.folder.join("login"))?;
        let mut farm = Self { place, first, cli, brokers: Vec::new(), gateway: None, agents: Vec::new() };
        let mut broker = farm.new_broker("b1")?;
        let made = farm.cli.json(&broker.with(&["init", "--name", "b1", "--admin", "admin"]))?;
        let password = made["password"].as_str().context("init tells no password")?.to_owned();
        broker.run()?;
        farm.brokers.push(broker);
        farm.cli.set_password(password);
        farm.log_in()?;
        Ok(farm)
    }

    /// Three brokers, a gateway, and an agent on each of the hosts, all linked. Each host takes two sessions.
    pub fn on_hosts(lab: &Lab, hosts: &[Host]) -> Result<Self> {
        let mut farm = Self::begin(Place::in_lab(lab))?;
        farm.add_broker()?;
        farm.add_broker()?;
        farm.add_gateway()?;
        for host in hosts {
            farm.add_agent(host)?;
        }
        farm.log_in()?;
        farm.wait_until_whole()?;
        Ok(farm)
    }

    /// Logs in at any broker that runs, and by that learns where all are.
    pub fn log_in(&mut self) -> Result<()> {
        let running = self.brokers.iter_mut().filter_map(|b| b.is_running().then_some(b.ip()));
        let address = running.last().context("no broker runs")?.to_string();
        let args = ["login", "--broker", &address, "--yes", "--name", "admin"];
        wait::until("a logon", STARTS_WITHIN, || Ok(self.cli.run(&args).ok())).map(|_| ())
    }

    /// Another broker that runs.
    pub fn add_broker(&mut self) -> Result<()> {
        let name = format!("b{}", self.brokers.len() + 1);
        let mut broker = self.new_broker(&name)?;
        self.join(&broker, "broker")?;
        broker.run()?;
        self.brokers.push(broker);
        Ok(())
    }

    /// A gateway that runs.
    pub fn add_gateway(&mut self) -> Result<()> {
        let ip = self.place.ip(GATEWAY);
        let section = format!("[gateway]\naddress = \"{ip}:3389\"\nlisten = [\"{ip}:3389\"]\n");
        let mut gateway = Member::new("gw1", "gateway", ip, self.place.folder.join("gw1"), &section)?;
        self.join(&gateway, "gateway")?;
        gateway.run()?;
        self.gateway = Some(gateway);
        Ok(())
    }

    /// An agent that runs on a host, under the host's name. The host takes two sessions: with more, where somebody goes
    /// would hang on the load of the machine, which all hosts of a lab share and see at different moments.
    pub fn add_agent(&mut self, host: &Host) -> Result<()> {
        let section = format!(
            "[agent]\naddress = \"{}\"\nconnect_from = \"{}\"\nhard_cap = 2\nlogon_slots = 2\n",
            host.address(),
            host.ip()
        );
        let folder = host.data().join("hostler");
        let mut agent = Member::new(&host.name(), "agent", host.ip(), folder, &section)?;
        self.join(&agent, "agent")?;
        agent.run_inside(host)?;
        self.agents.push(agent);
        Ok(())
    }

    /// A token to join with.
    pub fn token(&self, role: &str) -> Result<String> {
        Ok(self.cli.run(&["token", "create", role])?.trim().to_owned())
    }

    /// Makes a member of what has a configuration.
    pub fn join(&self, member: &Member, role: &str) -> Result<()> {
        let token = self.token(role)?;
        self.cli.run(&member.with(&["join", &token, "--name", member.name()])).map(|_| ())
    }

    /// A broker by its number, which is from 1 on.
    pub fn broker(&mut self, number: usize) -> Result<&mut Member> {
        self.brokers.get_mut(number - 1).with_context(|| format!("there is no broker {number}"))
    }

    /// A broker by its name.
    pub fn broker_named(&mut self, name: &str) -> Result<&mut Member> {
        self.brokers.iter_mut().find(|b| b.name() == name).with_context(|| format!("there is no broker {name}"))
    }

    /// All brokers.
    pub fn brokers(&mut self) -> &mut [Member] {
        &mut self.brokers
    }

    /// The gateway.
    pub fn gateway(&mut self) -> Result<&mut Member> {
        self.gateway.as_mut().context("there is no gateway")
    }

    /// Where clients find the gateway.
    pub fn door(&self) -> SocketAddr {
        SocketAddr::from((self.place.ip(GATEWAY), 3389))
    }

    /// The status as one broker tells it.
    pub fn status_at(&self, broker: &Member) -> Result<Value> {
        self.cli.json(&["status", "--broker", &broker.ip().to_string()])
    }

    /// Waits until every broker that runs has links to all others that run, to all agents and to the gateway, and all
    /// have the same views. Gives the digest.
    pub fn wait_until_whole(&mut self) -> Result<String> {
        let mut last = String::new();
        let whole = wait::until("the farm is whole", STARTS_WITHIN, || {
            let running = self.brokers.iter_mut().map(Member::is_running).filter(|r| *r).count();
            let wanted = [running, self.agents.len(), usize::from(self.gateway.is_some())];
            let mut digests = BTreeSet::new();
            for at in 0..self.brokers.len() {
                if !self.brokers[at].is_running() {
                    continue;
                }
                let status = match self.status_at(&self.brokers[at]) {
                    Ok(status) => status,
                    Err(error) => {
                        last = format!("{error:#}");
                        return Ok(None);
                    }
                };
                last = status.to_string();
                let up = |what: &str| usize::try_from(status[what]["up"].as_u64().unwrap_or(0)).unwrap_or(0);
                if [up("brokers"), up("hosts"), up("gateways")] != wanted {
                    return Ok(None);
                }
                digests.insert(text(&status, "digest")?);
            }
            Ok(if digests.len() == 1 { digests.pop_first() } else { None })
        });
        whole.map_err(|error| anyhow!("{error}; the last status: {last}"))
    }

    /// Waits until the gateway has a link to some broker.
    pub fn wait_for_gateway(&self) -> Result<()> {
        wait::until_true("the gateway has a link to a broker", STARTS_WITHIN, || {
            Ok(self.brokers.iter().filter_map(|b| self.status_at(b).ok()).any(|status| status["gateways"]["up"] == 1))
        })
    }

    /// The sessions, by user.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        let list = self.cli.json(&["session", "list"])?;
        list.as_array().context("the sessions are no list")?.iter().map(Session::read).collect()
    }

    /// Waits until there is exactly one session of a user, and it is as wanted.
    pub fn wait_for_session(&self, user: &str, within: Duration, wanted: impl Fn(&Session) -> bool) -> Result<Session> {
        let mut last = Vec::new();
        let found = wait::until(&format!("one session of {user}, as wanted"), within, || {
            last = self.sessions()?;
            let mine: Vec<&Session> = last.iter().filter(|s| s.user == user).collect();
            Ok(match mine.as_slice() {
                [one] if wanted(one) => Some((*one).clone()),
                _ => None,
            })
        });
        found.map_err(|error| anyhow!("{error}; the sessions: {last:?}"))
    }

    /// Waits until a user has no session.
    pub fn wait_for_no_session(&self, user: &str, within: Duration) -> Result<()> {
        wait::until_true(&format!("{user} has no session"), within, || {
            Ok(self.sessions()?.iter().all(|session| session.user != user))
        })
    }

    /// A host's state in one word.
    pub fn host_state(&self, name: &str) -> Result<String> {
        text(&self.cli.json(&["host", "show", name])?, "state")
    }

    /// The last lines of all processes.
    pub fn tails(&self) -> String {
        let members = self.brokers.iter().chain(&self.gateway).chain(&self.agents);
        members.map(|member| format!("{}\n\n", member.tail())).collect()
    }

    fn new_broker(&self, name: &str) -> Result<Member> {
        let number = u8::try_from(self.brokers.len())? + self.first;
        let ip = self.place.ip(number);
        let section = format!("[broker]\naddress = \"{ip}\"\nlisten = \"{ip}\"\n");
        Member::new(name, "broker", ip, self.place.folder.join(format!("{name}-{number}")), &section)
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tails());
        }
    }
}

/// A session, as `hostler session list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// `active` or `disconnected`.
    pub state: String,
    /// The item's name, where it began with a seat.
    pub item: Option<String>,
}

impl Session {
    fn read(row: &Value) -> Result<Self> {
        Ok(Self {
            id: text(row, "id")?,
            user: text(row, "user")?,
            host: text(&row["host"], "name")?,
            state: text(row, "state")?,
            item: row["item"]["name"].as_str().map(str::to_owned),
        })
    }
}

/// A text in an answer.
pub fn text(value: &Value, key: &str) -> Result<String> {
    Ok(value[key].as_str().with_context(|| format!("there is no text {key} in {value}"))?.to_owned())
}

/// The program under test: `HOSTLER_BIN`, else the one that was built beside the tests.
pub fn program() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os(PROGRAM) {
        return Ok(program.into());
    }
    let own = std::env::current_exe()?;
    // The test is target/debug/deps/test-1234.
    let program = own.parent().and_then(Path::parent).map(|built| built.join("hostler")).unwrap_or_default();
    ensure!(program.exists(), "build the program first (cargo build -p hostler-cli), or set {}", PROGRAM);
    Ok(program)
}
