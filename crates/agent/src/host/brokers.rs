//! The brokers of the site: following their list, and what the farm wants of the host.

use super::{Host, LinkId, Linked, Stop};
use crate::broker_book::Ruling;
use crate::broker_link::BrokerLink;
use actix::fut::WrapFuture;
use actix::{ActorFutureExt, AsyncContext, Context};
use hostler_model::{BrokerId, Epoch, MemberRole};
use hostler_seating::admission::AdmissionInput;
use hostler_wire::messages::agent::{AgentToBroker, HostSettings};
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};
use std::time::Duration;
use tokio::time::timeout;

/// How long a new list waits for the disk, in ms.
const KEEP_MS: u64 = 2_000;

impl Host {
    /// A broker's list of brokers. It is followed when it is on disk, so that no restart believes a lower epoch again.
    pub(super) fn brokers(&mut self, link: LinkId, list: BrokerList, ctx: &mut Context<Self>) {
        let epoch = list.epoch;
        if let Some(linked) = self.links.get_mut(&link.broker) {
            linked.stands_at = (link.connection, epoch);
        }
        let broker = link.broker.short();
        match self.parts.book.judge_list(list) {
            Ruling::Known => {}
            Ruling::Taken => {
                let list = self.parts.book.list().clone();
                let names: Vec<_> = list.brokers.iter().map(|entry| entry.name.as_str()).collect();
                tracing::info!(%broker, %epoch, brokers = ?names, "took a new list of brokers");
                let tried = timeout(Duration::from_millis(KEEP_MS), self.parts.disk.keep_brokers(list));
                // Where the disk fails, the error is logged there: to go on with an old list would help nobody.
                ctx.spawn(tried.into_actor(self).map(|_, act: &mut Self, ctx| {
                    act.followed = act.parts.book.list().clone();
                    act.care_for_links(ctx);
                }));
            }
            Ruling::Fenced(seen) => {
                tracing::warn!(%broker, %epoch, %seen, "refused a list of brokers: it comes under a lower epoch");
                self.answer(link, AgentToBroker::Fenced { epoch: seen });
            }
            Ruling::Nonsense(why) => tracing::error!(%broker, %epoch, why, "refused a list of brokers"),
        }
    }

    /// What the farm wants of this host.
    pub(super) fn settings(&mut self, link: LinkId, settings: HostSettings, ctx: &mut Context<Self>) {
        let stands_at = self.links.get(&link.broker).map(|linked| linked.stands_at);
        let under = stands_at.filter(|(connection, _)| *connection == link.connection).map_or(Epoch::NONE, |(_, e)| e);
        let broker = link.broker.short();
        if let Err(seen) = self.parts.book.judge_settings(under) {
            tracing::warn!(%broker, epoch = %under, %seen, "refused settings: they come under a lower epoch");
            self.answer(link, AgentToBroker::Fenced { epoch: seen });
            return;
        }
        let HostSettings { name, drain, hard_cap, logon_slots } = settings;
        tracing::debug!(%broker, %name, drain, hard_cap, logon_slots, "what the farm wants of this host");
        self.judge(AdmissionInput::Limits { hard_cap, logon_slots }, None, ctx);
        self.judge(AdmissionInput::Drain(drain), None, ctx);
    }

    /// Makes the links those of the list: new ones, changed ones, and ones that have ended by an error of their own.
    pub(super) fn care_for_links(&mut self, ctx: &mut Context<Self>) {
        let list = self.followed.clone();
        // First the keys: a link is let in by them, and ended with them.
        let keys = list.brokers.iter().map(|entry| (entry.key, entry.id.0));
        self.parts.links.roster.set(MemberRole::Broker, keys);
        let find = |id: BrokerId| list.brokers.iter().find(|entry| entry.id == id);
        self.links.retain(|id, linked| {
            let keep = find(*id).is_some_and(|entry| same_place(entry, &linked.entry)) && linked.link.connected();
            if !keep {
                linked.link.do_send(Stop);
            }
            keep
        });
        for entry in list.brokers {
            if let Some(linked) = self.links.get_mut(&entry.id) {
                linked.entry = entry;
                continue;
            }
            let link = BrokerLink::open(entry.clone(), self.parts.host, ctx.address(), self.parts.links.clone());
            self.links.insert(entry.id, Linked { entry, link, stands_at: (0, Epoch::NONE) });
        }
    }
}

/// The link to it can stay as it is.
fn same_place(new: &BrokerEntry, old: &BrokerEntry) -> bool {
    (new.key, &new.addresses.agent) == (old.key, &old.addresses.agent)
}
