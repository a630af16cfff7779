//! What administrators want done with sessions. The source's thread does it.

use super::{Asked, Host, Purpose};
use crate::source_thread::{Act, JOBS, Job};
use hostler_model::SessionId;
use hostler_model::limits::TEXT_BYTES;
use hostler_wire::messages::agent::{AgentToBroker, SessionOrder};
use std::sync::mpsc::TrySendError;

impl Host {
    pub(super) fn order(&mut self, asked: Asked, session: SessionId, order: SessionOrder) {
        let Asked { link, request } = asked;
        let what = match &order {
            SessionOrder::Disconnect => "disconnect",
            SessionOrder::LogOff => "log off",
            SessionOrder::Message { .. } => "message",
        };
        let span = tracing::info_span!("order", what, %session, request, broker = %link.broker.short());
        let refused = span.in_scope(|| self.pass_on(asked, session, order, &span));
        if let Err(why) = refused {
            span.in_scope(|| tracing::info!(%why, "refused"));
            self.answer(link, AgentToBroker::Done { request, result: Err(why) });
        }
    }

    fn pass_on(
        &mut self,
        Asked { link, request }: Asked,
        session: SessionId,
        order: SessionOrder,
        span: &tracing::Span,
    ) -> Result<(), String> {
        let key = self.parts.machine.key(session);
        let key = key.ok_or_else(|| format!("session {session} is not on this host; list the sessions again"))?;
        let act = match order {
            SessionOrder::Disconnect => Act::Disconnect,
            SessionOrder::LogOff => Act::LogOff,
            SessionOrder::Message { text } if text.len() > TEXT_BYTES => {
                return Err(format!(
                    "the message has {} bytes, {TEXT_BYTES} at most are allowed; shorten it",
                    text.len()
                ));
            }
            SessionOrder::Message { text } => Act::Message(text),
        };
        let job = Job { key: key.to_string(), act, purpose: Purpose::Order { link, request }, span: span.clone() };
        self.parts.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => format!("the host is busy: {JOBS} orders wait there already; try again later"),
            TrySendError::Disconnected(_) => "the agent on the host is being stopped".to_string(),
        })
    }
}
