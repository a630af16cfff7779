//! The way to a new epoch, whatever it begins for: gather all that the others have, look again, author the promotion. How
//! one begins is in `handover` (planned), `forced` and `election` (automatic); here also what the master renews itself.

use super::handover::HANDOVER_MS;
use super::{Node, Output};
use crate::candidacy::{Candidacy, Purpose, Stage};
use crate::decide::Decide;
use crate::decide::settings::SettingKey;
use crate::fault::Fault;
use crate::{AlarmCode, Command, CommandError, Continuity, Message, Outcome};
use hostler_events::payload::{Evidence, Promoted, PromotionKind};
use hostler_events::{Actor, Class, Event, StoredEvent};
use hostler_model::{BrokerId, Epoch, Now, SiteId, Thing, limits};
use hostler_views::{Mastership, Seal, State};
use std::collections::BTreeSet;

impl Node {
    /// The mastership that counts, whoever has it.
    pub(super) fn mastership(&self) -> Option<&Mastership> {
        self.replica.views.site(self.site)?.master.as_ref()
    }

    /// Where the present master has stopped for a successor.
    pub(super) fn seal(&self) -> Option<Seal> {
        self.mastership().and_then(|m| m.sealed)
    }

    /// The seal that keeps the master from writing.
    pub(super) fn heeded_seal(&self) -> Option<Seal> {
        self.seal().filter(|_| !self.planted.is(Fault::SealIgnored))
    }

    /// The event that keeps this broker from deciding.
    pub(super) fn halted_by(&self) -> Option<hostler_events::EventRef> {
        self.replica.views.halted_by().filter(|_| !self.planted.is(Fault::HaltIgnored))
    }

    /// Asks everybody for what they have, on the way to a new epoch.
    pub(super) fn stand(&mut self, now: Now, purpose: Purpose) {
        let round = self.number();
        let asked: BTreeSet<BrokerId> = self.peers.iter().filter(|(_, p)| p.linked).map(|(id, _)| *id).collect();
        for to in &asked {
            self.out.push_back(Output::Send { to: *to, message: Message::Gather { round, site: self.site } });
        }
        let succeeds = self.mastership().map_or(Epoch::NONE, |m| m.epoch);
        self.candidacy = Some(Candidacy::new(now.mono, purpose, succeeds, round, asked));
    }

    pub(super) fn gather(&mut self, from: BrokerId, round: u64, site: SiteId) {
        if site == self.site && !self.heed_gathering(from) {
            return;
        }
        let durable = self.replica.durable.clone();
        let highest = self.replica.highest_n(site);
        self.out.push_back(Output::Send { to: from, message: Message::Gathered { round, durable, highest } });
    }

    pub(super) fn gathered(&mut self, from: BrokerId, round: u64, durable: hostler_events::Frontier, highest: u64) {
        let Some(candidacy) = self.candidacy.as_mut().filter(|c| c.round == round) else { return };
        let durable = self.replica.forks.frontier(&durable);
        candidacy.answer(from, &durable, highest);
        if let Some(heads) = self.peers.get_mut(&from).and_then(|p| p.heads.as_mut()) {
            heads.durable.join(&durable);
        }
        self.pull(from, None);
    }

    /// What is due on the way to a new epoch, and what begins one without anybody's word.
    pub(super) fn tend_mastership(&mut self, now: Now) {
        let epoch = self.mastership().map(|m| m.epoch);
        if epoch != self.known_mastership {
            // A new master has the whole time to be heard.
            self.known_mastership = epoch;
            self.heard.listen_anew(now.mono);
        }
        self.notice_seal(now);
        self.finish_handover(now);
        self.renew_where_due(now);
        self.consider_election(now);
        let linked = |b: &BrokerId| self.peers.get(b).is_some_and(|p| p.linked);
        if let Some(candidacy) = self.candidacy.as_mut() {
            candidacy.waiting.retain(linked);
        }
        let Some(candidacy) = &self.candidacy else { return };
        match candidacy.stage {
            Stage::Gathering if candidacy.has_gathered(now.mono, &self.replica.durable) => self.look_again(now),
            Stage::Gathering => {}
            Stage::Voting(n) => self.count_votes(now, n),
        }
    }

