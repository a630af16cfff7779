//! The sessions of a host: recognising them from one look to the next, binding new ones to seats, and tickets to them.

use super::io::{AdmissionOutput, FoundSession, KeptSession, KeptTicket};
use super::{Admission, STARTED_JITTER_MS, STRANGER_AGAIN_MS, TICKETS_PER_SESSION, USED_TICKETS};
use crate::explanation::Explanation;
use crate::report::{Origin, Session};
use hostler_model::limits::{SEAT_HOLD_MS, SESSIONS_PER_HOST};
use hostler_model::{HostId, Mono, Now, SessionId, TicketId, UserName, Wall};
use std::sync::Arc;

/// A session that lives.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) key: String,
    pub(super) session: Session,
    pub(super) tickets: Vec<KeptTicket>,
    /// Where it began with a seat.
    pub(super) explanation: Option<Arc<Explanation>>,
    /// Until when its user may be on the way back: a ticket was presented, and the session was not seen to become
    /// active since.
    pub(super) awaited_until: Option<Mono>,
}

/// A session of somebody who came in with the ticket of somebody else; it is being ended.
#[derive(Clone, Debug)]
pub(super) struct Stranger {
    pub(super) session: SessionId,
    pub(super) user: UserName,
    pub(super) expected: UserName,
    pub(super) started: Wall,
    pub(super) told_at: Mono,
}

/// The id of a session: it depends on nothing that a restart of the agent forgets.
#[must_use]
pub fn session_id(host: HostId, key: &str, started: Wall) -> SessionId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&host.0).update(&started.0.to_le_bytes()).update(key.as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    SessionId(id)
}

/// One look's start of a session and another's are the same.
fn same_start(a: Wall, b: Wall) -> bool {
    a.0.abs_diff(b.0) <= STARTED_JITTER_MS
}

impl Admission {
    pub(super) fn found(&mut self, now: Now, sessions: Vec<FoundSession>) {
        let mut found = sessions;
        found.truncate(SESSIONS_PER_HOST);
        if !found.is_sorted_by(|a, b| a.key < b.key) {
            found.sort_by(|a, b| a.key.cmp(&b.key));
            // Of two with one key the first counts.
            found.dedup_by(|later, first| later.key == first.key);
        }
        self.end_missing(&found);
        let mut unknown = Vec::new();
        for session in found {
            if let Some(live) = self.by_key.get(&session.key).and_then(|id| self.sessions.get_mut(id)) {
                if live.session.state != session.state {
                    self.changed = true;
                    live.session.state = session.state;
                    live.awaited_until = None;
                }
            } else if let Some(stranger) = self.strangers.get_mut(&session.key) {
                if now.mono.since(stranger.told_at) >= STRANGER_AGAIN_MS {
                    stranger.told_at = now.mono;
                    self.outputs.push_back(log_off(&session.key, stranger));
                }
            } else {
                unknown.push(session);
            }
        }
        unknown.sort_by(|a, b| (a.started, &a.key).cmp(&(b.started, &b.key)));
        // Those who were expected first: who is left over then has taken somebody else's place.
        let left: Vec<FoundSession> = unknown.into_iter().filter_map(|session| self.expected(now, session)).collect();
        for session in left {
            self.unexpected(now, session);
        }
        if !self.looked {
            for (_, kept) in std::mem::take(&mut self.kept) {
                kept.tickets.iter().for_each(|bound| self.use_up(bound.ticket));
                self.outputs.push_back(AdmissionOutput::Forget { session: kept.session });
            }
            self.looked = true;
            self.changed = true;
        }
    }

    /// Ends what is not found any more. What is found comes in the order of its keys.
    fn end_missing(&mut self, found: &[FoundSession]) {
        let lives = |key: &str, user: &UserName, started: Wall| {
            let place = found.binary_search_by(|now| now.key.as_str().cmp(key)).ok();
            let now = place.and_then(|place| found.get(place));
            now.is_some_and(|now| now.user == *user && same_start(now.started, started))
        };
        self.strangers.retain(|key, stranger| lives(key, &stranger.user, stranger.started));
        let ended = self.sessions.values().filter(|live| !lives(&live.key, &live.session.user, live.session.started));
        let ended: Vec<SessionId> = ended.map(|live| live.session.id).collect();
        for id in ended {
            let Some(live) = self.sessions.remove(&id) else { continue };
            self.by_key.remove(&live.key);
            self.changed = true;
            for bound in &live.tickets {
                self.tickets.remove(&bound.ticket);
                self.use_up(bound.ticket);
            }
            for seat in self.seats.leading_to(&live.session.user, id) {
                if let Some(seat) = self.seats.remove(seat) {
                    self.use_up(seat.offer.ticket);
                }
            }
            if live.explanation.is_some() {
                self.outputs.push_back(AdmissionOutput::Forget { session: id });
            }
        }
    }

