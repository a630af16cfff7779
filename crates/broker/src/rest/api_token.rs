//! What a program shows instead of a logon: `hostler_api_<id>_<secret>`. The log has the secret's hash only; the secret
//! is 256 random bits, so a plain hash hides it.

use crate::backend::Snapshot;
use data_encoding::BASE32_NOPAD;
use hostler_model::{AdminId, TokenId, Wall};
use rand::TryRng;
use rand::rngs::{SysError, SysRng};

const START: &str = "hostler_api_";
const SECRET_BYTES: usize = 32;

/// Why a program's token is worth nothing. One answer for a wrong id and a wrong secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ApiTokenError {
    /// Not known, wrong, or revoked.
    #[error("this API token is not valid: it is wrong, or it was revoked")]
    Unknown,
    /// Too old.
    #[error("this API token has expired")]
    Expired,
    /// Its administrator may not work.
    #[error("this API token's administrator was disabled")]
    Disabled,
}

/// A new program's token: its text, which is shown once, and what the log keeps.
pub(crate) struct ApiToken {
    /// Its id.
    pub(crate) id: TokenId,
    /// The text to hand out.
    pub(crate) text: String,
    /// What the log keeps of the secret.
    pub(crate) hash: [u8; 32],
}

impl ApiToken {
    /// A new one, from the operating system's randomness.
    pub(crate) fn generate() -> Result<Self, SysError> {
        let (mut id, mut secret) = ([0; 16], [0; SECRET_BYTES]);
        SysRng.try_fill_bytes(&mut id)?;
        SysRng.try_fill_bytes(&mut secret)?;
        let id = TokenId(id);
        let text = format!("{START}{id}_{}", BASE32_NOPAD.encode(&secret).to_ascii_lowercase());
        Ok(Self { id, text, hash: *blake3::hash(&secret).as_bytes() })
    }

    /// True where the text means to be one.
    pub(crate) fn looks_like(text: &str) -> bool {
        text.starts_with(START)
    }

    /// Whose token it is, if it is good now.
    pub(crate) fn verify(text: &str, snapshot: &Snapshot, now: Wall) -> Result<AdminId, ApiTokenError> {
        let (id, secret) = parse(text).ok_or(ApiTokenError::Unknown)?;
        let known = snapshot.main.api_tokens.get(&id);
        // BLAKE3's hashes compare in constant time.
        let fits = known.is_some_and(|t| blake3::Hash::from_bytes(t.secret_hash) == blake3::hash(&secret));
        let token = known.filter(|t| fits && !t.revoked).ok_or(ApiTokenError::Unknown)?;
        if token.expires.is_some_and(|expires| now >= expires) {
            return Err(ApiTokenError::Expired);
        }
        match snapshot.main.admins.get(&token.admin) {
            Some(admin) if admin.enabled => Ok(token.admin),
            Some(_) => Err(ApiTokenError::Disabled),
            None => Err(ApiTokenError::Unknown),
        }
    }
}

fn parse(text: &str) -> Option<(TokenId, [u8; SECRET_BYTES])> {
    let (id, secret) = text.strip_prefix(START)?.split_once('_')?;
    let secret = BASE32_NOPAD.decode(secret.to_ascii_uppercase().as_bytes()).ok()?;
    Some((id.parse().ok()?, secret.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::testing;
    use hostler_wire::MemberKey;
    use std::sync::Arc;

    #[test]
    fn a_programs_token_is_good_with_its_secret_and_while_its_administrator_is() {
        let (token, other) = (ApiToken::generate().unwrap(), ApiToken::generate().unwrap());
        let farm = testing::snapshot(&MemberKey::from_seed(&[1; 32]));
        let admin = *farm.main.admins.keys().next().unwrap();
        let stored = hostler_views::ApiToken {
            admin,
            label: "backup".parse().unwrap(),
            secret_hash: token.hash,
            expires: Some(Wall(100)),
            revoked: false,
            created: hostler_model::Hlc::default(),
        };
        let farm = testing::changed(&farm, |main| {
            main.api_tokens.insert(token.id, stored.clone());
        });
        let revoked = testing::changed(&farm, |main| testing::each(&mut main.api_tokens, |t| t.revoked = true));
        let disabled =
            testing::changed(&farm, |main| testing::each(&mut main.admins, |a| Arc::make_mut(a).enabled = false));
        let text = &token.text;
        let mixed = text.replace(&token.id.to_string(), &other.id.to_string());
        let wrong = format!("{}{}", &text[..39], &other.text[39..]);
        use ApiTokenError as E;
        for (what, text, snapshot, now, want) in [
            ("good", text.as_str(), &farm, 99, Ok(admin)),
            ("expired", text, &farm, 100, Err(E::Expired)),
            ("revoked", text, &revoked, 99, Err(E::Unknown)),
            ("disabled", text, &disabled, 99, Err(E::Disabled)),
            ("another id", &mixed, &farm, 99, Err(E::Unknown)),
            ("another secret", &wrong, &farm, 99, Err(E::Unknown)),
            ("without a secret", &text[..39], &farm, 99, Err(E::Unknown)),
            ("empty", "", &farm, 99, Err(E::Unknown)),
        ] {
            assert_eq!(ApiToken::verify(text, snapshot, Wall(now)), want, "{what}");
        }
    }
}
