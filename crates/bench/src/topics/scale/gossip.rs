//! What brokers tell each other, counted by the kernel. The whole measurement runs in a process and a network of its
//! own, so that nothing else is counted.

use crate::farm::Ours;
use anyhow::{Context, Result, ensure};
use hostler_tests::farm::Ground;
use std::process::Command;
use std::time::Duration;
use tokio::runtime::Runtime;

/// The argument with which this program is started inside that network.
pub(crate) const ARGUMENT: &str = "--gossip-of";
/// Everything by UDP counts: there are no agents and no gateways.
const RULES: &str = "table inet gossip {
    counter sent { }
    chain out {
        type filter hook output priority 0
        meta l4proto udp counter name sent
    }
}";
/// How long the farm is left alone before it is measured.
const SETTLE: Duration = Duration::from_secs(3);

/// Bytes of all brokers together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gossip {
    /// A second, while nothing happens.
    pub(crate) at_rest: f64,
    /// For an event, beyond that.
    pub(crate) per_event: f64,
}

/// Measures in a network of its own.
pub(crate) fn apart(brokers: usize, quick: bool) -> Result<Gossip> {
    let mut command = Command::new("unshare");
    command.args(["--net", "--", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]).arg(std::env::current_exe()?);
    command.arg(ARGUMENT).arg(brokers.to_string()).args(quick.then_some("--quick"));
    let output = command.output().context("can't start unshare")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{brokers} brokers apart: {}{said}", String::from_utf8_lossy(&output.stderr));
    let figures: Vec<f64> = said.split_whitespace().map_while(|word| word.parse().ok()).collect();
    match figures.as_slice() {
        [at_rest, per_event] => Ok(Gossip { at_rest: *at_rest, per_event: *per_event }),
        _ => anyhow::bail!("{brokers} brokers apart said {said:?}"),
    }
}

/// The part inside: prints both figures.
pub(crate) fn inside(brokers: usize, quick: bool, runtime: &Runtime) -> Result<()> {
    nft(&[RULES])?;
    let ground = Ground::new()?;
    let ours = Ours::raise(&ground, brokers, runtime)?;
    let (rest, events) = if quick { (Duration::from_secs(1), 20) } else { (Duration::from_secs(20), 500) };
    std::thread::sleep(SETTLE.min(rest * 3));
    let (before, begun) = (sent()?, std::time::Instant::now());
    std::thread::sleep(rest);
    let at_rest = (sent()? - before) as f64 / begun.elapsed().as_secs_f64();
    let (before, begun) = (sent()?, std::time::Instant::now());
    runtime.block_on(ours.rest.add_users((0..events).map(|n| format!("user{n:04}"))))?;
    // The last ones are still being acknowledged.
    std::thread::sleep(Duration::from_millis(200));
    let more = (sent()? - before) as f64 - at_rest * begun.elapsed().as_secs_f64();
    println!("{at_rest:.0} {:.0}", more / f64::from(events));
    Ok(())
}

/// Bytes that were sent so far.
fn sent() -> Result<u64> {
    let text = nft(&["list counter inet gossip sent"])?;
    let mut words = text.split_whitespace().skip_while(|word| *word != "bytes").skip(1);
    words.next().and_then(|word| word.parse().ok()).with_context(|| format!("nft counts nothing: {text}"))
}

fn nft(arguments: &[&str]) -> Result<String> {
    let output = Command::new("nft").args(arguments).output().context("can't start nft")?;
    ensure!(output.status.success(), "nft {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?)
}
