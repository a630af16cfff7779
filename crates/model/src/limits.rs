//! Every limit that more than one crate must know, in one place. A limit that only one crate needs stands there.

/// A name of a thing, in bytes.
pub const NAME_BYTES: usize = 64;
/// A user's name, in bytes.
pub const USER_NAME_BYTES: usize = 256;
/// A DNS name, in bytes (RFC 1035, 2.3.4).
pub const HOST_NAME_BYTES: usize = 253;
/// A line of free text that an administrator gives (a reason, a message), in bytes.
pub const TEXT_BYTES: usize = 1_024;
/// A program's command line in a published application, in bytes.
pub const COMMAND_BYTES: usize = 1_024;
/// One stored event, in bytes: header, payload and signature.
pub const EVENT_BYTES: usize = 64 * 1024;
/// A frame on a link between members, in bytes.
pub const FRAME_BYTES: usize = 1024 * 1024;
/// A chunk of events that one broker sends to another, in bytes.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// Sites in a farm: the brokers of all of them link to each other.
pub const SITES_PER_FARM: usize = 16;
/// Brokers in a site, beyond which no more are taken in.
pub const BROKERS_PER_SITE: usize = 9;
/// Active brokers in a site, beyond which the traffic that grows with the square is worth a warning, and new ones start
/// as standby.
pub const ADVISED_ACTIVE_BROKERS: usize = 3;
/// Session hosts in a site.
pub const HOSTS_PER_SITE: usize = 5_000;
/// Sessions in one host's report.
pub const SESSIONS_PER_HOST: usize = 4_096;
/// Heads in one frontier: feeds of all incarnations of all brokers.
pub const FRONTIER_HEADS: usize = 1_024;
/// Entries in a list inside one event (members of a group, hosts of an item, …).
pub const LIST_ENTRIES: usize = 1_024;
/// How far in the future an event may be, in ms, before it is held.
pub const HELD_AHEAD_MS: u64 = 60_000;
/// How far a broker's clock may be from the peers' median, in ms, before it warns.
pub const CLOCK_WARN_MS: u64 = 500;
/// How far a broker's clock may be ahead of the peers' median, in ms, before it refuses to author.
pub const CLOCK_REFUSE_AHEAD_MS: u64 = 60_000;
/// How old what a broker lacks may be, in ms, before it is called lagging.
pub const LAGGING_MS: u64 = 5_000;
/// How long a command waits for a peer's disk before it answers, in ms.
pub const DURABILITY_WAIT_MS: u64 = 250;
/// How long an agent holds a seat that nobody takes, in ms, and how long a ticket can start a session.
pub const SEAT_HOLD_MS: u64 = 60_000;
/// How long a ticket can reattach to its session, in ms.
pub const TICKET_REATTACH_MS: u64 = 24 * 60 * 60 * 1_000;
/// How often an agent sends a full report, in ms.
pub const REPORT_INTERVAL_MS: u64 = 5_000;
/// How old a report may be, in intervals, before its host takes no new sessions.
pub const REPORT_STALE_INTERVALS: u64 = 3;
/// How long a broker waits for a user's home broker, in ms, before the next one decides.
pub const HOME_BROKER_WAIT_MS: u64 = 300;
/// How long a broker takes before it tells a gateway that it is working on a request, in ms: silence means that it is
/// dead.
pub const WORKING_WAIT_MS: u64 = 100;
/// A routing token in the first RDP packet, in bytes, prefix included: X.224's length indicator is one byte.
pub const ROUTING_TOKEN_BYTES: usize = 238;
