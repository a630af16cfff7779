//! Who may come in: those who were promised a seat, and those who come back to a session that they have here.

use super::item_book::{ITEMS, ItemBook, is_desktop};
use super::reasons;
use crate::host::{Arrival, Greeter, Refusal, Welcome};
use hostler_model::{BrokerId, Name, UserName};
use hostler_seating::seat::Offer;
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};

/// A question to the agent: what was this user promised?
pub(super) struct Ask {
    pub(super) user: UserName,
    pub(super) answer: oneshot::Sender<Option<Offer>>,
}

/// Asks the agent, and decides.
pub(super) struct SeatGreeter {
    asks: mpsc::Sender<Ask>,
    items: ItemBook,
    brokers: BTreeMap<BrokerId, Name>,
}

impl SeatGreeter {
    pub(super) fn new(asks: mpsc::Sender<Ask>, items: ItemBook, brokers: BTreeMap<BrokerId, Name>) -> Self {
        Self { asks, items, brokers }
    }

    async fn awaited(&self, user: &UserName) -> Result<Option<Offer>, Refusal> {
        let not_here = || Refusal(format!("{user} came while the agent of this host was starting or stopping"));
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask { user: user.clone(), answer }).await.map_err(|_| not_here())?;
        answered.await.map_err(|_| not_here())
    }

    /// What somebody gets, by what the agent holds for them and the sessions that they have. A ticket never comes this
    /// far: it is between the client, the gateway and the agent.
    fn decide(&self, arrival: &Arrival, offer: Option<&Offer>) -> Result<Welcome, Refusal> {
        let user = &arrival.user;
        let mut sessions = arrival.sessions.iter().map(|session| &session.item);
        let Some(offer) = offer else {
            // The agent says nothing about those who come back. A plain client means a desktop.
            let desktop = sessions.clone().find(|name| is_desktop(name));
            let item = desktop.or_else(|| sessions.next_back()).cloned();
            let stranger = || Refusal(format!("no seat is held for {user} here, and {user} has no session here"));
            // What stands there already is why the session began here.
            return Ok(Welcome { item: item.ok_or_else(stranger)?, why: Vec::new() });
        };
        let full = || Refusal(format!("this host has started {ITEMS} different items, more it can't"));
        let item = self.items.name(offer.item, &offer.launch).ok_or_else(full)?;
        let why = if sessions.any(|name| *name == item) {
            Vec::new()
        } else {
            reasons::lines(&offer.explanation, &self.brokers)
        };
        Ok(Welcome { item, why })
    }
}

#[async_trait::async_trait]
impl Greeter for SeatGreeter {
    async fn greet(&self, arrival: &Arrival) -> Result<Welcome, Refusal> {
        let offer = self.awaited(&arrival.user).await?;
        self.decide(arrival, offer.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{SessionEntry, SessionNumber, SessionState};
    use hostler_model::{HostId, ItemId, Launch, SeatId, TicketId, Wall};
    use hostler_seating::explanation::{Explanation, Reason};
    use std::sync::Arc;
    use std::time::SystemTime;

    const DESKTOP: ItemId = ItemId([1; 16]);
    const NOTES: ItemId = ItemId([2; 16]);

    fn launch(item: ItemId) -> Launch {
        if item == NOTES { Launch::Application { command: "notes".into() } } else { Launch::Desktop }
    }

    fn offer(item: ItemId) -> Offer {
        let explanation = Explanation {
            at: Wall(0),
            broker: BrokerId([3; 16]),
            user: "alice".parse().unwrap(),
            item,
            host: HostId([4; 16]),
            reason: Reason::HeldSeat,
            candidates: Vec::new(),
            excluded: [].into(),
            eligible: 1,
        };
        Offer {
            seat: SeatId([5; 16]),
            ticket: TicketId([6; 16]),
            user: explanation.user.clone(),
            item,
            launch: launch(item),
            door: hostler_seating::seat::Door::Api,
            reattach: None,
            explanation: Arc::new(explanation),
        }
    }

    fn greeter() -> SeatGreeter {
        let items = ItemBook::default();
        for item in [DESKTOP, NOTES] {
            items.name(item, &launch(item)).unwrap();
        }
        SeatGreeter::new(mpsc::channel(1).0, items, BTreeMap::new())
    }

    fn arrival(sessions: &[&str]) -> Arrival {
        let user: UserName = "alice".parse().unwrap();
        let session = |(number, item): (u32, &&str)| SessionEntry {
            number: SessionNumber(number),
            user: user.clone(),
            item: item.parse().unwrap(),
            state: SessionState::Disconnected,
            started_at: SystemTime::UNIX_EPOCH,
        };
        let sessions = (1..).zip(sessions).map(session).collect();
        Arrival { user, routing_token: None, peer: "127.0.0.1:1".parse().unwrap(), sessions }
    }

    #[test]
    fn who_gets_what() {
        const NEW: bool = true;
        const BACK: bool = false;
        let (none, desktop, notes) = (None, Some(DESKTOP), Some(NOTES));
        for (case, sessions, offered, want) in [
            ("a desktop", &[][..], desktop, Some(("Desktop", NEW))),
            ("an application", &[], notes, Some(("notes", NEW))),
            ("nobody expects her", &[], none, None),
            ("back", &["Desktop"], none, Some(("Desktop", BACK))),
            ("back, and not to the application", &["Desktop", "notes"], none, Some(("Desktop", BACK))),
            ("back to the only thing there is", &["notes"], none, Some(("notes", BACK))),
            ("one more item", &["Desktop"], notes, Some(("notes", NEW))),
            ("a desktop beside an application", &["notes"], desktop, Some(("Desktop", NEW))),
            ("a second connection at once", &["Desktop"], desktop, Some(("Desktop", BACK))),
        ] {
            let offered = offered.map(offer);
            match (greeter().decide(&arrival(sessions), offered.as_ref()), want) {
                (Ok(welcome), Some((item, new))) => {
                    assert_eq!((welcome.item.as_str(), !welcome.why.is_empty()), (item, new), "{case}");
                }
                (Err(Refusal(text)), None) => {
                    assert_eq!(text, "no seat is held for alice here, and alice has no session here");
                }
                (got, _) => panic!("{case}: {got:?}"),
            }
        }
    }

    #[tokio::test]
    async fn without_an_agent_nobody_comes_in() {
        let refused = greeter().greet(&arrival(&["Desktop"])).await.unwrap_err();
        assert_eq!(refused.to_string(), "refused: alice came while the agent of this host was starting or stopping");
    }
}