    /// All that could be learnt is here: is the reason still one?
    fn look_again(&mut self, now: Now) {
        let Some(candidacy) = self.candidacy.clone() else { return };
        let same = self.mastership().is_some_and(|m| m.epoch == candidacy.succeeds);
        let master = self.mastership().map(|m| m.epoch.broker);
        match &candidacy.purpose {
            // The master's answer says that it still waits: one that could not be reached may have gone on by now, and
            // what it did since would be superseded.
            Purpose::Planned { seal, actor }
                if same
                    && self.seal().is_some_and(|s| s.event == *seal)
                    && self.knows_highest(&candidacy)
                    && master.is_some_and(|m| {
                        candidacy.answered.contains(&m) && candidacy.has_all_of(m, &self.replica.durable)
                    }) =>
            {
                let reason = format!("{} handed over", master.map_or_else(String::new, |m| self.broker_name(m)));
                self.promote(now, PromotionKind::Planned, *actor, None, reason, &candidacy);
            }
            Purpose::Renewed { reason, by_all } if same && master == Some(self.me) => {
                let others = self.replica.views.site(self.site).map(|s| s.order.clone()).unwrap_or_default();
                let all = others.iter().all(|b| *b == self.me || candidacy.answered.contains(b));
                if (all || !by_all) && self.may_take_back(&candidacy) {
                    self.promote(now, PromotionKind::Planned, Actor::System, None, reason.clone(), &candidacy);
                } else {
                    self.candidacy = None;
                }
            }
            Purpose::Forced { origin, actor, lost, reason } => {
                let awaited = self.awaited_successor(now).filter(|_| master == Some(self.me));
                if master == Some(*lost) || awaited == Some(*lost) {
                    self.promote(now, PromotionKind::Forced, *actor, Some(*lost), reason.clone(), &candidacy);
                } else {
                    let name = master.map_or_else(String::new, |m| self.broker_name(m));
                    self.candidacy = None;
                    let text = format!("broker {name} has become the master meanwhile: nothing has been done");
                    self.answer(*origin, Err(CommandError::NotPromoted(text)));
                }
            }
            Purpose::Automatic if same => self.ask_for_votes(now),
            _ => self.candidacy = None,
        }
    }

    /// Starts the epoch.
    pub(super) fn promote(
        &mut self,
        now: Now,
        kind: PromotionKind,
        actor: Actor,
        lost: Option<BrokerId>,
        reason: String,
        candidacy: &Candidacy,
    ) {
        self.candidacy = None;
        let origin = match candidacy.purpose {
            Purpose::Forced { origin, .. } => Some(origin),
            _ => None,
        };
        let n = match candidacy.stage {
            Stage::Voting(n) => n,
            Stage::Gathering => self.next_n(candidacy),
        };
        let site = self.replica.views.site(self.site);
        let others = site.map(|s| s.order.clone()).unwrap_or_default().into_iter().filter(|b| *b != self.me);
        let evidence = others.map(|broker| Evidence {
            broker,
            reachable: candidacy.answered.contains(&broker),
            last_heard: self.heard.last(broker),
        });
        let evidence = evidence.collect();
        let voters = site.map(active).unwrap_or_default();
        let promoted = Event::Promoted(Promoted { kind, voters, evidence, lost, reason });
        let mut events = Vec::new();
        let result = self.author_promotion(now, actor, promoted, n, &mut events);
        let result = result.map(|()| Outcome {
            thing: Some(Thing::Broker(self.me)),
            events: events.iter().map(StoredEvent::reference).collect(),
            ..self.nothing_new()
        });
        match (origin, result) {
            (Some(origin), Ok(outcome)) => return self.store(origin, outcome, events),
            (Some(origin), Err(error)) => self.answer(origin, Err(error)),
            (None, Err(error)) => {
                self.alarm(AlarmCode::PromotionFailed, format!("no new epoch could be started: {error}"))
            }
            (None, Ok(_)) => {}
        }
        if !events.is_empty() {
            self.append(events, None);
        }
        self.out.push_back(Output::Changed);
    }

    fn author_promotion(
        &mut self,
        now: Now,
        actor: Actor,
        promoted: Event,
        n: u64,
        events: &mut Vec<StoredEvent>,
    ) -> Result<(), CommandError> {
        self.may_author()?;
        events.extend(self.renew_where_broken(now)?);
        let epoch = Epoch { n, ..Epoch::NONE };
        events.push(self.write_under(now, actor, &promoted.into(), epoch)?);
        Ok(())
    }

