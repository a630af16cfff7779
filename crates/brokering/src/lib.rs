//! What a broker makes of its views for seating. No I/O: the broker's actors and the simulator use the same.

mod catalog;
mod serving;

pub use catalog::catalog;
pub use serving::serving;
