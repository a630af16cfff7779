//! Read access: what `session list` and `host list` show.

use super::Site;
use crate::board::Standing;
use crate::explanation::Exclusion;
use crate::report::{HeldSeat, Load, Session, SessionKind};
use hostler_model::{HostId, ItemId, Mono, SeatId, UserName};

/// A host as this broker sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostView {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// There is a connection to its agent.
    pub up: bool,
    /// It takes nobody new, by order or by its own decision.
    pub draining: bool,
    /// Why it can't take anybody new, where it can't.
    pub excluded: Option<Exclusion>,
    /// How its sessions are told apart, once it has reported.
    pub kind: Option<SessionKind>,
    /// How busy it says it is.
    pub load: Load,
    /// Its sessions.
    pub sessions: u32,
    /// Sessions and held seats, those that it has not reported yet among them.
    pub taken: u32,
    /// Its hard cap.
    pub hard_cap: u32,
    /// Logons in flight, those that it has not reported yet among them.
    pub logons: u32,
    /// How many it takes at once now.
    pub logon_slots: u32,
    /// How old its last good report is, in ms.
    pub report_age_ms: Option<u64>,
    /// How long its slow start still takes, in ms; 0 where it is over.
    pub slow_start_left_ms: u64,
    /// Until when it is set aside for failed logons.
    pub set_aside_until: Option<Mono>,
}

/// A seat that is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatView {
    /// The host.
    pub host: HostId,
    /// The seat.
    pub seat: SeatId,
    /// For whom.
    pub user: UserName,
    /// What for.
    pub item: ItemId,
    /// How long it is still held, in ms.
    pub left_ms: u64,
}

impl Site {
    /// The hosts of the catalog, by id.
    pub fn hosts(&self, now: Mono) -> impl Iterator<Item = HostView> + '_ {
        self.hosts.iter().filter(|(_, host)| host.listed).map(move |(row, host)| {
            let figures = self.hosts.board.figures(row);
            let report = host.report.as_deref();
            HostView {
                host: host.id,
                name: host.name.to_string(),
                up: host.up,
                draining: host.ordered_drain || report.is_some_and(|r| r.draining),
                excluded: match host.standing(&figures, now) {
                    Standing::Excluded(why) => Some(why),
                    Standing::Eligible | Standing::Gone => None,
                },
                kind: report.map(|r| r.kind),
                load: report.map(|r| r.load).unwrap_or_default(),
                sessions: report.map_or(0, |r| u32::try_from(r.sessions.len()).unwrap_or(u32::MAX)),
                taken: figures.taken,
                hard_cap: figures.cap,
                logons: figures.logons,
                logon_slots: figures.slots,
                report_age_ms: host.heard_at.map(|at| now.since(at)),
                slow_start_left_ms: host.slow_until.since(now),
                set_aside_until: Some(host.aside.until).filter(|until| host.aside.effective && *until > now),
            }
        })
    }

    /// All sessions that are known, by host and id; those of silent hosts too, while they are kept.
    pub fn sessions(&self) -> impl Iterator<Item = (HostId, &Session)> {
        self.hosts.iter().flat_map(|(_, host)| {
            host.report.iter().flat_map(|report| report.sessions.iter().map(|session| (host.id, session)))
        })
    }

    /// The seats that the hosts report, by host and id, whichever broker gave them out.
    pub fn seats(&self, now: Mono) -> impl Iterator<Item = SeatView> + '_ {
        self.hosts.iter().flat_map(move |(_, host)| {
            let age_ms = host.report_age_ms(now);
            host.report.iter().flat_map(|report| report.seats.iter()).map(move |seat: &HeldSeat| SeatView {
                host: host.id,
                seat: seat.seat,
                user: seat.user.clone(),
                item: seat.item,
                left_ms: seat.left_ms.saturating_sub(age_ms),
            })
        })
    }
}