    /// A session that was known before the agent started, or for which a seat is held. Others are given back.
    fn expected(&mut self, now: Now, found: FoundSession) -> Option<FoundSession> {
        let kept = self.kept.remove(&found.key);
        if let Some(kept) = kept {
            if kept.user == found.user && same_start(kept.started, found.started) {
                for bound in &kept.tickets {
                    self.tickets.insert(bound.ticket, kept.session);
                }
                let origin = Origin::Seat { seat: kept.seat, item: kept.item };
                let session =
                    Session { id: kept.session, user: kept.user, state: found.state, started: kept.started, origin };
                self.begin(found.key, session, kept.tickets, Some(kept.explanation));
                return None;
            }
            self.kept.insert(found.key.clone(), kept);
        }
        let Some(seat) = self.seats.for_session(&found.user, found.item).and_then(|id| self.seats.remove(id)) else {
            return Some(found);
        };
        let id = session_id(self.config.host, &found.key, found.started);
        let offer = seat.offer;
        let bound = KeptTicket {
            ticket: offer.ticket,
            seat: offer.seat,
            since: seat.taken.map_or(now.wall, |(_, first)| first),
        };
        self.seats.lead_to(&offer.user, offer.item, id);
        self.tickets.insert(offer.ticket, id);
        let origin = Origin::Seat { seat: offer.seat, item: offer.item };
        let session = Session { id, user: found.user, state: found.state, started: found.started, origin };
        self.begin(found.key, session, vec![bound], Some(offer.explanation));
        self.keep(id);
        None
    }

    /// A session for which no seat is held.
    fn unexpected(&mut self, now: Now, found: FoundSession) {
        let id = session_id(self.config.host, &found.key, found.started);
        if let Some(expected) = self.seats.waits().or_else(|| self.awaited_back(now.mono)).cloned() {
            let stranger =
                Stranger { session: id, user: found.user, expected, started: found.started, told_at: now.mono };
            self.outputs.push_back(log_off(&found.key, &stranger));
            self.strangers.insert(found.key, stranger);
            return;
        }
        // What was there before the agent is nothing to tell of.
        if self.looked {
            self.outputs.push_back(AdmissionOutput::Unexpected { session: id, user: found.user.clone() });
        }
        let origin = Origin::Unbrokered;
        let session = Session { id, user: found.user, state: found.state, started: found.started, origin };
        self.begin(found.key, session, Vec::new(), None);
    }

    fn begin(
        &mut self,
        key: String,
        session: Session,
        tickets: Vec<KeptTicket>,
        explanation: Option<Arc<Explanation>>,
    ) {
        self.changed = true;
        self.by_key.insert(key.clone(), session.id);
        self.sessions.insert(session.id, Live { key, session, tickets, explanation, awaited_until: None });
    }

    /// A ticket that leads back to a session was presented. Whoever holds it may log in as somebody else, just as with
    /// a seat's first ticket, and has as long for it.
    pub(super) fn await_back(&mut self, session: SessionId, now: Mono) {
        if let Some(live) = self.sessions.get_mut(&session) {
            live.awaited_until = Some(now.plus(SEAT_HOLD_MS));
        }
    }

    /// Somebody whose ticket was presented and who has not come back to the session that it leads to.
    fn awaited_back(&self, now: Mono) -> Option<&UserName> {
        let awaited = self.sessions.values().filter(|live| live.awaited_until.is_some_and(|until| now < until));
        awaited.max_by_key(|live| live.awaited_until).map(|live| &live.session.user)
    }

    /// Lets a ticket come back to a session that lives.
    pub(super) fn bind(&mut self, session: SessionId, bound: KeptTicket) {
        let Some(live) = self.sessions.get_mut(&session) else { return };
        if live.tickets.len() >= TICKETS_PER_SESSION {
            let oldest = live.tickets.remove(0);
            self.tickets.remove(&oldest.ticket);
        }
        live.tickets.push(bound);
        self.tickets.insert(bound.ticket, session);
        self.keep(session);
    }

    fn keep(&mut self, session: SessionId) {
        let Some(live) = self.sessions.get(&session) else { return };
        let (Origin::Seat { seat, item }, Some(explanation)) = (&live.session.origin, &live.explanation) else {
            return;
        };
        let kept = KeptSession {
            session,
            key: live.key.clone(),
            user: live.session.user.clone(),
            started: live.session.started,
            seat: *seat,
            item: *item,
            tickets: live.tickets.clone(),
            explanation: Arc::clone(explanation),
        };
        self.outputs.push_back(AdmissionOutput::Keep(Box::new(kept)));
    }

    /// Remembers that a ticket's session has ended, so that its bearer is told so.
    fn use_up(&mut self, ticket: TicketId) {
        if self.used.len() >= USED_TICKETS {
            self.used.pop_front();
        }
        self.used.push_back(ticket);
    }
}

fn log_off(key: &str, stranger: &Stranger) -> AdmissionOutput {
    AdmissionOutput::LogOff {
        key: key.to_string(),
        session: stranger.session,
        user: stranger.user.clone(),
        expected: stranger.expected.clone(),
    }
}