    /// The number of a new epoch: above all that anybody has seen.
    pub(super) fn next_n(&self, candidacy: &Candidacy) -> u64 {
        let above = u64::from(!self.planted.is(Fault::EpochReused));
        self.replica.highest_n(self.site).max(candidacy.highest).max(self.fenced.n) + above
    }

    /// The master starts its next epoch where the list of voters changed, or where members have seen an epoch that
    /// nobody remembers: the farm was restored from a backup.
    fn renew_where_due(&mut self, now: Now) {
        let busy = self.candidacy.is_some() || self.continuity.is_asking() || self.seal().is_some();
        let Some(mastership) = self.mastership().filter(|m| m.epoch.broker == self.me && !busy) else { return };
        if now.mono < self.next_renewal || self.may_author().is_err() {
            return;
        }
        let own = mastership.epoch;
        let site = self.replica.views.site(self.site);
        let main = self.replica.views.main();
        let automatic = main.and_then(SettingKey::automatic_after_ms).is_some();
        let voters = || mastership.voters.iter().copied().collect::<BTreeSet<BrokerId>>();
        let changed = || site.map(active).is_some_and(|a| a.into_iter().collect::<BTreeSet<_>>() != voters());
        let forgotten = self.fenced > own && self.fenced > self.epoch();
        let purpose = if automatic && changed() && self.master().is_some() {
            Purpose::Renewed { reason: "the list of voters changed".to_string(), by_all: false }
        } else if forgotten {
            let reason = format!("members have seen epoch {}, which is in no log any more", self.fenced.n);
            Purpose::Renewed { reason, by_all: true }
        } else {
            return;
        };
        self.next_renewal = now.mono.plus(HANDOVER_MS);
        self.stand(now, purpose);
    }

    /// Refuses where this broker must not decide about masterships at all.
    pub(super) fn may_author(&self) -> Result<(), CommandError> {
        self.may_author_in(Class::Structural)
    }

    /// Refuses where this broker must not write events of this class. Revocations can't wait for a clock.
    pub(super) fn may_author_in(&self, class: Class) -> Result<(), CommandError> {
        if self.is_removed() {
            return Err(CommandError::Removed);
        }
        if let Some(event) = self.halted_by() {
            return Err(CommandError::Halted(event.to_string()));
        }
        // By its clock brokers join in the future, and nobody can tell whether the clock is right: what it would write could
        // take no notice of who the members are.
        if !self.replica.held_brokers.is_empty() && !self.heard.knows_the_time() {
            return Err(CommandError::NotReady);
        }
        let ahead_ms = self.ahead_ms();
        if ahead_ms > limits::CLOCK_REFUSE_AHEAD_MS && class != Class::Revocation {
            return Err(CommandError::ClockAhead { ahead_s: ahead_ms / 1_000 });
        }
        Ok(())
    }

    pub(super) fn authorized(&mut self, now: Now, actor: Actor, command: &Command) -> Result<(), CommandError> {
        let mut random = self.random.generator();
        Decide::new(&self.replica.views, self.site, self.me, now.wall, actor, &mut random)
            .ok_or(CommandError::NotReady)?
            .authorize(command)
    }

    /// True where a broker is linked and was heard a moment ago.
    pub(super) fn answers(&self, now: Now, broker: BrokerId) -> bool {
        self.peers.get(&broker).is_some_and(|p| p.linked) && self.heard.answers(now.mono, broker)
    }

    pub(super) fn nothing_new(&self) -> Outcome {
        Outcome { thing: None, events: Vec::new(), durable_on: 1, members: self.member_count(), warnings: Vec::new() }
    }
}

/// The brokers of a site that take work and vote, by priority.
pub(super) fn active(site: &State) -> Vec<BrokerId> {
    let active = |b: &&BrokerId| site.brokers.get(b).is_some_and(|b| b.enabled && !b.standby);
    site.order.iter().filter(active).copied().collect()
}

impl Continuity {
    /// True while it is not known whether the feed goes on.
    pub(crate) fn is_asking(&self) -> bool {
        matches!(self, Self::Asking { .. })
    }
}
