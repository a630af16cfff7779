//! A little farm of keys on loopback.

use hostler_model::MemberRole;
use hostler_wire::{Endpoint, EndpointOptions, MemberKey, Roster, Service};
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

pub(crate) const HERE: &str = "127.0.0.1:0";

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), future).await.expect("it takes too long")
}

/// One broker, one gateway, one agent, and a key of nobody.
pub(crate) struct Farm {
    pub(crate) roster: Arc<Roster>,
    pub(crate) broker: Arc<MemberKey>,
    pub(crate) gateway: Arc<MemberKey>,
    pub(crate) agent: Arc<MemberKey>,
    pub(crate) nobody: Arc<MemberKey>,
}

impl Farm {
    pub(crate) fn new() -> Self {
        let [broker, gateway, agent, nobody] = [1, 2, 3, 4].map(|i| Arc::new(MemberKey::from_seed(&[i; 32])));
        let roster = Arc::new(Roster::new());
        roster.set(MemberRole::Broker, [(broker.public(), [1; 16])]);
        roster.set(MemberRole::Gateway, [(gateway.public(), [2; 16])]);
        roster.set(MemberRole::Agent, [(agent.public(), [3; 16])]);
        Self { roster, broker, gateway, agent, nobody }
    }

    pub(crate) fn options(&self, service: Service, key: &Arc<MemberKey>) -> EndpointOptions {
        options(service, key, &self.roster)
    }

    pub(crate) fn dialer(&self, service: Service, key: &Arc<MemberKey>) -> Endpoint {
        Endpoint::dialer(self.options(service, key), Some(loopback())).unwrap()
    }
}

pub(crate) fn options(service: Service, key: &Arc<MemberKey>, roster: &Arc<Roster>) -> EndpointOptions {
    EndpointOptions { service, key: key.clone(), roster: roster.clone(), runtime: Handle::current() }
}

pub(crate) fn loopback() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}
