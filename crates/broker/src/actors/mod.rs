//! The actors: the broker itself (`node`), its site (`site`), and one for each link to an agent, a gateway or another
//! broker. They carry out what the machines say.

pub(crate) mod agent_link;
pub(crate) mod gateway_link;
pub(crate) mod node;
pub(crate) mod peer_link;
pub(crate) mod site;
