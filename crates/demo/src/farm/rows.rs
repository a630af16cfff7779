//! What the brokers' REST says, as far as the demo reads it.

use hostler_model::BrokerId;
use serde::Deserialize;

/// `hostler init --json`.
#[derive(Deserialize)]
pub(super) struct Made {
    pub(super) broker: BrokerId,
    pub(super) admin: String,
    pub(super) password: String,
}

/// `POST /login`.
#[derive(Deserialize)]
pub(super) struct LoggedIn {
    pub(super) token: String,
}

/// `POST /tokens`.
#[derive(Deserialize)]
pub(super) struct TokenReply {
    pub(super) token: String,
}

/// A thing and its name.
#[derive(Deserialize, Debug)]
pub(super) struct Labelled {
    id: String,
    name: Option<String>,
}

impl Labelled {
    /// What to call it.
    pub(super) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// How many there are, and how many of them work.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Count {
    pub(super) total: usize,
    pub(super) up: usize,
}

/// `GET /status`.
#[derive(Deserialize)]
pub(super) struct Status {
    pub(super) master: Option<Labelled>,
    pub(super) brokers: Count,
    pub(super) hosts: Count,
    pub(super) gateways: Count,
}

/// `GET /brokers`.
#[derive(Deserialize)]
pub(super) struct BrokerRow {
    pub(super) id: BrokerId,
    pub(super) name: String,
    pub(super) fingerprint: String,
}

/// `GET /hosts`.
#[derive(Deserialize)]
pub(super) struct HostRow {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) sessions: u32,
}

/// `GET /sessions`.
#[derive(Deserialize, Debug)]
pub(super) struct SessionRow {
    pub(super) id: String,
    pub(super) host: Labelled,
    pub(super) state: String,
}

/// `GET /sessions/…/why`.
#[derive(Deserialize)]
pub(super) struct Why {
    pub(super) broker: Labelled,
    pub(super) reason: String,
    pub(super) candidates: Vec<CandidateRow>,
}

/// A host that was looked at.
#[derive(Deserialize)]
pub(super) struct CandidateRow {
    pub(super) name: String,
    pub(super) score: u32,
}

/// What is said where something was refused.
#[derive(Deserialize)]
pub(super) struct Problem {
    pub(super) code: String,
    #[serde(default)]
    pub(super) detail: String,
}
