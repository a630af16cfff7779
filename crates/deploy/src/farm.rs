//! What the steps need from the farm, by an administrator's rights.

use hostler_model::MemberRole;
use std::fmt;
use std::future::Future;

/// The farm did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FarmError(pub String);

/// A token to join with. It is shown nowhere.
pub struct JoinSecret {
    /// Names it, for revoking.
    pub id: String,
    /// The secret.
    pub text: String,
}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinSecret({}, …)", self.id)
    }
}

/// How the farm sees a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is not in the list.
    Unknown,
    /// It is there, and does not answer.
    Down,
    /// A broker that lacks events.
    Behind(u64),
    /// It works.
    Up,
}

/// The farm that a machine joins.
pub trait Farm: Sync {
    /// A token for one member with this role.
    fn token(&self, role: MemberRole) -> impl Future<Output = Result<JoinSecret, FarmError>> + Send;

    /// Makes a token worth nothing that was not used.
    fn revoke(&self, token: &JoinSecret) -> impl Future<Output = Result<(), FarmError>> + Send;

    /// How it sees a member, by its id.
    fn standing(&self, role: MemberRole, id: &str) -> impl Future<Output = Result<Standing, FarmError>> + Send;

    /// Removes a host or a gateway that joined by half.
    fn remove(&self, role: MemberRole, id: &str) -> impl Future<Output = Result<(), FarmError>> + Send;
}
