//! The digest of a state: equal states, and only those, have the same.

use crate::State;
use hostler_events::{Hash, codec};
use hostler_model::SiteId;

const CONTEXT: &str = "hostler 1 view digest";

impl State {
    /// BLAKE3 over the state's stored form. All its maps are ordered, so the form is canonical.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        // Encoding a state to memory can't fail; were it to, the digest would differ and the alarm would tell.
        hasher.update(&codec::encode(self).unwrap_or_default());
        Hash(*hasher.finalize().as_bytes())
    }
}

/// One digest for the states of all sites of a farm, which come in the order of their ids: equal views have the same.
#[must_use]
pub fn digest_of<'a>(sites: impl IntoIterator<Item = (&'a SiteId, &'a State)>) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("hostler 1 farm digest");
    for (site, state) in sites {
        hasher.update(&site.0);
        hasher.update(&state.digest().0);
    }
    Hash(*hasher.finalize().as_bytes())
}
