//! CPU and memory of the machine. A process has one machine, so all agents in it share one sampling thread.

use crate::agent_error::AgentError;
use hostler_model::PerMille;
use hostler_model::limits::REPORT_INTERVAL_MS;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;
use sysinfo::System;
use tokio::sync::watch;

/// How often the machine is looked at, in ms.
const SAMPLE_MS: u64 = 1_000;
/// Looks whose average is reported: those of one report interval.
const SAMPLES: usize = (REPORT_INTERVAL_MS / SAMPLE_MS) as usize;

/// How busy the machine is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct MachineLoad {
    pub(crate) cpu: PerMille,
    pub(crate) memory: PerMille,
}

static SAMPLER: Mutex<Weak<watch::Sender<MachineLoad>>> = Mutex::new(Weak::new());

/// The machine's load, now and from now on. The thread ends when nobody follows any more.
pub(crate) fn follow() -> Result<watch::Receiver<MachineLoad>, AgentError> {
    let mut sampler = SAMPLER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = sampler.upgrade() {
        return Ok(sender.subscribe());
    }
    let sender = Arc::new(watch::Sender::new(MachineLoad::default()));
    let receiver = sender.subscribe();
    *sampler = Arc::downgrade(&sender);
    thread::Builder::new()
        .name("agent-load".into())
        .spawn(move || sample(sender))
        .map_err(|error| AgentError::Thread { what: "the machine's load", error })?;
    Ok(receiver)
}

/// The machine's memory, in bytes; 0 where the system does not say.
pub(crate) fn memory_bytes() -> u64 {
    System::new().map_or(0, |mut system| {
        system.refresh_memory();
        system.total_memory()
    })
}

fn sample(sender: Arc<watch::Sender<MachineLoad>>) {
    let mut system = match System::new() {
        Ok(system) => system,
        Err(error) => {
            tracing::error!(%error, "can't read the machine's load; it is reported as idle");
            return;
        }
    };
    let mut looks = VecDeque::with_capacity(SAMPLES);
    // The first look gives nothing: CPU time is what passed between two.
    system.refresh_cpu_usage();
    loop {
        thread::sleep(Duration::from_millis(SAMPLE_MS));
        // Under the lock, so that nobody subscribes to a sender that is about to go.
        let sampler = SAMPLER.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.receiver_count() == 0 {
            drop(sender);
            drop(sampler);
            return;
        }
        drop(sampler);
        system.refresh_cpu_usage();
        system.refresh_memory();
        if looks.len() == SAMPLES {
            looks.pop_front();
        }
        let (total, available) = (system.total_memory(), system.available_memory());
        looks.push_back((per_cent(system.global_cpu_usage()), share(total.saturating_sub(available), total)));
        sender.send_replace(average(&looks));
    }
}

fn per_cent(usage: f32) -> u16 {
    // A float becomes an integer by saturating, and NaN by becoming 0.
    ((usage * 10.0).round() as u16).min(PerMille::FULL.0)
}

fn share(part: u64, whole: u64) -> u16 {
    let thousandths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    u16::try_from(thousandths).unwrap_or(PerMille::FULL.0).min(PerMille::FULL.0)
}

fn average(looks: &VecDeque<(u16, u16)>) -> MachineLoad {
    let count = u32::try_from(looks.len()).unwrap_or(u32::MAX).max(1);
    let mean = |sum: u32| PerMille(u16::try_from(sum / count).unwrap_or(PerMille::FULL.0));
    let cpu = mean(looks.iter().map(|(cpu, _)| u32::from(*cpu)).sum());
    let memory = mean(looks.iter().map(|(_, memory)| u32::from(*memory)).sum());
    MachineLoad { cpu, memory }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_thousandths_and_never_more_than_all() {
        for (usage, want) in [(0.0, 0), (12.34, 123), (100.0, 1_000), (100.4, 1_000), (-1.0, 0), (f32::NAN, 0)] {
            assert_eq!(per_cent(usage), want, "{usage} %");
        }
        for (part, whole, want) in [(0, 0, 0), (1, 4, 250), (4, 4, 1_000), (9, 4, 1_000), (u64::MAX, u64::MAX, 1_000)] {
            assert_eq!(share(part, whole), want, "{part} of {whole}");
        }
        let load = |cpu, memory| MachineLoad { cpu: PerMille(cpu), memory: PerMille(memory) };
        assert_eq!(average(&VecDeque::new()), load(0, 0));
        assert_eq!(average(&[(0, 100), (1_000, 100), (500, 103)].into()), load(500, 101));
    }

    #[test]
    fn agents_share_one_sampler() {
        let (first, second) = (follow().unwrap(), follow().unwrap());
        assert!(first.same_channel(&second));
    }
}
