//! The actor of a link to a gateway: it finds places for the gateway's clients.

use crate::actors::node::{Fenced, GatewayIs, NodeActor};
use crate::catalog::broker_list;
use crate::handle::Handle;
use crate::rotation::replace_key;
use crate::shared::{Changed, Shared};
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, StreamHandler, WrapFuture};
use hostler_model::{GatewayId, Thing, limits};
use hostler_wire::messages::gateway::{BrokerToGateway, GatewayToBroker, TurnedAway};
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{CloseReason, Connection, Typed, TypedReceiver, TypedSender};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, info, info_span, warn};

/// Clients of one gateway that are being seated at one time.
const AT_ONCE: usize = 4_096;

/// The actor of a link to a gateway.
pub(crate) struct GatewayLink {
    gateway: GatewayId,
    connection: Connection,
    sender: TypedSender<BrokerToGateway>,
    receiver: Option<TypedReceiver<GatewayToBroker>>,
    shared: Arc<Shared>,
    node: Addr<NodeActor>,
    handle: Arc<Handle>,
    told: Option<BrokerList>,
}

impl GatewayLink {
    /// The actor of a link that is up.
    #[must_use]
    pub(crate) fn new(
        gateway: GatewayId,
        link: Typed<BrokerToGateway, GatewayToBroker>,
        shared: Arc<Shared>,
        node: Addr<NodeActor>,
        handle: Arc<Handle>,
    ) -> Self {
        let connection = link.connection().clone();
        let (sender, receiver) = link.split();
        Self { gateway, connection, sender, receiver: Some(receiver), shared, node, handle, told: None }
    }

    /// Tells the gateway the brokers of the site, where they have changed.
    fn update(&mut self) {
        let snapshot = self.shared.snapshot.borrow().clone();
        let Some((_, epoch)) = snapshot.master else { return };
        let brokers = broker_list(&snapshot.site, epoch);
        let message = match self.told.replace(brokers.clone()) {
            None => BrokerToGateway::Welcome { version: env!("CARGO_PKG_VERSION").to_string(), brokers },
            Some(before) if before != brokers => BrokerToGateway::Brokers(brokers),
            Some(_) => return,
        };
        if let Err(error) = self.sender.try_send(&message) {
            debug!(%error, "message to a gateway not sent");
        }
    }
}

impl Actor for GatewayLink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(receiver) = self.receiver.take() else { return ctx.stop() };
        let gateway = self.gateway;
        info!(gateway = %gateway.short(), remote = %self.connection.remote(), "link to a gateway is up");
        let span = info_span!("gateway", id = %gateway.short());
        let node = (self.node.clone(), self.shared.clone());
        let read = read(gateway, receiver, self.sender.clone(), node, self.handle.clone());
        let read = AbortOnDropHandle::new(self.shared.runtime.spawn(read.instrument(span)));
        ctx.spawn(read.into_actor(self).map(|_, _, ctx| ctx.stop()));
        self.update();
        ctx.add_stream(self.shared.changes());
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.connection.close(CloseReason::Done);
        info!(gateway = %self.gateway.short(), "link to a gateway is gone");
        self.node.do_send(GatewayIs(self.gateway, None));
    }
}

impl StreamHandler<Changed> for GatewayLink {
    fn handle(&mut self, _: Changed, _: &mut Self::Context) {
        self.update();
    }
}

async fn read(
    gateway: GatewayId,
    mut receiver: TypedReceiver<GatewayToBroker>,
    sender: TypedSender<BrokerToGateway>,
    (node, shared): (Addr<NodeActor>, Arc<Shared>),
    handle: Arc<Handle>,
) {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let message = match receiver.recv().await {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(error) => return debug!(%error, "link ended"),
        };
        match message {
            GatewayToBroker::Hello { gateway: claimed, .. } if claimed != gateway => {
                return warn!(claims = %claimed.short(), "a gateway claims to be another");
            }
            GatewayToBroker::Hello { version, .. } => {
                debug!(version, "hello");
                node.do_send(GatewayIs(gateway, Some(0)));
            }
            GatewayToBroker::Load { connections } => node.do_send(GatewayIs(gateway, Some(connections))),
            GatewayToBroker::Unreachable { host, seat } => handle.unreachable(host, seat),
            GatewayToBroker::ReplaceKey { request, key, proof } => {
                let (epoch, result) = replace_key(&node, &shared, Thing::Gateway(gateway), (key, &proof)).await;
                if let Err(error) = sender.try_send(&BrokerToGateway::KeyReplaced { request, epoch, result }) {
                    debug!(%error, "message to a gateway not sent");
                }
            }
            GatewayToBroker::Fenced { epoch } => node.do_send(Fenced(Thing::Gateway(gateway), epoch)),
            GatewayToBroker::Seat { request, .. } | GatewayToBroker::Take { request, .. } => {
                let answer = |result| BrokerToGateway::Answer { request, result };
                let Ok(permit) = at_once.clone().try_acquire_owned() else {
                    let _ = sender.try_send(&answer(Err(TurnedAway::Busy)));
                    continue;
                };
                let (sender, handle) = (sender.clone(), handle.clone());
                tokio::spawn(
                    async move {
                        let decision = handle.answer_gateway(message);
                        tokio::pin!(decision);
                        let early = Duration::from_millis(limits::WORKING_WAIT_MS);
                        let result = match tokio::time::timeout(early, &mut decision).await {
                            Ok(result) => result,
                            Err(_) => {
                                let _ = sender.try_send(&BrokerToGateway::Working { request });
                                decision.await
                            }
                        };
                        let _ = sender.try_send(&BrokerToGateway::Answer { request, result });
                        drop(permit);
                    }
                    .in_current_span(),
                );
            }
        }
    }
}
