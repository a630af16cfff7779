//! The messages of every link.

use crate::comes_back;
use crate::memory::bounded;
use hostler_wire::messages::agent::{AgentToBroker, BrokerToAgent};
use hostler_wire::messages::gateway::{BrokerToGateway, GatewayToBroker};
use hostler_wire::messages::join::{JoinRefusal, JoinRequest, Joined};
use hostler_wire::messages::peer::PeerFrame;

/// The first byte says which kind of message the rest is. What can be read can be written and read again.
pub fn message(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let read = match which % 8 {
        0 => comes_back::<PeerFrame>,
        1 => comes_back::<AgentToBroker>,
        2 => comes_back::<BrokerToAgent>,
        3 => comes_back::<GatewayToBroker>,
        4 => comes_back::<BrokerToGateway>,
        5 => comes_back::<JoinRequest>,
        6 => comes_back::<Result<Joined, JoinRefusal>>,
        _ => comes_back::<Joined>,
    };
    // Written and read a second time.
    bounded(3 * bytes.len(), || read(bytes));
}
