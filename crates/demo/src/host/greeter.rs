//! What the owner of a host has to say when somebody arrives: which item they get and why they landed here, or why they
//! must go. A host that stands alone uses [`Alone`]; in a farm the agent's seats speak.

use super::arrival::Arrival;
use hostler_model::Name;

/// What an arrived user gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// The published item; a user has one session for each.
    pub item: Name,
    /// Why the user landed here, in lines. Empty: what was said when the session began.
    pub why: Vec<String>,
}

/// Why an arrived user must go.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("refused: {0}")]
pub struct Refusal(pub String);

/// Decides about those who arrive.
#[async_trait::async_trait]
pub trait Greeter: Send + Sync + 'static {
    /// Says what `arrival` gets. It is asked after the password was found good, and before anything is drawn; a slow
    /// answer holds up this user only.
    ///
    /// # Errors
    /// The connection ends, and the reason is in the host's log.
    async fn greet(&self, arrival: &Arrival) -> Result<Welcome, Refusal>;
}

/// The greeter of a host without a farm: everybody gets the same desktop.
pub struct Alone {
    /// The name of the desktop.
    pub item: Name,
}

#[async_trait::async_trait]
impl Greeter for Alone {
    async fn greet(&self, arrival: &Arrival) -> Result<Welcome, Refusal> {
        let came = format!("{} connected from {}.", arrival.user, arrival.peer.ip());
        let why = vec!["This host runs alone: no broker chose it.".to_string(), came];
        Ok(Welcome { item: self.item.clone(), why })
    }
}
