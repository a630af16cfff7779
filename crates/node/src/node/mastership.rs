//! Who becomes the master: planned, forced, or renewed. What nobody has to say is in `election`.

use super::{Node, Output};
use crate::candidacy::{Candidacy, Purpose, Stage};
use crate::decide::Decide;
use crate::decide::find::Find;
use crate::decide::settings::SettingKey;
use crate::pending::Origin;
use crate::{AlarmCode, Command, CommandError, Continuity, Message, Outcome};
use hostler_events::payload::{Evidence, Promoted, PromotionKind, Sealed};
use hostler_events::{Actor, Event, StoredEvent};
use hostler_model::{BrokerId, Epoch, Mono, Now, SiteId, Thing, limits};
use hostler_views::{Mastership, Seal, State};
use std::collections::BTreeSet;
use std::fmt::Write;

/// How long a successor has to take over, in ms.
const HANDOVER_MS: u64 = 2_500;

/// The master has stopped and waits for its successor.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    /// Who waits for the answer; nobody where it goes back by itself, or was begun before a restart.
    origin: Option<Origin>,
    seal: Seal,
    pub(super) until: Mono,
}

impl Node {
    /// The mastership that counts, whoever has it.
    pub(super) fn mastership(&self) -> Option<&Mastership> {
        self.replica.views.site(self.site)?.master.as_ref()
    }

    /// Where the present master has stopped for a successor.
    pub(super) fn seal(&self) -> Option<Seal> {
        self.mastership().and_then(|m| m.sealed)
    }

    /// Promotes another broker, with the present master's help.
    pub(super) fn promote_planned(&mut self, now: Now, origin: Origin, actor: Actor, command: Box<Command>) {
        let Command::Promote { broker } = &*command else { return };
        let result = match self.master() {
            Some((master, _)) if master == self.me => self.hand_over_to(now, origin, actor, broker),
            Some((master, _)) if self.answers(now, master) => return self.forward(now, origin, master, actor, command),
            _ => Err(self.explain_loss(now, broker)),
        };
        match result {
            Ok(None) => {}
            Ok(Some(outcome)) => self.answer(origin, Ok(outcome)),
            Err(error) => self.answer(origin, Err(error)),
        }
    }

    /// `None` where the answer comes later.
    fn hand_over_to(
        &mut self,
        now: Now,
        origin: Origin,
        actor: Actor,
        broker: &str,
    ) -> Result<Option<Outcome>, CommandError> {
        self.may_author()?;
        self.authorized(now, actor, &Command::Promote { broker: broker.to_string() })?;
        let site = self.replica.views.site(self.site).ok_or(CommandError::NotReady)?;
        let successor = Find(site).broker(broker)?;
        let name = self.broker_name(successor);
        if let Some(seal) = self.seal() {
            return Err(CommandError::Sealed { successor: self.broker_name(seal.successor) });
        }
        if successor == self.me {
            return Ok(Some(Outcome { thing: Some(Thing::Broker(successor)), ..self.nothing_new() }));
        }
        if !site.brokers.get(&successor).is_some_and(|b| b.enabled) {
            return Err(CommandError::Invalid(format!("broker {name} is disabled: enable it first")));
        }
        if !self.answers(now, successor) {
            return Err(CommandError::Invalid(format!(
                "broker {name} does not answer, so it can't take over; promote another one"
            )));
        }
        self.seal_for(now, successor, actor, Some(origin))?;
        Ok(None)
    }

    pub(super) fn seal_for(
        &mut self,
        now: Now,
        successor: BrokerId,
        actor: Actor,
        origin: Option<Origin>,
    ) -> Result<(), CommandError> {
        let mut events: Vec<StoredEvent> = self.renew_where_broken(now)?.into_iter().collect();
        let sealed = self.write(now, actor, &Event::Sealed(Sealed { successor }).into())?;
        let seal = Seal { successor, event: sealed.reference() };
        events.push(sealed);
        self.append(events, None);
        self.handover = Some(Handover { origin, seal, until: now.mono.plus(HANDOVER_MS) });
        self.out.push_back(Output::Changed);
        Ok(())
    }

    /// Promotes a broker although the master does not answer: only the broker itself can.
    pub(super) fn promote_forced(&mut self, now: Now, origin: Origin, actor: Actor, command: Box<Command>) {
        let result = match &*command {
            Command::ForcePromotion { broker, lost, reason } => {
                match self.force(now, origin, actor, broker, lost, reason) {
                    Ok(Some(other)) => return self.forward(now, origin, other, actor, command),
                    result => result.map(|_| ()),
                }
            }
            _ => Ok(()),
        };
        if let Err(error) = result {
            self.answer(origin, Err(error));
        }
    }

