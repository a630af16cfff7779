//! What a broker needs for a thousand agents with ten sessions each: memory, and CPU while nothing happens.
//!
//! The broker is a process of its own, as shipped. The agents are real ones too, joined and connected, but all of them
//! live in this process, with sessions that only their sources know. Exit code 1 where the broker needs more than
//! [`LIMIT_BYTES`].

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use hostler_agent::sources::{FoundSession, Listing, SessionKind, SessionSource, SessionState, SourceError};
use hostler_agent::{Agent, AgentConfig, AgentHandle};
use hostler_model::{HostId, Name, limits, ports};
use hostler_tests::process::Process;
use hostler_wire::messages::join::{JoinAs, JoinRefusal, JoinRequest, Joined};
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{
    CloseReason, Endpoint, EndpointOptions, JoinToken, MemberKey, Roster, Service, Trust, Typed, exporter, proof,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

/// What the broker may need at most, at any moment, in bytes.
const LIMIT_BYTES: u64 = 300_000_000;
const AGENTS: usize = 1_000;
const SESSIONS_PER_AGENT: usize = 10;
/// The loopback addresses of the broker and of all agents, used by nothing else.
const BROKER: &str = "127.78.0.1";
const AGENTS_FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 78, 0, 2));
/// What is asked of the broker at once. It takes in no more than 16 new members at a time.
const AT_ONCE: usize = 12;
/// How often the agents look at their sessions, in ms: as often as they report, since nothing changes.
const POLL_MS: u64 = limits::REPORT_INTERVAL_MS;
/// How long the broker is watched when everything is connected.
const AT_REST: Duration = Duration::from_secs(20);
/// How often it is looked whether everything is connected, or what the broker needs.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the broker may take to start, a request to be answered, and the broker to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long everything may take.
const WHOLE: Duration = Duration::from_secs(120);
/// Files that this process opens: a socket and a lock for each agent, and what is opened for a moment.
const FILES: u64 = 8 * AGENTS as u64;
/// Threads for the agents' links.
const THREADS: usize = 2;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("memory of a broker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the broker stays below the limit.
fn run() -> Result<bool> {
    allow_files()?;
    let folder = tempfile::Builder::new().prefix("hostler-memory-").tempdir()?;
    let (mut broker, password) = start_broker(folder.path())?;
    // Reqwest brings no cryptography of its own; fails only where there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let measured = runtime
        .block_on(async { timeout(WHOLE, measure(folder.path(), broker.pid(), &password)).await })
        .unwrap_or_else(|_| bail!("not done within {WHOLE:?}"))
        .with_context(|| broker.tail());
    // Agents first: they would try to reach the broker again, and write into the folder.
    runtime.shutdown_timeout(PATIENCE);
    broker.stop(PATIENCE)?;
    folder.close().context("the folder of the benchmark can't be removed")?;
    measured.map(|figures| figures.print())
}

fn start_broker(folder: &Path) -> Result<(Process, String)> {
    let program = program()?;
    let config = folder.join("hostler.toml");
    let hostler = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("--config").arg(&config).args(args);
        command
    };
    let data = folder.join("broker");
    let data = data.to_str().context("the temporary folder's path is not UTF-8")?;
    let init = ["init", "--json", "--name", "broker", "--address", BROKER, "--listen", BROKER, "--data-dir", data];
    let made = hostler(&init).output().with_context(|| format!("can't start {}", program.display()))?;
    ensure!(made.status.success(), "hostler init: {}: {}", made.status, String::from_utf8_lossy(&made.stderr).trim());
    let made: Value = serde_json::from_slice(&made.stdout).context("hostler init printed no JSON")?;
    let password = made["password"].as_str().context("hostler init printed no password")?;
    let broker = Process::start("broker", folder, hostler(&["broker", "run"]))?;
    Ok((broker, password.to_owned()))
}

/// The program named in `HOSTLER_BIN`, or the one beside this benchmark.
fn program() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("HOSTLER_BIN") {
        return Ok(program.into());
    }
    let own = std::env::current_exe()?;
    let program = own.ancestors().nth(2).context("this benchmark lies in no target folder")?.join("hostler");
    ensure!(
        program.exists(),
        "{} is not there: build it with `cargo build --release --package hostler-cli`, or name another in HOSTLER_BIN",
        program.display()
    );
    Ok(program)
}

