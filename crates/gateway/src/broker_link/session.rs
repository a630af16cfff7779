//! Connecting to one broker, again and again, and receiving what it says.

use super::BrokerLink;
use crate::kept_list::Verdict;
use hostler_model::{Epoch, GatewayId};
use hostler_wire::messages::gateway::{BrokerToGateway, GatewayToBroker};
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};
use hostler_wire::{CloseReason, DialError, Dialer, LinkError, Typed, TypedRecvError, TypedSendError};
use rand::TryRng;
use rand::rngs::SysRng;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

/// How long to wait before the second attempt to connect, in ms; it doubles with each one.
const BACKOFF_FIRST_MS: u64 = 100;
/// How long to wait at most, in ms.
const BACKOFF_LAST_MS: u64 = 2_000;
/// How long a broker may take to welcome this gateway, in ms.
const WELCOME_MS: u64 = 3_000;

/// A list of brokers that one of them sent, for the keeper to judge.
pub(crate) struct Offer {
    pub(crate) from: Arc<str>,
    pub(crate) list: BrokerList,
    pub(crate) verdict: oneshot::Sender<Verdict>,
}

/// What a session needs.
#[derive(Clone)]
pub(crate) struct SessionOptions {
    pub(crate) broker: BrokerEntry,
    pub(crate) gateway: GatewayId,
    pub(crate) dialer: Arc<Dialer>,
    /// The highest epoch seen.
    pub(crate) epoch: watch::Receiver<Epoch>,
    pub(crate) offers: mpsc::Sender<Offer>,
    /// Held as long as the session lives, so that stopping can wait for it.
    pub(crate) _alive: mpsc::Sender<()>,
}

/// Why there is no link, or none any more.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Send(#[from] TypedSendError),
    #[error(transparent)]
    Receive(#[from] TypedRecvError),
    #[error("{0} ended the link")]
    Finished(Arc<str>),
    #[error("{0} did not welcome this gateway within {WELCOME_MS} ms")]
    NoWelcome(Arc<str>),
    #[error("{0} said something else than was expected; do both run compatible versions?")]
    Unexpected(Arc<str>),
    #[error("the gateway stops")]
    Stopping,
}

/// Runs until it is aborted: the link holds it, and it does not hold the link.
pub(super) async fn run(options: SessionOptions, link: Weak<BrokerLink>) {
    let broker = options.broker.name.clone();
    let (mut backoff_ms, mut told) = (BACKOFF_FIRST_MS, String::new());
    loop {
        let error = match connect(&options).await {
            Ok((stream, welcome)) => {
                (backoff_ms, told) = (BACKOFF_FIRST_MS, String::new());
                let peer = stream.connection().peer().clone();
                tracing::info!(%broker, %peer, version = ?welcome.version, "connected to a broker");
                let ended = serve(&options, &link, stream, welcome.list).await;
                let Some(link) = link.upgrade() else { return };
                link.down();
                ended
            }
            Err(e) => e,
        };
        let why = error.to_string();
        // Once: an administrator needs to know it, and not again every two seconds.
        if why == told {
            tracing::debug!(%broker, %why, "still no link to a broker");
        } else {
            tracing::warn!(%broker, %why, "no link to a broker; trying again");
            told = why;
        }
        sleep(Duration::from_millis(jittered_ms(backoff_ms))).await;
        backoff_ms = (backoff_ms * 2).min(BACKOFF_LAST_MS);
    }
}

/// Between half of it and all of it: not all gateways at the same moment after a broker's restart.
fn jittered_ms(backoff_ms: u64) -> u64 {
    let mut random = [u8::MAX];
    // Without randomness it is all of it.
    let _ = SysRng.try_fill_bytes(&mut random);
    backoff_ms / 2 + backoff_ms / 2 * u64::from(random[0]) / u64::from(u8::MAX)
}

struct Welcome {
    version: String,
    list: BrokerList,
}

type GatewayStream = Typed<GatewayToBroker, BrokerToGateway>;

