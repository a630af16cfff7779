//! Bringing the farm up from nothing, as an administrator would: begin it with one broker, let everybody else join with a
//! token, publish something, and add users.

use super::folder::Folder;
use super::hostler::{Hostler, Running};
use super::members::Members;
use super::options::FarmOptions;
use super::plan::{APPLICATION, APPLICATION_USERS, Place, Plan, USERS};
use super::process::Process;
use super::progress::Progress;
use super::rest::{Rest, RestError};
use super::rows::{BrokerRow, Count, HostRow, Made, Status, TokenReply};
use super::table::table;
use anyhow::{Context, Result, bail};
use hostler_model::{MemberRole, ports};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the first broker may take until it answers.
const FIRST_ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long the members may take to find each other.
const MEETING_WAIT: Duration = Duration::from_secs(60);
/// How often it is looked whether something has happened.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Policies of every demo farm: users of a host that was killed shall soon get a new session, to be seen doing so.
const POLICIES: [(&str, &str); 1] = [("hosts.silent_keep", "10s")];
/// Policies for simulated users: they share one address, and come all at once in the beginning, while the hosts still
/// start slowly.
const LOAD_POLICIES: [(&str, &str); 2] = [("open_door.per_address", "1000000"), ("seats.queue", "10s")];

/// A farm that runs. Dropping it ends it, and removes its folder.
pub(super) struct Farm {
    pub(super) plan: Plan,
    pub(super) rest: Rest,
    pub(super) hostler: Hostler,
    /// The first administrator's name and password.
    pub(super) admin: (String, String),
    /// The fingerprint of the first broker's key.
    pub(super) fingerprint: String,
    /// Before the folder: what is still running may write there.
    pub(super) members: Members,
    pub(super) folder: Folder,
}

/// What is needed while the farm comes up.
struct Builder<'a> {
    plan: Plan,
    hostler: Hostler,
    members: Members,
    folder: Folder,
    progress: &'a Progress,
}

impl Farm {
    /// Brings a farm up. It is ready to be used then.
    pub(super) async fn raise(options: &FarmOptions, progress: &Progress) -> Result<Self> {
        let hostler = Hostler::find()?;
        let load = options.load.unwrap_or(0);
        let plan = Plan::new(options.brokers, options.hosts, load);
        plan.probe()?;
        let folder = Folder::create(options.keep)?;
        if options.keep {
            progress.say(&format!("everything is kept in {}", folder.path().display()));
        }
        let mut builder = Builder { plan, hostler, members: Members::default(), folder, progress };
        let (mut rest, made) = builder.first_broker().await?;
        let fingerprint = builder.other_brokers(&mut rest).await?;
        builder.gateway_and_hosts(&rest).await?;
        builder.publish(&rest, load).await?;
        builder.all_meet(&rest).await?;
        let Builder { plan, hostler, members, folder, .. } = builder;
        progress.say(&format!("the farm is up: it took {}", progress.so_far()));
        Ok(Self { plan, rest, hostler, admin: (made.admin, made.password), fingerprint, members, folder })
    }

    /// A table of the processes.
    pub(super) fn what_runs_where(&self) -> String {
        let places = self.plan.brokers.iter().chain([&self.plan.gateway]).chain(&self.plan.hosts);
        let rows: Vec<Vec<String>> = places.map(|place| self.row(place)).collect();
        table(&["what", "name", "pid", "address", "serves"], &rows)
    }

    fn row(&self, place: &Place) -> Vec<String> {
        let pid = self.members.pid(&place.name).map_or_else(|| "ended".to_string(), |pid| pid.to_string());
        let (what, serves) = match place.role {
            MemberRole::Broker => (
                "broker",
                format!(
                    "REST on TCP {}; UDP {} (joining), {} (gateways), {} (agents), {} (brokers)",
                    ports::ACCESS,
                    ports::JOIN,
                    ports::ACCESS,
                    ports::AGENT,
                    ports::PEER
                ),
            ),
            MemberRole::Gateway => ("gateway", format!("RDP for everybody, on TCP {}", ports::RDP)),
            MemberRole::Agent => ("session host", format!("RDP behind the gateway, on TCP {}", ports::RDP)),
        };
        vec![what.to_string(), place.name.clone(), pid, place.ip.to_string(), serves]
    }
}

