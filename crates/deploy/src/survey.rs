//! Looks at a machine, once, with one script that changes nothing. What it finds are [`Facts`].

mod script;

use crate::firewall::{Firewall, Firewalld, Nftables, OWN_CONFIGURATIONS, Ufw};
use crate::machine::{Machine, MachineError};
use crate::opening::{Opening, Protocol};
use data_encoding::BASE64;
use hostler_model::MemberRole;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// All roles that a machine may have.
pub(crate) const ROLES: [MemberRole; 3] = [MemberRole::Broker, MemberRole::Gateway, MemberRole::Agent];

/// Why a machine could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The script did not run.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// It printed something else than it should.
    #[error("{machine} tells {what} in a way that is not understood: {why}")]
    Odd {
        /// Which machine.
        machine: String,
        /// What about.
        what: String,
        /// Why not.
        why: String,
    },
}

/// What a member was told when it joined.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Member {
    /// The farm's name.
    pub farm: String,
    /// The site's id.
    pub site: String,
    /// The member's name then.
    pub name: String,
}

/// What there is of one role.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RoleFacts {
    /// The unit's text.
    pub unit: Option<String>,
    /// Whether it starts with the machine.
    pub enabled: bool,
    /// Whether it runs.
    pub active: bool,
    /// Whether it runs a program that is no longer there: it was replaced since.
    pub outdated: bool,
    /// The folder's owner and permission bits.
    pub folder: Option<(String, u32)>,
    /// Whether something in it belongs to somebody else.
    pub strangers: bool,
    /// Whether there is a key.
    pub key: bool,
    /// What it was told, where it is a member.
    pub member: Option<Member>,
}

/// What a machine is and has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Its own name.
    pub host_name: String,
    /// What `uname -m` says.
    pub architecture: String,
    /// In words.
    pub system: String,
    /// How far its clock is ahead of ours, in ms, and by how much that may be wrong.
    pub clock_ahead_ms: (i64, u64),
    /// Room for the program, in KiB.
    pub program_room_kib: u64,
    /// Room for keys and logs, in KiB.
    pub data_room_kib: u64,
    /// Whether systemd runs it.
    pub systemd: bool,
    /// Whether there is the account for brokers and gateways.
    pub user: bool,
    /// The SHA-256 of the program that is there.
    pub program: Option<String>,
    /// The configuration that is there.
    pub config: Option<String>,
    /// Ports on which something listens.
    pub listening: BTreeSet<Opening>,
    /// The roles.
    pub roles: BTreeMap<MemberRole, RoleFacts>,
    /// What rules its network.
    pub firewall: Firewall,
}

impl Facts {
    /// Of a role.
    #[must_use]
    pub fn role(&self, role: MemberRole) -> RoleFacts {
        self.roles.get(&role).cloned().unwrap_or_default()
    }
}

/// Looks at a machine.
///
/// # Errors
/// [`SurveyError`]
pub async fn survey<M: Machine>(machine: &M, config: &str, data_dir: &str) -> Result<Facts, SurveyError> {
    let before = wall_ms();
    let clock = machine.must("date +%s%3N", &[]).await?;
    let after = wall_ms();
    let told = machine.must(&script::script(config, data_dir), &[]).await?;
    let odd = |(what, why)| SurveyError::Odd { machine: machine.name().to_string(), what, why };
    let mut facts = read(&told).map_err(odd)?;
    let clock: i64 = clock.trim().parse().map_err(|_| odd(("its clock".into(), clock.clone())))?;
    facts.clock_ahead_ms = (clock - (before + after) / 2, u64::try_from((after - before) / 2).unwrap_or_default());
    Ok(facts)
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

type Odd = (String, String);

/// The lines that the script prints: a key, a space, and a value, which is in base64 where it is a text.
struct Told<'a>(BTreeMap<&'a str, &'a str>);

impl Told<'_> {
    fn word(&self, key: &str) -> &str {
        self.0.get(key).copied().unwrap_or_default()
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.word(key) == value
    }

    fn number(&self, key: &str) -> Result<u64, Odd> {
        self.word(key).parse().map_err(|_| (key.to_string(), self.word(key).to_string()))
    }

    fn text(&self, key: &str) -> Result<Option<String>, Odd> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let bytes = BASE64.decode(value.as_bytes()).map_err(|error| (key.to_string(), error.to_string()))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn lines(&self, key: &str) -> Result<String, Odd> {
        Ok(self.text(key)?.unwrap_or_default())
    }
}

