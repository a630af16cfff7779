//! One user's visit: what the parts of one connection (credentials, picture, mouse) know together.

use super::arrival::Arrival;
use super::colour::Colour;
use super::greeter::Greeter;
use super::picture::{Button, Picture};
use super::session_host::CredentialCheck;
use super::session_table::{Attachment, SessionTable};
use hostler_model::UserName;
use ironrdp_server::{
    CredentialDecision, CredentialValidationError, CredentialValidator, Credentials, KeyboardEvent, MouseEvent,
    RdpServerInputHandler,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What all visits of a host have in common.
pub(super) struct House {
    pub(super) name: String,
    pub(super) colour: Colour,
    pub(super) table: SessionTable,
    pub(super) greeter: Arc<dyn Greeter>,
    pub(super) check: CredentialCheck,
}

/// One visit. The session is attached while it lives.
pub(super) struct Visit {
    house: Arc<House>,
    peer: SocketAddr,
    routing_token: Option<Vec<u8>>,
    attachment: OnceLock<Attachment>,
    picture: Mutex<Arc<Picture>>,
}

impl Visit {
    pub(super) fn new(house: Arc<House>, peer: SocketAddr, routing_token: Option<Vec<u8>>, size: (u16, u16)) -> Self {
        let picture = Picture::new(&house.name, house.colour, size.0.into(), size.1.into());
        Self { house, peer, routing_token, attachment: OnceLock::new(), picture: Mutex::new(Arc::new(picture)) }
    }

    /// The session, once the credentials were found good.
    pub(super) fn attachment(&self) -> Option<&Attachment> {
        self.attachment.get()
    }

    /// The sessions of the host.
    pub(super) fn table(&self) -> &SessionTable {
        &self.house.table
    }

    /// The picture in the size that the client has.
    pub(super) fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.picture.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn resize(&self, width: u16, height: u16) {
        let picture = Picture::new(&self.house.name, self.house.colour, width.into(), height.into());
        *self.picture.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(picture);
    }

    /// Lets the user in, or says why not.
    async fn enter(&self, user_name: &str, password: &str) -> Result<(), String> {
        // Clients that know a domain may put it before the name.
        let bare = user_name.rsplit('\\').next().unwrap_or(user_name);
        let user: UserName = bare.parse().map_err(|error| format!("{user_name:?} is no user name: {error}"))?;
        if !(self.house.check)(&user, password) {
            return Err(format!("the password of {user} is wrong"));
        }
        let mut sessions = self.house.table.list();
        sessions.retain(|session| session.user == user);
        let arrival = Arrival { user, routing_token: self.routing_token.clone(), peer: self.peer, sessions };
        let welcome = self.house.greeter.greet(&arrival).await.map_err(|refusal| refusal.to_string())?;
        let attachment = self
            .house
            .table
            .attach(&arrival.user, &welcome.item, &welcome.why)
            .map_err(|error| format!("{} gets no session: {error}", arrival.user))?;
        tracing::info!(user = %arrival.user, item = %welcome.item, session = %attachment.number(), "logged on");
        self.attachment.set(attachment).map_err(|_| "the client sent its credentials twice".to_string())
    }
}

/// Asks at the door.
pub(super) struct Door(pub(super) Arc<Visit>);

#[async_trait::async_trait]
impl CredentialValidator for Door {
    async fn validate(&self, given: &Credentials) -> Result<CredentialDecision, CredentialValidationError> {
        if let Err(reason) = self.0.enter(&given.username, &given.password).await {
            tracing::warn!(peer = %self.0.peer, reason, "logon refused");
        }
        // The library's own refusal is a packet that clients can't read. Without an attachment nothing is drawn, and
        // the connection is closed in good order.
        Ok(CredentialDecision::Accept)
    }
}

/// The user's mouse. Keys mean nothing here.
pub(super) struct Hand {
    visit: Arc<Visit>,
    at: (usize, usize),
}

impl Hand {
    pub(super) fn new(visit: Arc<Visit>) -> Self {
        Self { visit, at: (0, 0) }
    }
}

impl RdpServerInputHandler for Hand {
    fn keyboard(&mut self, _: KeyboardEvent) {}

    fn mouse(&mut self, event: MouseEvent) {
        match event {
            MouseEvent::Move { x, y } => self.at = (x.into(), y.into()),
            MouseEvent::LeftReleased
                if self.visit.picture().button_at(self.at.0, self.at.1) == Some(Button::LogOff) =>
            {
                let Some(attachment) = self.visit.attachment() else { return };
                // Not there any more: then it is logged off already.
                let _ = attachment.table().log_off(attachment.number());
            }
            _ => {}
        }
    }
}
