//! What the end-to-end tests share: a lab of real xrdp hosts and real clients, machines that boot, and processes that
//! never outlive a test.
//!
//! Hostler's own programs are known to `farm`, `netlab` and `sessions` only.

pub mod farm;
pub mod lab;
pub mod machine;
pub mod netlab;
pub mod process;
pub mod sessions;
pub mod skip;
pub mod soak;
pub mod wait;