    /// Begins, where it is about this broker; says who else must, where it is not.
    fn force(
        &mut self,
        now: Now,
        origin: Origin,
        actor: Actor,
        broker: &str,
        lost: &str,
        reason: &str,
    ) -> Result<Option<BrokerId>, CommandError> {
        let site = self.replica.views.site(self.site).ok_or(CommandError::NotReady)?;
        let promoted = Find(site).broker(broker)?;
        let lost = Find(site).broker_ever(lost)?;
        if promoted != self.me {
            return match self.answers(now, promoted) {
                true => Ok(Some(promoted)),
                false => Err(CommandError::Invalid(format!(
                    "broker {} does not answer; promote one that does, or give the command on that machine",
                    self.broker_name(promoted)
                ))),
            };
        }
        let master = self.mastership().map(|m| m.epoch.broker).ok_or(CommandError::NotReady)?;
        let enabled = site.brokers.get(&self.me).is_some_and(|b| b.enabled);
        let (master_name, lost_name) = (self.broker_name(master), self.broker_name(lost));
        let command = Command::ForcePromotion { broker: String::new(), lost: String::new(), reason: String::new() };
        self.authorized(now, actor, &command)?;
        self.may_author()?;
        let refuse = |why: String| Err(CommandError::Invalid(why));
        if lost != master {
            return refuse(format!("the master is {master_name}, not {lost_name}: nothing has been done"));
        }
        if master == self.me && self.master().is_some() {
            return refuse(format!("{master_name} is the master already"));
        }
        if master != self.me && self.answers(now, master) {
            return refuse(format!(
                "the master, {master_name}, answers, so it can hand over without anything getting lost: \
                 hostler broker promote {}",
                self.broker_name(self.me)
            ));
        }
        if !enabled {
            return refuse(format!("broker {} is disabled", self.broker_name(self.me)));
        }
        if reason.trim().is_empty() || reason.len() > limits::TEXT_BYTES {
            return refuse(format!(
                "give a reason, in {} bytes at most: it stands in the log for ever",
                limits::TEXT_BYTES
            ));
        }
        if matches!(self.candidacy.as_ref().map(|c| &c.purpose), Some(Purpose::Forced { .. })) {
            return Err(CommandError::Busy);
        }
        self.stand(now, Purpose::Forced { origin, actor, lost, reason: reason.trim().to_string() });
        Ok(None)
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
        let durable = self.replica.durable.clone();
        let highest = self.replica.highest_n(site);
        self.out.push_back(Output::Send { to: from, message: Message::Gathered { round, durable, highest } });
    }

