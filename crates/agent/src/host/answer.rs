//! Carrying out what the machine of the host says.

use super::{Asked, Host, Linked, Purpose, STRANGERS};
use crate::broker_link::Say;
use crate::source_thread::{Act, Job};
use actix::dev::SendError;
use hostler_model::{SessionId, UserName};
use hostler_seating::admission::AdmissionOutput;
use hostler_wire::messages::agent::AgentToBroker;
use std::sync::Arc;

impl Linked {
    /// A link that has no room loses this. Reports come again; who waits for an answer gives up after a while.
    pub(super) fn say(&self, only: Option<u64>, message: Arc<AgentToBroker>) {
        if let Err(SendError::Full(_)) = self.link.try_send(Say { only, message }) {
            tracing::warn!(broker = %self.entry.name, "too much waits for the link; a message was dropped");
        }
    }
}

impl Host {
    pub(super) fn carry_out(&mut self, output: AdmissionOutput, asked: Option<Asked>) {
        match output {
            AdmissionOutput::Verdict { seat, verdict } => {
                if let Some(Asked { link, .. }) = asked {
                    tracing::debug!(%seat, broker = %link.broker.short(), ?verdict, "judged an offer");
                    self.answer(link, AgentToBroker::Verdict { seat, verdict });
                }
            }
            AdmissionOutput::Taken { result, .. } => {
                if let Some(Asked { link, request }) = asked {
                    tracing::debug!(request, broker = %link.broker.short(), ?result, "judged a ticket");
                    self.answer(link, AgentToBroker::Taken { request, result });
                }
            }
            AdmissionOutput::Report(report) => self.tell_all(AgentToBroker::Report(report)),
            AdmissionOutput::LogOff { key, session, user, expected } => self.end_stranger(key, session, user, expected),
            AdmissionOutput::Unexpected { session, user } => {
                tracing::info!(%session, %user, "a session began without a seat");
                self.tell_stranger(session, user, None, false);
            }
            AdmissionOutput::Keep(kept) => self.parts.disk.keep(kept),
            AdmissionOutput::Forget { session } => self.parts.disk.forget(session),
        }
    }

    fn end_stranger(&mut self, key: String, session: SessionId, user: UserName, expected: UserName) {
        let span = tracing::info_span!("stranger", %session, %user, %expected);
        span.in_scope(|| tracing::warn!("somebody came in with the ticket of somebody else; their session is ended"));
        let purpose = Purpose::Stranger { session, user: user.clone(), expected: expected.clone() };
        if self.parts.jobs.try_send(Job { key, act: Act::LogOff, purpose, span }).is_err() {
            // The machine says it again while the session lives.
            self.tell_stranger(session, user, Some(expected), false);
        }
    }

    /// Tells the brokers once, and once more when a session could be ended after all.
    pub(super) fn tell_stranger(
        &mut self,
        session: SessionId,
        user: UserName,
        expected: Option<UserName>,
        ended: bool,
    ) {
        if self.strangers.get(&session).is_some_and(|told| *told || !ended) {
            return;
        }
        if self.strangers.len() >= STRANGERS {
            self.strangers.pop_first();
        }
        self.strangers.insert(session, ended);
        self.tell_all(AgentToBroker::Stranger { session, user, expected, ended });
    }
}