async fn measure(folder: &Path, broker: u32, password: &str) -> Result<Figures> {
    let rest = Rest::log_in(password).await?;
    let without_agents = Memory::of(broker)?.resident;

    let started = Instant::now();
    let tokens: Vec<JoinToken> = at_once((0..AGENTS).map(|_| rest.agent_token())).try_collect().await?;
    let tokens_took = started.elapsed();

    let started = Instant::now();
    let members: Vec<JoinedAgent> =
        at_once(tokens.into_iter().enumerate().map(|(n, t)| join(n, t))).try_collect().await?;
    let joins_took = started.elapsed();

    let started = Instant::now();
    let agents = members.into_iter().map(|member| member.start(folder));
    let agents: Vec<AgentHandle> = at_once(agents).try_collect().await?;
    loop {
        let status = rest.get("status").await?;
        let (hosts, sessions) = (&status["hosts"]["up"], &status["sessions"]);
        if (hosts.as_u64(), sessions.as_u64()) == (Some(AGENTS as u64), Some((AGENTS * SESSIONS_PER_AGENT) as u64)) {
            break;
        }
        sleep(LOOK_EVERY).await;
    }
    let connecting_took = started.elapsed();

    let cpu_before = cpu_time(broker)?;
    let watched = Instant::now();
    let mut at_rest = 0;
    while watched.elapsed() < AT_REST {
        sleep(LOOK_EVERY).await;
        at_rest = Memory::of(broker)?.resident.max(at_rest);
    }
    let (cpu, watched) = (cpu_time(broker)?.saturating_sub(cpu_before), watched.elapsed());

    // All of them known one by one, and still there after the rest.
    let listed = rest.get("sessions").await?.as_array().map_or(0, Vec::len);
    ensure!(listed == AGENTS * SESSIONS_PER_AGENT, "the broker lists {listed} sessions");
    let peak = Memory::of(broker)?.peak;
    drop(agents);
    Ok(Figures {
        without_agents,
        at_rest,
        peak,
        cpu_share: cpu.as_secs_f64() / watched.as_secs_f64(),
        tokens_took,
        joins_took,
        connecting_took,
    })
}

fn at_once<F: Future>(futures: impl Iterator<Item = F>) -> impl Stream<Item = F::Output> {
    stream::iter(futures).buffer_unordered(AT_ONCE)
}

/// An administrator's way to the broker.
struct Rest {
    http: reqwest::Client,
    token: String,
}

impl Rest {
    /// Waits until the broker answers.
    async fn log_in(password: &str) -> Result<Self> {
        // The one broker on this address was started here, so its key needs no look.
        let http = reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).timeout(PATIENCE).build()?;
        let credentials = json!({ "name": "admin", "password": password });
        let started = Instant::now();
        let answer = loop {
            match http.post(url("login")).json(&credentials).send().await {
                Ok(answer) => break answer,
                Err(error) if started.elapsed() < PATIENCE && error.is_connect() => sleep(LOOK_EVERY / 10).await,
                Err(error) => return Err(error).context("the broker does not answer"),
            }
        };
        let answer = json_of(answer).await?;
        let token = answer["token"].as_str().context("no token came back from the login")?.to_owned();
        Ok(Self { http, token })
    }

    async fn get(&self, what: &str) -> Result<Value> {
        json_of(self.http.get(url(what)).bearer_auth(&self.token).send().await?).await
    }

    async fn agent_token(&self) -> Result<JoinToken> {
        let request = self.http.post(url("tokens")).bearer_auth(&self.token).json(&json!({ "role": "agent" }));
        let answer = json_of(request.send().await?).await?;
        Ok(answer["token"].as_str().context("the broker's answer has no token")?.parse()?)
    }
}

fn url(what: &str) -> String {
    format!("https://{BROKER}:{}/api/v1/{what}", ports::ACCESS)
}

async fn json_of(answer: reqwest::Response) -> Result<Value> {
    let (status, path) = (answer.status(), answer.url().path().to_owned());
    let body = answer.bytes().await?;
    ensure!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

/// An agent that is a member and does not run yet.
struct JoinedAgent {
    number: usize,
    key: Arc<MemberKey>,
    brokers: BrokerList,
}

async fn join(number: usize, token: JoinToken) -> Result<JoinedAgent> {
    let key = Arc::new(MemberKey::generate()?);
    let name: Name = host_name(number).parse()?;
    let options = EndpointOptions {
        service: Service::Join,
        key: key.clone(),
        roster: Arc::new(Roster::new()),
        runtime: Handle::current(),
    };
    let endpoint = Endpoint::dialer(options, Some(AGENTS_FROM))?;
    let connection = endpoint.connect(&token.address, Trust::Pinned(token.issuer)).await?;
    let mut link: Typed<JoinRequest, Result<Joined, JoinRefusal>> = connection.open_link().await?.into();
    let request = JoinRequest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        token: token.id,
        join_as: JoinAs::Agent(format!("{name}:3389").parse()?),
        name,
        key: key.public(),
        proof: proof(&token.secret, &exporter(&connection)?, &key.public()).to_bytes(),
    };
    link.send(&request).await?;
    let answer = timeout(PATIENCE, link.recv()).await.context("a join was not answered in time")??;
    let joined = answer.context("a join was not answered")??;
    connection.close(CloseReason::Done);
    endpoint.close(CloseReason::Done).await;
    Ok(JoinedAgent { number, key, brokers: joined.brokers })
}

