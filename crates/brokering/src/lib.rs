//! What a broker makes of its views for seating. No I/O: the broker's actors and the simulator use the same.

mod keeper;
mod policy;
mod serving;

pub use keeper::CatalogKeeper;
pub use serving::serving;
