//! The agent's own key: asking a broker for another one, and its answer.

use super::{AskForKey, GetLinks, Host, LinkId};
use crate::broker_link::Say;
use actix::{Context, Handler, MessageResult};
use hostler_model::Epoch;
use hostler_wire::messages::agent::AgentToBroker;
use std::sync::Arc;

impl Host {
    /// A broker says what became of the request. Under a lower epoch than was seen it is no broker's to say.
    pub(super) fn key_replaced(&mut self, link: LinkId, request: u64, epoch: Epoch, result: Result<(), String>) {
        let result = match self.parts.book.judge_order(epoch) {
            Ok(()) => result,
            Err(seen) => {
                let broker = link.broker.short();
                tracing::warn!(%broker, %epoch, %seen, "refused another key: it comes under a lower epoch");
                self.answer(link, AgentToBroker::Fenced { epoch: seen });
                Err("the broker has not heard of the present mastership".to_string())
            }
        };
        if self.key_request.0 == request
            && let Some(answer) = self.key_request.1.take()
        {
            // Whoever asked may have given up.
            let _ = answer.send(result);
        }
    }
}

impl Handler<GetLinks> for Host {
    type Result = MessageResult<GetLinks>;
    fn handle(&mut self, GetLinks: GetLinks, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.links.values().map(|linked| linked.link.clone()).collect())
    }
}

impl Handler<AskForKey> for Host {
    type Result = ();
    fn handle(&mut self, AskForKey { link, key, proof, answer }: AskForKey, _: &mut Context<Self>) {
        let request = self.key_request.0 + 1;
        self.key_request = (request, Some(answer));
        link.do_send(Say { only: None, message: Arc::new(AgentToBroker::ReplaceKey { request, key, proof }) });
    }
}