fn read(text: &str) -> Result<Facts, Odd> {
    let told = Told(text.lines().map(|line| line.split_once(' ').unwrap_or((line, ""))).collect());
    let mut facts = Facts {
        host_name: told.word("host").to_string(),
        architecture: told.word("architecture").to_string(),
        system: told.word("system").to_string(),
        clock_ahead_ms: (0, 0),
        program_room_kib: told.number("program_room")?,
        data_room_kib: told.number("data_room")?,
        systemd: told.is("systemd", "yes"),
        user: told.is("user", "yes"),
        program: Some(told.word("program").to_string()).filter(|hash| !hash.is_empty()),
        config: told.text("config")?,
        listening: BTreeSet::new(),
        roles: BTreeMap::new(),
        firewall: firewall(&told)?,
    };
    for (protocol, key) in [(Protocol::Tcp, "tcp"), (Protocol::Udp, "udp")] {
        let sockets = told.lines(key)?;
        facts.listening.extend(sockets.lines().filter_map(|line| listening(protocol, line)));
    }
    for role in ROLES {
        facts.roles.insert(role, role_facts(&told, role)?);
    }
    Ok(facts)
}

fn role_facts(told: &Told<'_>, role: MemberRole) -> Result<RoleFacts, Odd> {
    let key = |what: &str| format!("{what}.{role}");
    let folder = told
        .word(&key("folder"))
        .split_once(' ')
        .and_then(|(owner, mode)| Some((owner.to_string(), u32::from_str_radix(mode, 8).ok()?)));
    let member = match told.text(&key("member"))? {
        Some(text) => Some(serde_json::from_str(&text).map_err(|error| (key("member"), error.to_string()))?),
        None => None,
    };
    Ok(RoleFacts {
        unit: told.text(&key("unit"))?,
        enabled: told.is(&key("enabled"), "enabled"),
        active: told.is(&key("active"), "active"),
        outdated: told.word(&key("runs")).ends_with(" (deleted)"),
        folder,
        strangers: !told.word(&key("stranger")).is_empty(),
        key: told.is(&key("key"), "yes"),
        member,
    })
}

fn firewall(told: &Told<'_>) -> Result<Firewall, Odd> {
    Ok(match told.word("firewall") {
        "ufw" => Firewall::Ufw(Ufw::read(&told.lines("ufw")?)),
        "firewalld" => {
            let lists = |now: &str, later: &str| Ok::<_, Odd>([told.lines(now)?, told.lines(later)?]);
            let (ports, rich) = (lists("ports", "ports.later")?, lists("rich", "rich.later")?);
            Firewall::Firewalld(Firewalld::read([&ports[0], &ports[1]], [&rich[0], &rich[1]]))
        }
        "nftables" => {
            let configuration = told.lines("nft.configuration")?;
            let path = told.word("nft.path").to_string();
            let mode = u32::from_str_radix(told.word("nft.mode"), 8).unwrap_or(0o644);
            let (lasts, known) = (told.is("nft.enabled", "enabled"), OWN_CONFIGURATIONS.contains(&path.as_str()));
            let read = Nftables::read(&told.lines("nft")?, (path, mode, configuration), told.text("nft.file")?);
            match read.map_err(|error| ("nft".to_string(), error.to_string()))? {
                None => Firewall::None,
                Some(nftables) if lasts && known => Firewall::Nftables(nftables),
                Some(_) => Firewall::Foreign {
                    what: "rules in nftables that neither ufw, firewalld nor the service nftables keeps".to_string(),
                },
            }
        }
        "iptables" => Firewall::Foreign { what: "iptables".to_string() },
        _ => Firewall::None,
    })
}

/// A line of /proc/net/tcp and its like (proc(5)): where somebody listens. State 0A is LISTEN, 07 an unconnected UDP
/// socket.
fn listening(protocol: Protocol, line: &str) -> Option<Opening> {
    let mut words = line.split_whitespace();
    let (local, _, state) = (words.nth(1)?, words.next()?, words.next()?);
    let wanted = match protocol {
        Protocol::Tcp => "0A",
        Protocol::Udp => "07",
    };
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    (state == wanted).then_some(Opening { port, protocol })
}

#[cfg(test)]
mod tests;