    pub(super) fn gathered(&mut self, from: BrokerId, round: u64, durable: hostler_events::Frontier, highest: u64) {
        let Some(candidacy) = self.candidacy.as_mut().filter(|c| c.round == round) else { return };
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
                    && master.is_some_and(|m| candidacy.answered.contains(&m)) =>
            {
                let reason = format!("{} handed over", master.map_or_else(String::new, |m| self.broker_name(m)));
                self.promote(now, PromotionKind::Planned, *actor, None, reason, &candidacy);
            }
            Purpose::Renewed { reason, by_all } if same && master == Some(self.me) => {
                let others = self.replica.views.site(self.site).map(|s| s.order.clone()).unwrap_or_default();
                let all = others.iter().all(|b| *b == self.me || candidacy.answered.contains(b));
                if all || !by_all {
                    self.promote(now, PromotionKind::Planned, Actor::System, None, reason.clone(), &candidacy);
                } else {
                    self.candidacy = None;
                }
            }
            Purpose::Forced { origin, actor, lost, reason } => {
                if master == Some(*lost) {
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
        self.replica.highest_n(self.site).max(candidacy.highest).max(self.fenced.n) + 1
    }

    /// The present master has stopped for this broker, or this broker stopped before it was restarted.
    fn notice_seal(&mut self, now: Now) {
        let Some(seal) = self.seal() else { return };
        let master = self.mastership().map(|m| m.epoch.broker);
        let busy = self.candidacy.is_some() || self.continuity.is_asking();
        if seal.successor == self.me && master != Some(self.me) && !busy {
            if self.may_author().is_ok() && master.is_some_and(|m| self.answers(now, m)) {
                let sealed = self.replica.views.timeline(self.site);
                let sealed = sealed.and_then(|t| t.find(seal.event.feed, seal.event.seq));
                let actor = sealed.map_or(Actor::System, |l| l.header.actor);
                self.stand(now, Purpose::Planned { seal: seal.event, actor });
            }
        } else if master == Some(self.me) && self.handover.is_none() && !busy {
            self.handover = Some(Handover { origin: None, seal, until: now.mono.plus(HANDOVER_MS) });
        }
    }

    /// The successor has taken over, or it has not in time: then this broker goes on.
    fn finish_handover(&mut self, now: Now) {
        let Some(handover) = self.handover.clone() else { return };
        let Some(mastership) = self.mastership().cloned() else { return };
        let promotion = mastership.promotion;
        if mastership.sealed.is_none_or(|s| s.event != handover.seal.event) {
            if !self.replica.durable.contains(&promotion.feed, promotion.seq) {
                return;
            }
            self.handover = None;
            let Some(origin) = handover.origin else { return };
            let successor = handover.seal.successor;
            let result = if mastership.epoch.broker == successor {
                // It is on the successor's disk, which passed it on, and on this one.
                let events = vec![handover.seal.event, promotion];
                let outcome = Outcome { thing: Some(Thing::Broker(successor)), events, ..self.nothing_new() };
                Ok(Outcome { durable_on: 2, ..outcome })
            } else {
                let other = self.broker_name(mastership.epoch.broker);
                Err(CommandError::NotPromoted(format!("broker {other} has become the master instead")))
            };
            self.answer(origin, result);
        } else if now.mono >= handover.until && self.candidacy.is_none() {
            let name = self.broker_name(handover.seal.successor);
            if let Some(origin) = handover.origin {
                let text = format!("broker {name} did not take over in time; {} goes on", self.broker_name(self.me));
                self.answer(origin, Err(CommandError::NotPromoted(text)));
            }
            // Until the new epoch begins nothing structural is authored: the successor may still appear.
            self.handover = Some(Handover { origin: None, until: now.mono.plus(HANDOVER_MS), ..handover });
            self.stand(now, Purpose::Renewed { reason: format!("{name} did not take over"), by_all: false });
        }
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
        let voters: BTreeSet<BrokerId> = mastership.voters.iter().copied().collect();
        let changed = site.map(active).is_some_and(|a| a.into_iter().collect::<BTreeSet<_>>() != voters);
        let forgotten = self.fenced > own && self.fenced > self.epoch();
        let purpose = if automatic && changed && self.master().is_some() {
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

    /// Refuses where this broker must not decide at all.
    pub(super) fn may_author(&self) -> Result<(), CommandError> {
        if self.is_removed() {
            return Err(CommandError::Removed);
        }
        if let Some(event) = self.replica.views.halted_by() {
            return Err(CommandError::Halted(event.to_string()));
        }
        let ahead_ms = self.ahead_ms();
        if ahead_ms > limits::CLOCK_REFUSE_AHEAD_MS {
            return Err(CommandError::ClockAhead { ahead_s: ahead_ms / 1_000 });
        }
        Ok(())
    }

    fn authorized(&mut self, now: Now, actor: Actor, command: &Command) -> Result<(), CommandError> {
        let mut random = self.random.generator();
        Decide::new(&self.replica.views, self.site, self.me, now.wall, actor, &mut random)
            .ok_or(CommandError::NotReady)?
            .authorize(command)
    }

    /// True where a broker is linked and was heard a moment ago.
    pub(super) fn answers(&self, now: Now, broker: BrokerId) -> bool {
        self.peers.get(&broker).is_some_and(|p| p.linked) && self.heard.answers(now.mono, broker)
    }

    fn nothing_new(&self) -> Outcome {
        Outcome { thing: None, events: Vec::new(), durable_on: 1, members: self.member_count(), warnings: Vec::new() }
    }

    /// What forcing a promotion means, and who is there.
    fn explain_loss(&self, now: Now, broker: &str) -> CommandError {
        let site = self.replica.views.site(self.site);
        let (Some(site), Some(master)) = (site, self.mastership().map(|m| m.epoch.broker)) else {
            return CommandError::NotReady;
        };
        let wanted = match Find(site).broker(broker) {
            Ok(id) => self.broker_name(id),
            Err(error) => return error,
        };
        let master_name = self.broker_name(master);
        let heard = |b: BrokerId| match self.heard.last(b) {
            _ if b == self.me => "this broker".to_string(),
            Some(_) if self.answers(now, b) => "answers".to_string(),
            Some(at) => format!("last heard {} s ago", now.wall.0.saturating_sub(at.0) / 1_000),
            None => "not heard since this broker started".to_string(),
        };
        let mut text = format!(
            "the master, {master_name}, does not answer ({}), so it can't hand over. If it is lost, promote {wanted} \
             without it:\n  hostler broker promote {wanted} --force --lost {master_name} --reason TEXT\nWhat that means: \
             {wanted} is the master at once. Where {master_name} still runs in another part of the network, the changes \
             to brokers, administrators and settings that it takes until it hears of this are superseded: kept, listed \
             by 'hostler log superseded', and not applied. Everyday changes of both sides are merged. Users notice \
             nothing. Seen from {}:",
            heard(master),
            self.broker_name(self.me),
        );
        for id in &site.order {
            // Writing to a String can't fail.
            let _ = write!(text, "\n  {}: {}", self.broker_name(*id), heard(*id));
        }
        CommandError::MasterLost(text)
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

#[cfg(feature = "planted-faults")]
impl Handover {
    /// What matters of it from here on.
    pub(super) fn essence(&self, now: Mono) -> impl std::hash::Hash + use<> {
        (self.origin.is_some(), self.seal.event, self.until.since(now))
    }
}
