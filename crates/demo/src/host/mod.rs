//! A session host that needs no desktop: an RDP server which draws a picture that says where the user landed and why.
//! What the user may do here and why they landed here is decided by whoever owns the host: see [`Greeter`].

mod arrival;
mod canvas;
mod certificate;
mod colour;
mod connection;
mod first_packet;
mod frames;
mod greeter;
mod picture;
mod session_host;
mod session_table;
mod visit;

pub use arrival::Arrival;
pub use certificate::CertificateError;
pub use colour::{Colour, ColourError};
pub use greeter::{Alone, Greeter, Refusal, Welcome};
pub use session_host::{CredentialCheck, HostConfig, HostError, SessionHost, one_password};
pub use session_table::{
    Attachment, Look, MESSAGE_SHOWN, SessionEntry, SessionNumber, SessionState, SessionTable, SessionView, TableError,
    WHY_LINES,
};