async fn connect(options: &SessionOptions) -> Result<(GatewayStream, Welcome), SessionError> {
    let broker = &options.broker;
    let connection = options.dialer.connect(&broker.addresses.access, broker.id).await?;
    let mut stream = GatewayStream::from(connection.open_link().await?);
    let version = env!("CARGO_PKG_VERSION").to_string();
    let epoch = *options.epoch.borrow();
    stream.try_send(&GatewayToBroker::Hello { version, gateway: options.gateway, epoch })?;
    let peer = connection.peer().clone();
    match timeout(Duration::from_millis(WELCOME_MS), stream.recv()).await {
        Ok(Ok(Some(BrokerToGateway::Welcome { version, brokers }))) => Ok((stream, Welcome { version, list: brokers })),
        Ok(Ok(Some(_))) => {
            connection.close(CloseReason::BadMessage);
            Err(SessionError::Unexpected(peer))
        }
        Ok(Ok(None)) => Err(SessionError::Finished(peer)),
        Ok(Err(e)) => Err(e.into()),
        Err(_) => Err(SessionError::NoWelcome(peer)),
    }
}

/// Receives until the stream ends, and says why it did.
async fn serve(
    options: &SessionOptions,
    link: &Weak<BrokerLink>,
    mut stream: GatewayStream,
    list: BrokerList,
) -> SessionError {
    let peer = stream.connection().peer().clone();
    let step: Result<(), SessionError> = async {
        alive(link)?.up(stream.sender.clone());
        offer(options, &stream, list).await?;
        loop {
            match stream.recv().await? {
                Some(BrokerToGateway::Answer { request, result }) => alive(link)?.answer(request, result),
                Some(BrokerToGateway::Working { request }) => alive(link)?.working(request),
                Some(BrokerToGateway::KeyReplaced { request, epoch, result }) => {
                    let seen = *options.epoch.borrow();
                    let result = if epoch < seen {
                        tracing::warn!(%peer, %epoch, %seen, "refused another key: it comes under a lower epoch");
                        stream.send(&GatewayToBroker::Fenced { epoch: seen }).await?;
                        Err("the broker has not heard of the present mastership".to_string())
                    } else {
                        result
                    };
                    alive(link)?.key_replaced(request, result);
                }
                Some(BrokerToGateway::Brokers(list)) => offer(options, &stream, list).await?,
                Some(BrokerToGateway::Welcome { .. }) => {
                    stream.connection().close(CloseReason::BadMessage);
                    return Err(SessionError::Unexpected(peer.clone()));
                }
                None => return Err(SessionError::Finished(peer.clone())),
            }
        }
    }
    .await;
    step.err().unwrap_or(SessionError::Finished(peer))
}

fn alive(link: &Weak<BrokerLink>) -> Result<Arc<BrokerLink>, SessionError> {
    link.upgrade().ok_or(SessionError::Stopping)
}

/// Hands a list to the keeper. A superseded master's is refused, and the refusal carries what this gateway has seen.
async fn offer(options: &SessionOptions, stream: &GatewayStream, list: BrokerList) -> Result<(), SessionError> {
    let (verdict, judged) = oneshot::channel();
    let offer = Offer { from: stream.connection().peer().clone(), list, verdict };
    options.offers.send(offer).await.map_err(|_| SessionError::Stopping)?;
    match judged.await.map_err(|_| SessionError::Stopping)? {
        Verdict::Fenced(epoch) => Ok(stream.send(&GatewayToBroker::Fenced { epoch }).await?),
        Verdict::Taken | Verdict::Same | Verdict::Empty => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_bounds() {
        for backoff_ms in [0, 1, BACKOFF_FIRST_MS, BACKOFF_LAST_MS] {
            for _ in 0..1_000 {
                let ms = jittered_ms(backoff_ms);
                assert!((backoff_ms / 2..=backoff_ms).contains(&ms), "{ms} of {backoff_ms}");
            }
        }
    }
}
