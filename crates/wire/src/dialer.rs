//! The socket over which a member reaches its brokers, shared by all its links. Its key can be replaced: the links then
//! end, and come back with the new one.

use crate::close::CloseReason;
use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::endpoint::{Endpoint, EndpointError, EndpointOptions, Trust};
use crate::key::MemberKey;
use hostler_model::{Address, BrokerId, PublicKey};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// As the error says.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The dialer was closed.
    #[error("this process is being stopped")]
    Stopped,
}

/// The socket, until the member stops.
pub struct Dialer {
    options: EndpointOptions,
    from: Option<IpAddr>,
    open: RwLock<Option<(PublicKey, Arc<Endpoint>)>>,
}

impl Dialer {
    /// Opens it.
    ///
    /// # Errors
    /// As [`Endpoint::dialer`].
    pub fn open(options: EndpointOptions, from: Option<IpAddr>) -> Result<Self, EndpointError> {
        let endpoint = Arc::new(Endpoint::dialer(options.clone(), from)?);
        let open = RwLock::new(Some((options.key.public(), endpoint)));
        Ok(Self { options, from, open })
    }

    /// Connects to a broker, whose key must be the one on the roster.
    ///
    /// # Errors
    /// As [`Endpoint::connect`], and where this was closed.
    pub async fn connect(&self, to: &Address, broker: BrokerId) -> Result<Connection, DialError> {
        let endpoint = self.now().ok_or(DialError::Stopped)?.1;
        Ok(endpoint.connect(to, Trust::Broker(broker)).await?)
    }

    /// The key that it shows; none once it was closed.
    #[must_use]
    pub fn key(&self) -> Option<PublicKey> {
        self.now().map(|(key, _)| key)
    }

    /// Shows another key from now on, and ends the connections that were made with the former one.
    ///
    /// # Errors
    /// As [`Endpoint::dialer`]; the former key is then still shown.
    pub async fn show(&self, key: Arc<MemberKey>) -> Result<(), EndpointError> {
        let public = key.public();
        let endpoint = Endpoint::dialer(EndpointOptions { key, ..self.options.clone() }, self.from)?;
        let former = {
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            // Closed meanwhile: it stays so.
            if open.is_none() { None } else { open.replace((public, Arc::new(endpoint))) }
        };
        if let Some((_, former)) = former {
            former.end(CloseReason::Replaced).await;
        }
        Ok(())
    }

    /// Tells the brokers that the member stops.
    pub async fn close(&self) {
        let taken = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, endpoint)) = taken {
            endpoint.end(CloseReason::Stopping).await;
        }
    }

    fn now(&self) -> Option<(PublicKey, Arc<Endpoint>)> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
