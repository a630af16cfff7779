//! Runs a broker, a gateway or an agent until it is told to stop.

use super::config::{LocalConfig, SourceName};
use super::logging::{self, LogFormat};
use super::member::MemberDir;
use anyhow::{Context, Result};
use clap::Args;
use hostler_agent::{AgentConfig, POLL_MS};
use hostler_broker::{Broker, BrokerConfig, TrustedBroker};
use hostler_gateway::{GatewayConfig, GatewayLimits};
use hostler_model::{BrokerId, GatewayId, HostId, MemberRole};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{debug, info};

/// Threads for sockets.
const SOCKET_THREADS: usize = 2;

/// Runs a service in the foreground, until it is told to stop.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// The form of the log on standard error
    #[arg(long, value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

/// What every service does first.
fn begin(args: &RunArgs) -> Result<()> {
    logging::start(args.log_format)?;
    // The allocator asks for huge pages, gives them back in parts, and takes them again; the system clears 2 MB each time,
    // while an actor waits. Measured: p99 of a change a third shorter without them. Where the system does not know them,
    // there is nothing to be turned off.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        debug!(%error, "transparent huge pages are not turned off");
    }
    Ok(())
}

/// Runs a broker.
pub(crate) fn run_broker(args: &RunArgs, config_path: &Path) -> Result<()> {
    begin(args)?;
    let config = LocalConfig::load(config_path)?;
    let folder = MemberDir::of(&config.data_dir, MemberRole::Broker);
    let (membership, key) = folder.load()?;
    let me = BrokerId(membership.id(&key));
    let trusted = membership.brokers.brokers.iter().map(|b| TrustedBroker {
        id: b.id,
        key: b.key,
        enabled: b.enabled,
        peer: b.addresses.peer.clone(),
    });
    let broker_config = BrokerConfig {
        me,
        site: membership.site,
        data_dir: folder.path().to_path_buf(),
        config_file: Some(config_path.to_path_buf()),
        listen: config.broker()?.listen(),
        trusted: trusted.collect(),
        key,
        key_ring: Some(folder.key_ring()),
    };
    let runtime = runtime()?;
    let handle = runtime.handle().clone();
    actix::System::with_tokio_rt(local_runtime).block_on(async move {
        let mut broker = Broker::start(broker_config, handle).await?;
        let again = tokio::select! {
            told = told_to_stop() => told.map(|()| false)?,
            () = broker.key_replaced() => true,
        };
        info!("stopping");
        broker.stop().await;
        if again { Err(start_again()) } else { anyhow::Ok(()) }
    })
}

/// The same program in the same process, from its beginning: whoever watches the process sees no end. Returns only where
/// that fails; what watches it then starts it again.
fn start_again() -> anyhow::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return anyhow::Error::from(error).context("the program can't be found to start it again"),
    };
    let error = Command::new(program).args(std::env::args_os().skip(1)).exec();
    anyhow::Error::from(error).context("the broker can't be started again by itself")
}

/// Runs a gateway.
pub(crate) fn run_gateway(args: &RunArgs, config_path: &Path) -> Result<()> {
    begin(args)?;
    let config = LocalConfig::load(config_path)?;
    let section = config.gateway()?;
    let folder = MemberDir::of(&config.data_dir, MemberRole::Gateway);
    let (membership, key) = folder.load()?;
    let usual = GatewayLimits::default();
    let gateway_config = GatewayConfig {
        id: GatewayId(membership.id(&key)),
        key,
        key_ring: Some(folder.key_ring()),
        listen: section.listen.clone(),
        advertised: Some(section.address.clone()),
        data_dir: folder.path().to_path_buf(),
        brokers: membership.brokers,
        limits: GatewayLimits {
            connections: section.connections.unwrap_or(usual.connections),
            per_address: section.connections_per_address.unwrap_or(usual.per_address),
        },
    };
    runtime()?.block_on(async move {
        let stop = async {
            // Where the signal can't be had, the process is ended the hard way, which harms nothing.
            if told_to_stop().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        hostler_gateway::run(gateway_config, stop).await.map_err(anyhow::Error::from)
    })
}

/// Runs an agent.
pub(crate) fn run_agent(args: &RunArgs, config_path: &Path) -> Result<()> {
    begin(args)?;
    let config = LocalConfig::load(config_path)?;
    let section = config.agent()?;
    let folder = MemberDir::of(&config.data_dir, MemberRole::Agent);
    let (membership, key) = folder.load()?;
    let agent_config = AgentConfig {
        host: HostId(membership.id(&key)),
        key,
        key_ring: Some(folder.key_ring()),
        data_dir: folder.path().to_path_buf(),
        brokers: membership.brokers,
        hard_cap: section.hard_cap,
        logon_slots: section.logon_slots,
        poll_ms: POLL_MS,
        from: section.connect_from,
    };
    let source = match section.source {
        SourceName::Xrdp => hostler_agent::sources::XrdpSource::new(),
    };
    runtime()?.block_on(async move {
        let stop = async {
            if told_to_stop().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        hostler_agent::run(agent_config, Box::new(source), stop).await.map_err(anyhow::Error::from)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SOCKET_THREADS)
        .enable_all()
        .build()
        .context("the system gives no threads")
}

/// What actix runs on: one thread, this one.
#[allow(clippy::expect_used)] // without a runtime there is no process
fn local_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system gives a runtime")
}

async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
