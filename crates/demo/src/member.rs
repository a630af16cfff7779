//! A session host that is a member of a farm: the small RDP host, with an agent in the same process that tells the
//! brokers about its sessions and admits only those who were promised a seat.
//!
//! Somebody arrives → [`seat_greeter`] asks the agent what they were promised → the table of sessions → the agent finds
//! the session there, through [`table_source`].

mod host_file;
mod item_book;
mod membership;
mod reasons;
mod seat_greeter;
mod table_source;

pub use host_file::{HostFile, HostFileError};

use crate::host::{Colour, HostConfig, SessionHost, one_password};
use crate::stop;
use anyhow::{Context, bail};
use hostler_agent::{Agent, AgentConfig};
use hostler_model::HostId;
use hostler_wire::KeyRing;
use item_book::ItemBook;
use membership::Membership;
use seat_greeter::{Ask, SeatGreeter};
use std::path::Path;
use std::sync::Arc;
use table_source::TableSource;
use tokio::sync::mpsc;

/// Threads for the agent's links.
const THREADS: usize = 2;
/// Arrivals that wait for the agent's answer at once; further ones wait before that.
const ASKS: usize = 64;
/// How often the agent looks at the table, in ms: it costs nothing, so changes are told sooner than by a real host.
const POLL_MS: u64 = 100;

/// Runs the host that the file describes, until the process is told to stop. It must have joined a farm before.
///
/// # Errors
/// Where the file or what was kept about the membership can't be read, the address is taken, or the agent ends.
pub fn run(path: &Path) -> anyhow::Result<()> {
    let file = HostFile::load(path)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    runtime.block_on(serve(file))
}

async fn serve(file: HostFile) -> anyhow::Result<()> {
    let stopped = stop::told()?;
    tokio::pin!(stopped);
    let Membership { folder, key, id, brokers } = Membership::load(&file.data_dir)?;
    let names = brokers.brokers.iter().map(|broker| (broker.id, broker.name.clone())).collect();
    let (asks, mut asked) = mpsc::channel::<Ask>(ASKS);
    let items = ItemBook::default();
    let greeter = Arc::new(SeatGreeter::new(asks, items.clone(), names));
    let colour = file.colour.unwrap_or_else(|| Colour::of_host(file.name.as_str()));
    let check = one_password(&file.password);
    let name = file.name.clone();
    let host = SessionHost::start(HostConfig { name, listen: file.listen, colour, check, greeter })?;

    let mut config = AgentConfig::new(HostId(id.0), Arc::new(key), folder.clone(), brokers);
    config.key_ring = Some(KeyRing::at(folder));
    (config.hard_cap, config.logon_slots) = (file.hard_cap, file.logon_slots);
    config.from = Some(file.listen.ip()).filter(|ip| !ip.is_unspecified());
    config.poll_ms = POLL_MS;
    let source = TableSource::new(host.table().clone(), items);
    let agent = Agent::start(config, Box::new(source)).await;
    let mut agent = agent.with_context(|| format!("session host {} has no agent", file.name))?;
    let ended = loop {
        tokio::select! {
            _ = &mut stopped => break false,
            () = agent.ended() => break true,
            Some(Ask { user, answer }) = asked.recv() => {
                // Whoever asked may have gone away meanwhile.
                let _ = answer.send(agent.awaited(&user).await);
            }
        }
    };
    agent.stop().await;
    if ended {
        bail!("the agent of session host {} has ended; what happened stands above", file.name);
    }
    Ok(())
}
