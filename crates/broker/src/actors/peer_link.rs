//! The actor of a link to another broker.

use crate::actors::node::{FromPeer, NodeActor};
use crate::handle::Handle;
use crate::shared::{PeerHandle, Shared};
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, WrapFuture};
use futures::FutureExt;
use hostler_model::BrokerId;
use hostler_node::Message;
use hostler_wire::messages::peer::PeerFrame;
use hostler_wire::{CloseReason, Closed, Connection, Typed, TypedReceiver};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, info, info_span};

/// Seating that is done for one other broker at one time.
const AT_ONCE: usize = 4_096;
/// Messages of one other broker that the broker's actor has not taken in yet.
const UNREAD: usize = 16;

/// The actor of a link to another broker.
pub(crate) struct PeerLink {
    peer: BrokerId,
    link: PeerHandle,
    receiver: Option<TypedReceiver<PeerFrame>>,
    shared: Arc<Shared>,
    node: Addr<NodeActor>,
    handle: Arc<Handle>,
}

impl PeerLink {
    /// The actor of a link that is up.
    #[must_use]
    pub(crate) fn new(
        peer: BrokerId,
        number: u64,
        connection: Connection,
        link: Typed<PeerFrame, PeerFrame>,
        shared: Arc<Shared>,
        node: Addr<NodeActor>,
        handle: Arc<Handle>,
    ) -> Self {
        let (sender, receiver) = link.split();
        let link = PeerHandle { number, sender, connection };
        Self { peer, link, receiver: Some(receiver), shared, node, handle }
    }
}

impl Actor for PeerLink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        info!(peer = %self.peer.short(), remote = %self.link.connection.remote(), "link to a broker is up");
        if let Some(former) = self.shared.peers.put(self.peer, self.link.clone()) {
            former.connection.close(CloseReason::Replaced);
        }
        let Some(receiver) = self.receiver.take() else { return ctx.stop() };
        let (peer, node) = (self.peer, self.node.clone());
        let read = read(peer, self.link.clone(), receiver, node.clone(), self.shared.clone(), self.handle.clone());
        let gossip = gossip(peer, self.link.connection.clone(), node);
        let span = info_span!("peer", id = %peer.short());
        let (connection, node) = (self.link.connection.clone(), self.node.clone());
        let both = async move {
            tokio::select! { () = read => {}, () = gossip => {} }
            // Known already where the link is at its end, and of no interest where it is not.
            if let Some(Closed::ByPeer { reason: CloseReason::Removed, .. }) = connection.closed().now_or_never() {
                node.do_send(FromPeer::Refused(peer));
            }
        };
        let both = AbortOnDropHandle::new(self.shared.runtime.spawn(both.instrument(span)));
        ctx.spawn(both.into_actor(self).map(|_, _, ctx| ctx.stop()));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.link.connection.close(CloseReason::Done);
        if self.shared.peers.remove(self.peer, self.link.number) {
            info!(peer = %self.peer.short(), "link to a broker is gone");
            self.node.do_send(FromPeer::Link(self.peer));
        }
    }
}

/// Passes on what the peer says. Where the broker's actor is busy, the link waits, and the peer's sends queue up there;
/// but not from the first message on, so that the actor takes in at once what came meanwhile. An answer goes back over the
/// link that the question came by, or nowhere: behind another link there may be another life of the peer, which gives the
/// same numbers to other questions.
async fn read(
    peer: BrokerId,
    link: PeerHandle,
    mut receiver: TypedReceiver<PeerFrame>,
    node: Addr<NodeActor>,
    shared: Arc<Shared>,
    handle: Arc<Handle>,
) {
    let (at_once, unread) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(UNREAD)));
    if node.send(FromPeer::Link(peer)).await.is_err() {
        return;
    }
    loop {
        let frame = match receiver.recv().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => return debug!(%error, "link ended"),
        };
        match frame {
            PeerFrame::Node(message) => {
                let Ok(room) = unread.clone().acquire_owned().await else { return };
                node.do_send(FromPeer::Says(peer, message, Some(room)));
            }
            PeerFrame::Working { request } => shared.peers.working(peer, request),
            PeerFrame::Seated { request, .. } | PeerFrame::Taken { request, .. } => {
                shared.peers.answered(peer, request, frame);
            }
            PeerFrame::About(about) => {
                if node.send(FromPeer::Tells(peer, about)).await.is_err() {
                    return;
                }
            }
            PeerFrame::Unreachable { host, seat } => handle.unreachable_here(host, seat),
            PeerFrame::Seat { .. } | PeerFrame::Take { .. } => {
                // Without room the question goes unanswered, and the asker goes on to the next broker.
                let Ok(permit) = at_once.clone().try_acquire_owned() else { continue };
                let (link, handle) = (link.clone(), handle.clone());
                tokio::spawn(async move {
                    if let PeerFrame::Seat { request, .. } = &frame {
                        let _ = link.sender.try_send(&PeerFrame::Working { request: *request });
                    }
                    if let Some(answer) = handle.answer_peer(peer, frame).await {
                        let _ = link.sender.try_send(&answer);
                    }
                    drop(permit);
                });
            }
        }
    }
}

async fn gossip(peer: BrokerId, connection: Connection, node: Addr<NodeActor>) {
    while let Ok(data) = connection.recv_datagram().await {
        let message = Box::new(Message::Gossip(data));
        if node.send(FromPeer::Says(peer, message, None)).await.is_err() {
            return;
        }
    }
}
