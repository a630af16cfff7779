//! The gateway service: reads a client's first packet, asks a broker, dials the host, and carries the bytes.
//!
//! The way of a connection: `listener` takes it, `connection` reads its first packet and asks `brokers`, the
//! broker's answer names a host, and [`splice`] carries the rest. Beside that way: `broker_keeper` keeps the list of
//! brokers and one `broker_link` for each.
//!
//! What must not be here: who may use what, which host is best, whose session is where. A gateway knows nothing about
//! users, keeps nothing but the list of brokers, and reads nothing behind a connection's first packet.

mod broker_keeper;
mod broker_link;
mod brokers;
mod config;
mod connection;
mod ending;
mod gateway;
mod kept_list;
mod key_links;
mod listener;
mod metrics;
mod open_files;
mod places;
pub mod splice;

pub use config::{GatewayConfig, GatewayLimits};
pub use gateway::{Gateway, GatewayError, run};
pub use kept_list::KeptListError;
pub use metrics::{Counts, Metrics};
