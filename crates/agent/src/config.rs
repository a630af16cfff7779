//! What an agent is started with.

use hostler_model::HostId;
use hostler_model::limits::SESSIONS_PER_HOST;
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{KeyRing, MemberKey};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// How often the session source is asked, in ms, unless said otherwise.
pub const POLL_MS: u64 = 250;
/// Memory that one session is reckoned with where nobody says how many a host may have, in bytes.
const BYTES_PER_SESSION: u64 = 256 * 1024 * 1024;
/// The fewest sessions that a host is reckoned to hold.
const LEAST_SESSIONS: u32 = 4;
/// Logons that one core takes at the same time.
const LOGONS_PER_CORE: usize = 2;

/// What an agent is started with. What the farm says about the host (drain, limits) goes before it.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// The host, as it joined.
    pub host: HostId,
    /// The agent's key.
    pub key: Arc<MemberKey>,
    /// The files of the key, where it can be replaced while the agent runs.
    pub key_ring: Option<KeyRing>,
    /// Where the agent keeps what must outlive it. One agent only.
    pub data_dir: PathBuf,
    /// The brokers, as it was told when it joined. A list of the same or a higher epoch on disk goes before it.
    pub brokers: BrokerList,
    /// The most sessions and held seats; by the machine's memory where none is given. The farm's figure goes before
    /// it, be it lower or higher.
    pub hard_cap: Option<u32>,
    /// Logons at the same time; by the machine's cores where none is given. The farm's figure goes before it.
    pub logon_slots: Option<u32>,
    /// How often the session source is asked, in ms.
    pub poll_ms: u64,
    /// The address of this machine to connect from; whichever fits where none is given.
    pub from: Option<IpAddr>,
}

impl AgentConfig {
    /// A configuration with the usual figures.
    #[must_use]
    pub fn new(host: HostId, key: Arc<MemberKey>, data_dir: PathBuf, brokers: BrokerList) -> Self {
        Self {
            host,
            key,
            key_ring: None,
            data_dir,
            brokers,
            hard_cap: None,
            logon_slots: None,
            poll_ms: POLL_MS,
            from: None,
        }
    }

    /// The configured cap, or as many sessions as `memory_bytes` are good for.
    pub(crate) fn cap(&self, memory_bytes: u64) -> u32 {
        let most = u32::try_from(SESSIONS_PER_HOST).unwrap_or(u32::MAX);
        let by_memory = u32::try_from(memory_bytes / BYTES_PER_SESSION).unwrap_or(most);
        self.hard_cap.unwrap_or(by_memory.max(LEAST_SESSIONS)).min(most)
    }

    /// The configured slots, or as many logons as `cores` are good for.
    pub(crate) fn slots(&self, cores: usize) -> u32 {
        self.logon_slots.unwrap_or_else(|| u32::try_from(cores.saturating_mul(LOGONS_PER_CORE)).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_model::Epoch;

    #[test]
    fn defaults_follow_the_machine_and_figures_go_before_them() {
        let key = Arc::new(MemberKey::from_seed(&[1; 32]));
        let brokers = BrokerList { epoch: Epoch::NONE, changed: Default::default(), brokers: Vec::new() };
        let mut config = AgentConfig::new(HostId([1; 16]), key, PathBuf::new(), brokers);
        const GIB: u64 = 1 << 30;
        for (memory, cap) in [(0, 4), (GIB, 4), (2 * GIB, 8), (64 * GIB, 256), (u64::MAX, 4_096)] {
            assert_eq!(config.cap(memory), cap, "{memory} bytes");
        }
        assert_eq!((config.slots(1), config.slots(8)), (2, 16));
        (config.hard_cap, config.logon_slots) = (Some(1), Some(3));
        assert_eq!((config.cap(64 * GIB), config.slots(8)), (1, 3));
    }
}
