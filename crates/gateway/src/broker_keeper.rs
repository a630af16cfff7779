//! Keeps the list of brokers: judges the lists that they send, writes the one that counts to disk, and sees to it that
//! every broker on it has a link.

use crate::broker_link::{BrokerLink, Offer, SessionOptions};
use crate::brokers::{Brokers, LinkHandle, LinkStatus};
use crate::kept_list::{KeptList, Verdict};
use crate::metrics::{Metrics, count};
use hostler_model::{Epoch, GatewayId, MemberRole};
use hostler_wire::messages::gateway::GatewayToBroker;
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};
use hostler_wire::{Dialer, Roster};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

/// Lists that wait to be judged.
pub(crate) const OFFERS: usize = 64;
/// How often brokers are told how much this gateway carries, and dead links are started again, in ms.
const ROUND_MS: u64 = 5_000;

/// What the keeper needs.
pub(crate) struct Keeper {
    pub(crate) id: GatewayId,
    pub(crate) kept: KeptList,
    pub(crate) roster: Arc<Roster>,
    pub(crate) brokers: Arc<Brokers>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) runtime: Handle,
    pub(crate) epoch: watch::Sender<Epoch>,
    pub(crate) offers: mpsc::Sender<Offer>,
    pub(crate) alive: mpsc::Sender<()>,
}

impl Keeper {
    /// Runs until it is aborted.
    pub(crate) async fn run(mut self, mut offered: mpsc::Receiver<Offer>) {
        self.save().await;
        self.apply();
        let mut round = interval(Duration::from_millis(ROUND_MS));
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(offer) = offered.recv() => self.judge(offer).await,
                _ = round.tick() => self.round(),
            }
        }
    }

    async fn judge(&mut self, offer: Offer) {
        let from = offer.from;
        let epoch = offer.list.epoch;
        let verdict = self.kept.offer(offer.list);
        match verdict {
            Verdict::Taken => {
                tracing::info!(%from, %epoch, brokers = self.kept.list.brokers.len(), "the list of brokers has changed");
                self.save().await;
                self.apply();
            }
            Verdict::Same => {}
            Verdict::Fenced(seen) => {
                count(&self.metrics.fenced);
                tracing::warn!(%from, %epoch, %seen, "refused a list of brokers: a later mastership has been seen");
            }
            Verdict::Empty => tracing::warn!(%from, %epoch, "refused a list of brokers: it is empty"),
        }
        // Whoever asked may have been removed by this very list.
        let _ = offer.verdict.send(verdict);
    }

    /// Seating must go on where the disk is full, so an error is shown and nothing else.
    async fn save(&self) {
        let kept = self.kept.clone();
        let saved = self.runtime.spawn_blocking(move || kept.save()).await;
        let error = match saved {
            Ok(Ok(())) => return,
            Ok(Err(e)) => e.to_string(),
            Err(e) => format!("writing the list of brokers panicked: {e}"),
        };
        tracing::error!(%error, "the list of brokers is not on disk; a restart would go back to the one before");
    }

    /// Keys first: a link can come up only after that, and links of removed keys end by it.
    fn apply(&mut self) {
        self.epoch.send_replace(self.kept.epoch);
        let BrokerList { brokers, .. } = &self.kept.list;
        self.roster.set(MemberRole::Broker, brokers.iter().map(|b| (b.key, b.id.0)));
        let links = self.brokers.links();
        let kept_or_new = |entry: &BrokerEntry| {
            let same = |l: &&LinkHandle| l.id == entry.id && l.access == entry.addresses.access && l.link.runs();
            match links.iter().find(same) {
                Some(link) => LinkHandle { enabled: entry.enabled, ..link.clone() },
                None => self.start_link(entry),
            }
        };
        self.brokers.set_links(brokers.iter().map(kept_or_new).collect());
    }

    fn start_link(&self, entry: &BrokerEntry) -> LinkHandle {
        let status = Arc::new(LinkStatus::default());
        let options = SessionOptions {
            broker: entry.clone(),
            gateway: self.id,
            dialer: self.dialer.clone(),
            epoch: self.epoch.subscribe(),
            offers: self.offers.clone(),
            _alive: self.alive.clone(),
        };
        let link = BrokerLink::start(options, &self.runtime, self.brokers.clone(), status.clone());
        LinkHandle { id: entry.id, access: entry.addresses.access.clone(), enabled: entry.enabled, link, status }
    }

    fn round(&mut self) {
        let carrying = self.metrics.carrying.load(Ordering::Relaxed);
        let connections = u32::try_from(carrying).unwrap_or(u32::MAX);
        let links = self.brokers.links();
        for link in links.iter().filter(|l| l.status.is_live()) {
            link.link.tell(&GatewayToBroker::Load { connections });
        }
        // A panic ends a session, and nothing but this starts it again.
        if links.iter().any(|l| !l.link.runs()) {
            tracing::error!("a link's session had ended; starting it again");
            self.apply();
        }
    }
}
