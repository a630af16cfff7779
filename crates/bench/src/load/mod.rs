//! Generators of load: clients and hosts that know nothing of what stands between them.

pub(crate) mod bulk;
pub(crate) mod clients;
pub(crate) mod hosts;
