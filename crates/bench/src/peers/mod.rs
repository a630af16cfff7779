//! What people would use instead, started on loopback as they run it.

pub(crate) mod etcd;
pub(crate) mod haproxy;
