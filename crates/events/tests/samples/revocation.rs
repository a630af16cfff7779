//! Values of revocations.

use super::{Sample, broker, v1};
use hostler_events::Event;
use hostler_events::payload::*;
use hostler_model::{AdminId, GatewayId, HostId, TokenId};

pub(super) fn samples() -> Vec<Sample> {
    let of = |case, n: u8| {
        let id = [n; 16];
        [
            v1(case, Event::AdminDisabled(AdminDisabled { admin: AdminId(id) })),
            v1(case, Event::AdminRemoved(AdminRemoved { admin: AdminId(id) })),
            v1(case, Event::HostRemoved(HostRemoved { host: HostId(id) })),
            v1(case, Event::GatewayRemoved(GatewayRemoved { gateway: GatewayId(id) })),
            v1(case, Event::TokenRevoked(TokenRevoked { token: TokenId(id) })),
            v1(case, Event::BrokerCompromised(BrokerCompromised { broker: broker(n) })),
        ]
    };
    of("full", 0xfe).into_iter().chain(of("least", 0)).collect()
}