impl JoinedAgent {
    async fn start(self, folder: &Path) -> Result<AgentHandle> {
        let data_dir = folder.join("agents").join(host_name(self.number));
        let mut config = AgentConfig::new(HostId(self.key.fingerprint().0), self.key, data_dir, self.brokers);
        config.hard_cap = Some(2 * SESSIONS_PER_AGENT as u32);
        config.poll_ms = POLL_MS;
        config.from = Some(AGENTS_FROM);
        Ok(Agent::start(config, Box::new(Sessions::of(self.number))).await?)
    }
}

fn host_name(number: usize) -> String {
    format!("host-{number:04}")
}

/// Sessions that are just there: each of another user, every second one disconnected.
struct Sessions(Vec<FoundSession>);

impl Sessions {
    fn of(host: usize) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let one = |n| FoundSession {
            key: format!("{}-{n}", std::process::id()),
            user: format!("user-{host:04}-{n:02}"),
            item: None,
            state: if n % 2 == 0 { SessionState::Active } else { SessionState::Disconnected },
            started_at_ms: u64::try_from(started.as_millis()).unwrap_or(u64::MAX),
            display: None,
            command: None,
            window_manager: None,
        };
        Self((0..SESSIONS_PER_AGENT).map(one).collect())
    }
}

impl SessionSource for Sessions {
    fn name(&self) -> &'static str {
        "benchmark"
    }

    fn kind(&self) -> SessionKind {
        SessionKind::PerUser
    }

    fn list(&mut self) -> Result<Listing, SourceError> {
        Ok(Listing { sessions: self.0.clone(), logons_in_flight: 0 })
    }

    fn disconnect(&mut self, _: &FoundSession) -> Result<(), SourceError> {
        Ok(())
    }

    fn log_off(&mut self, _: &FoundSession) -> Result<(), SourceError> {
        Ok(())
    }

    fn message(&mut self, _: &FoundSession, _: &str) -> Result<(), SourceError> {
        Ok(())
    }
}

/// What a process has in memory, in bytes.
struct Memory {
    resident: u64,
    /// The most that was resident since it began.
    peak: u64,
}

impl Memory {
    fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the broker is gone")?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
            kib.map(|kib| kib * 1_024).with_context(|| format!("the system does not tell {name} of process {pid}"))
        };
        Ok(Self { resident: bytes("VmRSS")?, peak: bytes("VmHWM")? })
    }
}

/// The CPU time that a process has used so far.
fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the broker is gone")?;
    // Behind the name, which may contain anything, begins field 3; 14 and 15 are the times in user and in kernel mode.
    let (_, fields) = stat.rsplit_once(')').context("the system's line about the broker is cut off")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>()?;
    // SAFETY: sysconf takes one integer.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) })?;
    Ok(Duration::from_millis(ticks * 1_000 / per_second.max(1)))
}

/// Raises this process's limit of open files as far as needed.
fn allow_files() -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a value of ours of the right type.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    ensure!(read == 0, "can't read the limit of open files: {}", std::io::Error::last_os_error());
    if limit.rlim_cur >= FILES {
        return Ok(());
    }
    ensure!(limit.rlim_max >= FILES, "{FILES} open files are needed, and {} allowed: see ulimit -Hn", limit.rlim_max);
    limit.rlim_cur = FILES;
    // SAFETY: as above.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    ensure!(set == 0, "can't raise the limit of open files: {}", std::io::Error::last_os_error());
    Ok(())
}

struct Figures {
    without_agents: u64,
    at_rest: u64,
    peak: u64,
    /// Of one core.
    cpu_share: f64,
    tokens_took: Duration,
    joins_took: Duration,
    connecting_took: Duration,
}

impl Figures {
    /// Shows them; whether the broker stayed below the limit.
    fn print(&self) -> bool {
        let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        let pace = |took: Duration| {
            let seconds = took.as_secs_f64();
            format!("{seconds:.1} s ({:.0}/s)", AGENTS as f64 / seconds)
        };
        let rows = [
            ("agents", AGENTS.to_string()),
            ("sessions", (AGENTS * SESSIONS_PER_AGENT).to_string()),
            ("tokens made in", pace(self.tokens_took)),
            ("joined in", pace(self.joins_took)),
            ("connected in", pace(self.connecting_took)),
            ("memory without agents", mb(self.without_agents)),
            ("memory at rest", mb(self.at_rest)),
            ("memory at most", format!("{} (limit {})", mb(self.peak), mb(LIMIT_BYTES))),
            ("CPU at rest", format!("{:.1} % of one core", 100.0 * self.cpu_share)),
        ];
        println!("One broker with {AGENTS} agents:");
        for (what, value) in rows {
            println!("  {what:<22} {value}");
        }
        self.peak < LIMIT_BYTES
    }
}