impl Builder<'_> {
    async fn first_broker(&mut self) -> Result<(Rest, Made)> {
        let first = self.plan.brokers.first().context("a farm has at least one broker")?.clone();
        let config = self.folder.configure(&first)?;
        let arguments = ["init", "--farm", "demo", "--name", &first.name];
        let made: Made = self.hostler.begin("hostler init", &config, &arguments, "")?.answer().await?;
        self.start(&first, self.hostler.command(&config, &["broker", "run"]))?;
        let mut rest = Rest::new(made.broker, first.at(ports::ACCESS))?;
        let what = format!("an answer of {}", first.name);
        until(&mut self.members, &what, FIRST_ANSWER_WAIT, async || {
            match rest.log_in(&made.admin, &made.password).await {
                Ok(()) => Ok(Ok(())),
                // Started, but not ready yet.
                Err(error @ RestError::NoAnswer { .. }) => Ok(Err(error.to_string())),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
        self.progress.say(&format!("{} has begun the farm and answers", first.name));
        Ok((rest, made))
    }

    /// Lets the other brokers join. Gives the fingerprint of the first one's key.
    async fn other_brokers(&mut self, rest: &mut Rest) -> Result<String> {
        for broker in self.plan.brokers.clone().iter().skip(1) {
            let (config, joining) = self.join(rest, broker).await?;
            joining.answer::<Value>().await?;
            self.start(broker, self.hostler.command(&config, &["broker", "run"]))?;
            let rows: Vec<BrokerRow> = rest.get("/brokers").await?;
            let known = rows.into_iter().find(|row| row.name == broker.name);
            let known = known.with_context(|| format!("{} has joined but is not listed", broker.name))?;
            rest.add(known.id, broker.at(ports::ACCESS));
            self.progress.say(&format!("{} has joined", broker.name));
        }
        let rows: Vec<BrokerRow> = rest.get("/brokers").await?;
        Ok(rows.into_iter().next().context("the list of brokers is empty")?.fingerprint)
    }

    async fn gateway_and_hosts(&mut self, rest: &Rest) -> Result<()> {
        let gateway = self.plan.gateway.clone();
        let (config, joining) = self.join(rest, &gateway).await?;
        joining.answer::<Value>().await?;
        self.start(&gateway, self.hostler.command(&config, &["gateway", "run"]))?;
        self.progress.say(&format!("{} has joined", gateway.name));

        let me = std::env::current_exe().context("can't tell where this program is")?;
        let hosts = self.plan.hosts.clone();
        let mut joining = Vec::new();
        for host in &hosts {
            joining.push(self.join(rest, host).await?.1);
        }
        for (host, joining) in hosts.iter().zip(joining) {
            joining.answer::<Value>().await?;
            let file = self.folder.configure_host(host, &self.plan)?;
            let mut command = Command::new(&me);
            command.arg("host").arg("--config").arg(file);
            self.start(host, command)?;
        }
        self.progress.say(&format!("{} session hosts have joined", hosts.len()));
        Ok(())
    }

    /// Begins to let a member join.
    async fn join(&self, rest: &Rest, place: &Place) -> Result<(std::path::PathBuf, Running)> {
        let config = self.folder.configure(place)?;
        let asked = rest.post("/tokens", &json!({ "role": place.role })).await;
        let TokenReply { token } = asked.with_context(|| format!("{} gets no token to join with", place.name))?;
        let joining = self.begin_join(&config, place, &token)?;
        Ok((config, joining))
    }

    fn begin_join(&self, config: &Path, place: &Place, token: &str) -> Result<Running> {
        let what = format!("hostler join, for {}", place.name);
        self.hostler.begin(&what, config, &["join", "-", "--name", &place.name], token)
    }

    fn start(&mut self, place: &Place, command: Command) -> Result<()> {
        self.members.add(Process::start(&place.name, command, self.folder.log(place))?);
        Ok(())
    }

    async fn publish(&self, rest: &Rest, load: u16) -> Result<()> {
        for user in USERS.map(ToString::to_string).into_iter().chain((1..=load).map(simulated)) {
            rest.post::<Value>("/users", &json!({ "name": user })).await?;
        }
        let (name, command) = APPLICATION;
        // The desktop for everybody came with the farm.
        let item = json!({ "name": name, "command": command, "users": APPLICATION_USERS });
        rest.post::<Value>("/items", &item).await?;
        let more: &[_] = if load > 0 { &LOAD_POLICIES } else { &[] };
        for (policy, value) in POLICIES.iter().chain(more) {
            rest.put::<Value>(&format!("/settings/{policy}"), &json!({ "value": value })).await?;
        }
        let simulated = if load > 0 { format!(" and {load} simulated ones") } else { String::new() };
        self.progress.say(&format!("users {}{simulated}, items Desktop and {name}", USERS.join(", ")));
        Ok(())
    }

    /// Waits until every broker sees all members, and every host takes users.
    async fn all_meet(&mut self, rest: &Rest) -> Result<()> {
        let want = |total: usize| Count { total, up: total };
        let (brokers, hosts) = (self.plan.brokers.len(), self.plan.hosts.len());
        let wanted = [want(brokers), want(hosts), want(1)];
        until(&mut self.members, "that all members meet", MEETING_WAIT, async || {
            for (broker, place) in self.plan.brokers.iter().enumerate() {
                let seen = match see(rest, broker).await {
                    Ok(seen) => seen,
                    Err(error) => return Ok(Err(error.to_string())),
                };
                if seen.counts != wanted || !seen.not_ready.is_empty() {
                    let [brokers, hosts, gateways] = seen.counts;
                    return Ok(Err(format!(
                        "{} sees {} of {} brokers, {} of {} hosts (not ready: {}) and {} of {} gateways",
                        place.name,
                        brokers.up,
                        brokers.total,
                        hosts.up,
                        hosts.total,
                        if seen.not_ready.is_empty() { "none".to_string() } else { seen.not_ready.join(", ") },
                        gateways.up,
                        gateways.total,
                    )));
                }
            }
            Ok(Ok(()))
        })
        .await
    }
}

/// The name of a simulated user; they are counted from one.
pub(super) fn simulated(number: u16) -> String {
    format!("user{number:03}")
}

struct Seen {
    counts: [Count; 3],
    not_ready: Vec<String>,
}

async fn see(rest: &Rest, broker: usize) -> Result<Seen, RestError> {
    let Status { brokers, hosts, gateways, .. } = rest.get_from(broker, "/status").await?;
    let rows: Vec<HostRow> = rest.get_from(broker, "/hosts").await?;
    let not_ready = rows.into_iter().filter(|row| row.state != "ready");
    let not_ready = not_ready.map(|row| format!("{}: {}", row.name, row.state)).collect();
    Ok(Seen { counts: [brokers, hosts, gateways], not_ready })
}

/// Looks again and again until something has happened: `look` gives it, or says how far things are. Ends early where a
/// member has ended.
pub(super) async fn until<T>(
    members: &mut Members,
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        members.check()?;
        match look().await? {
            Ok(done) => return Ok(done),
            Err(state) if Instant::now() >= deadline => {
                bail!("waited {} s for {what}, in vain: {state}", limit.as_secs())
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting() {
        let mut members = Members::default();
        let mut left = 3;
        let counted = until(&mut members, "three looks", Duration::from_secs(20), async || {
            left -= 1;
            Ok(if left == 0 { Ok("done") } else { Err("more to come".to_string()) })
        });
        assert_eq!(counted.await.unwrap(), "done");
        let never = until(&mut members, "a miracle", Duration::ZERO, async || Ok(Err::<(), _>("no sign".to_string())));
        assert_eq!(never.await.unwrap_err().to_string(), "waited 0 s for a miracle, in vain: no sign");
        let broken = until(&mut members, "more", Duration::from_secs(20), async || {
            Err::<Result<(), _>, _>(anyhow::anyhow!("oh"))
        });
        assert_eq!(broken.await.unwrap_err().to_string(), "oh");
    }

    #[test]
    fn simulated_users() {
        assert_eq!([1, 42, 999].map(simulated), ["user001", "user042", "user999"]);
    }
}
