//! Joins a farm with a token.

use super::config::{AgentSection, BrokerSection, GatewaySection, LocalConfig, Place};
use super::init::machine_name;
use super::member::{MemberDir, Membership};
use anyhow::{Context, Result, bail};
use clap::Args;
use hostler_broker::Clock;
use hostler_model::{Address, MemberRole, Name, ports};
use hostler_wire::messages::join::{JoinAs, JoinRefusal, JoinRequest, Joined};
use hostler_wire::{
    CloseReason, Endpoint, EndpointOptions, JoinToken, MemberKey, Roster, Service, Trust, Typed, exporter, proof,
};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long the broker has to answer, in ms: it waits for its disk and another's.
const ANSWER_MS: u64 = 10_000;

/// Joins a farm with a token.
#[derive(Args, Clone, Debug)]
pub(crate) struct JoinArgs {
    /// The token, as `hostler token create` printed it; or - to read it from standard input
    pub(crate) token: String,
    /// This member's name; the machine's name unless given
    #[arg(long)]
    pub(crate) name: Option<Name>,
    /// The name or address by which others reach this machine (for a gateway or an agent also with the RDP port);
    /// needed where the configuration file does not say it
    #[arg(long)]
    pub(crate) address: Option<String>,
    /// The address to listen on
    #[arg(long)]
    pub(crate) listen: Option<IpAddr>,
    /// Where keys and the log are kept, where there is no configuration file yet
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Joins a farm.
pub(crate) fn join(args: &JoinArgs, config_path: &Path, json: bool) -> Result<()> {
    let text = if args.token == "-" { std::io::read_to_string(std::io::stdin())? } else { args.token.clone() };
    let token: JoinToken = text.trim().parse()?;
    token.check_time(Clock::default().now().wall)?;
    let config = config(args, token.role, config_path)?;
    let folder = MemberDir::of(&config.data_dir, token.role);
    let former = former(&folder, &token)?;
    let key = Arc::new(folder.prepare()?);
    let join_as = join_as(&config, token.role)?;
    let name = match (&args.name, &former) {
        (Some(name), _) => name.clone(),
        (None, Some(former)) => former.name.clone(),
        (None, None) => machine_name()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let joined = runtime.block_on(ask(&token, &key, name, join_as, connect_from(&config, token.role), &runtime))?;
    folder.keep(&Membership {
        role: token.role,
        id: former.as_ref().and_then(|f| f.id).or(Some(key.fingerprint())),
        farm: joined.farm.clone(),
        site: joined.site,
        name: joined.name.clone(),
        brokers: joined.brokers.clone(),
    })?;
    if json {
        let made = serde_json::json!({
            "role": token.role, "farm": joined.farm, "name": joined.name,
            "durable_on": joined.durable_on.0, "members": joined.durable_on.1, "config": config_path,
        });
        println!("{}", serde_json::to_string_pretty(&made)?);
        return Ok(());
    }
    println!("{} is a {} of the farm {:?} now.", joined.name, token.role, joined.farm.as_str());
    println!("That is stored on {} of {} brokers.", joined.durable_on.0, joined.durable_on.1);
    println!();
    match former {
        Some(_) => println!("It goes on with the key and the log that it had; where it runs already, by itself."),
        None => println!("Next:  hostler {} run --config {}", token.role, config_path.display()),
    }
    Ok(())
}

/// What a broker was before it was removed: with its key and its log it comes back.
fn former(folder: &MemberDir, token: &JoinToken) -> Result<Option<Membership>> {
    if !folder.is_taken() {
        return Ok(None);
    }
    let place = folder.path().display();
    if token.role != MemberRole::Broker {
        bail!("a {} is a member of a farm in {place} already; nothing was changed", token.role);
    }
    let (former, _) = folder.load()?;
    if former.site != token.site {
        bail!("the broker in {place} belongs to another farm than the token; nothing was changed");
    }
    Ok(Some(former))
}

async fn ask(
    token: &JoinToken,
    key: &Arc<MemberKey>,
    name: Name,
    join_as: JoinAs,
    from: Option<IpAddr>,
    runtime: &tokio::runtime::Runtime,
) -> Result<Joined> {
    let options = EndpointOptions {
        service: Service::Join,
        key: key.clone(),
        roster: Arc::new(Roster::new()),
        runtime: runtime.handle().clone(),
    };
    let endpoint = Endpoint::dialer(options, from)?;
    let connection = endpoint.connect(&token.address, Trust::Pinned(token.issuer)).await?;
    let mut link: Typed<JoinRequest, Result<Joined, JoinRefusal>> = connection.open_link().await?.into();
    let proof = proof(&token.secret, &exporter(&connection)?, &key.public());
    let request = JoinRequest {
        version: env!("CARGO_PKG_VERSION").to_string(),
        token: token.id,
        join_as,
        name,
        key: key.public(),
        proof: proof.to_bytes(),
    };
    link.send(&request).await?;
    let answer = tokio::time::timeout(Duration::from_millis(ANSWER_MS), link.recv())
        .await
        .with_context(|| format!("the broker at {} did not answer in time", token.address))??
        .with_context(|| format!("the broker at {} ended the link without an answer", token.address))?;
    connection.close(CloseReason::Done);
    endpoint.close(CloseReason::Done).await;
    Ok(answer?)
}

fn join_as(config: &LocalConfig, role: MemberRole) -> Result<JoinAs> {
    Ok(match role {
        MemberRole::Broker => JoinAs::Broker(config.broker()?.addresses()?),
        MemberRole::Gateway => JoinAs::Gateway(config.gateway()?.address.clone()),
        MemberRole::Agent => JoinAs::Agent(config.agent()?.address.clone()),
    })
}

fn connect_from(config: &LocalConfig, role: MemberRole) -> Option<IpAddr> {
    match role {
        MemberRole::Broker => config.broker.as_ref().map(|b| b.listen).filter(|ip| !ip.is_unspecified()),
        MemberRole::Gateway => None,
        MemberRole::Agent => config.agent.as_ref().and_then(|a| a.connect_from),
    }
}

/// The configuration that is there, with a section for this role; or a new one.
fn config(args: &JoinArgs, role: MemberRole, path: &Path) -> Result<LocalConfig> {
    let place = Place { address: args.address.as_deref(), listen: args.listen, data_dir: args.data_dir.as_deref() };
    LocalConfig::load_or_create(path, &place, |config, address, listen| {
        let with_port = || address.parse().or_else(|_| Address::new(address, ports::RDP));
        match role {
            MemberRole::Broker => config.broker = Some(BrokerSection::at(address, listen)),
            MemberRole::Gateway => config.gateway = Some(GatewaySection::at(with_port()?, listen)),
            MemberRole::Agent => config.agent = Some(AgentSection::at(with_port()?)),
        }
        join_as(config, role).map(drop)
    })
}
