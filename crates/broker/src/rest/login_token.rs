//! What a logon gives: a signed statement that its bearer is this administrator, until then. It is stored nowhere, and
//! every broker of the farm can check it, because the views have the key of the broker that signed it.
//!
//! The text is `hostler_login_<base64url, no padding>`. Inside, numbers with the highest byte first: version (1 byte),
//! administrator (16), issuing broker (16), issued and expires in ms since 1970 (8 each), Ed25519 signature (64) by the
//! issuer's key over all that.

use super::signatures::Signatures;
use crate::backend::Snapshot;
use data_encoding::BASE64URL_NOPAD;
use hostler_model::{AdminId, BrokerId, PublicKey, Wall};
use hostler_views::Admin;
use hostler_wire::{MemberKey, SigningPrefix};

const START: &str = "hostler_login_";
const PREFIX: SigningPrefix = SigningPrefix::new("hostler login 1\0");
const VERSION: u8 = 1;
const CLAIM_BYTES: usize = 1 + 16 + 16 + 8 + 8;

/// Why a logon is worth nothing (any more).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum LoginTokenError {
    /// Another text.
    #[error("this is no logon of a Hostler farm")]
    NotAToken,
    /// Not signed by a member of this farm.
    #[error("this logon is forged, or from another farm, or its broker is no longer a member")]
    Forged,
    /// Too old.
    #[error("this logon has expired")]
    Expired,
    /// The administrator was removed, disabled, or has another password.
    #[error("this logon was ended: its administrator was disabled or removed, or has another password now")]
    Ended,
}

/// What a logon says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LoginToken {
    /// Who logged on.
    pub(crate) admin: AdminId,
    /// The broker that checked the password.
    pub(crate) issuer: BrokerId,
    /// When.
    pub(crate) issued: Wall,
    /// Until when it is good.
    pub(crate) expires: Wall,
}

impl LoginToken {
    /// True where the text means to be one.
    pub(crate) fn looks_like(text: &str) -> bool {
        text.starts_with(START)
    }

    /// When a logon counts as issued: after the last change of the administrator's credentials, whatever the difference
    /// between this broker's clock and that of the broker that made the change.
    pub(crate) fn issued_at(now: Wall, admin: &Admin) -> Wall {
        now.max(admin.credentials_since.wall.plus(1))
    }

    /// The text to hand out.
    pub(crate) fn sign(&self, key: &MemberKey) -> String {
        let claims = self.claims();
        let bytes = [&claims[..], &key.sign(PREFIX, &claims)].concat();
        format!("{START}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads a text, and checks that it is good now.
    pub(crate) fn verify(
        text: &str,
        snapshot: &Snapshot,
        signatures: &Signatures,
        now: Wall,
    ) -> Result<Self, LoginTokenError> {
        let (token, signature) = Self::parse(text).ok_or(LoginTokenError::NotAToken)?;
        let key = broker_key(snapshot, token.issuer).ok_or(LoginTokenError::Forged)?;
        if !signatures.verifies(PREFIX, &key, &token.claims(), &signature) {
            return Err(LoginTokenError::Forged);
        }
        if now >= token.expires {
            return Err(LoginTokenError::Expired);
        }
        let admin = snapshot.main.admins.get(&token.admin).ok_or(LoginTokenError::Ended)?;
        if !admin.enabled || admin.credentials_since.wall >= token.issued {
            return Err(LoginTokenError::Ended);
        }
        Ok(token)
    }

    fn parse(text: &str) -> Option<(Self, [u8; 64])> {
        let bytes = BASE64URL_NOPAD.decode(text.strip_prefix(START)?.as_bytes()).ok()?;
        let mut rest = bytes.as_slice();
        if take::<1>(&mut rest)? != [VERSION] {
            return None;
        }
        let token = Self {
            admin: AdminId(take(&mut rest)?),
            issuer: BrokerId(take(&mut rest)?),
            issued: Wall(u64::from_be_bytes(take(&mut rest)?)),
            expires: Wall(u64::from_be_bytes(take(&mut rest)?)),
        };
        let signature = take(&mut rest)?;
        rest.is_empty().then_some((token, signature))
    }

    fn claims(&self) -> [u8; CLAIM_BYTES] {
        let mut claims = [VERSION; CLAIM_BYTES];
        claims[1..17].copy_from_slice(&self.admin.0);
        claims[17..33].copy_from_slice(&self.issuer.0);
        claims[33..41].copy_from_slice(&self.issued.0.to_be_bytes());
        claims[41..].copy_from_slice(&self.expires.0.to_be_bytes());
        claims
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*first)
}

/// The key of a broker that is a member, of whatever site.
fn broker_key(snapshot: &Snapshot, id: BrokerId) -> Option<PublicKey> {
    snapshot.broker(id).filter(|b| !b.removed).map(|b| b.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::testing;
    use std::sync::Arc;

    #[test]
    fn a_logon_is_good_while_its_broker_and_its_administrator_are() {
        let key = MemberKey::from_seed(&[1; 32]);
        let farm = testing::snapshot(&key);
        let (admin, known) = farm.main.admins.iter().next().map(|(id, a)| (*id, a.clone())).unwrap();
        let issued = LoginToken::issued_at(Wall(50), &known);
        assert_eq!(issued, Wall(1_001), "after the last change of the credentials, at 1,000");
        let token = LoginToken { admin, issuer: farm.me, issued, expires: issued.plus(500) };
        let good = token.sign(&key);
        let change = |change: &dyn Fn(&mut Admin)| {
            testing::changed(&farm, |main| testing::each(&mut main.admins, |admin| change(Arc::make_mut(admin))))
        };
        let mut bent = good.clone();
        bent.replace_range(30..31, if &bent[30..31] == "A" { "B" } else { "A" });
        let forged = token.sign(&MemberKey::from_seed(&[2; 32]));
        let removed_broker = testing::changed(&farm, |main| main.brokers.values_mut().for_each(|b| b.removed = true));
        let disabled = change(&|a| a.enabled = false);
        let new_password = change(&|a| a.credentials_since.wall = Wall(1_001));
        let gone = testing::changed(&farm, |main| main.admins.clear());
        let signatures = Signatures::default();
        use LoginTokenError as E;
        for (what, text, snapshot, now, want) in [
            ("good", &good, &farm, 1_100, Ok(token)),
            ("by a clock that is behind", &good, &farm, 10, Ok(token)),
            ("just before its end", &good, &farm, 1_500, Ok(token)),
            ("at its end", &good, &farm, 1_501, Err(E::Expired)),
            ("bent", &bent, &farm, 1_100, Err(E::Forged)),
            ("forged", &forged, &farm, 1_100, Err(E::Forged)),
            ("of a broker that is gone", &good, &removed_broker, 1_100, Err(E::Forged)),
            ("disabled", &good, &disabled, 1_100, Err(E::Ended)),
            ("with another password", &good, &new_password, 1_100, Err(E::Ended)),
            ("removed", &good, &gone, 1_100, Err(E::Ended)),
            ("cut off", &good[..good.len() - 1].to_string(), &farm, 1_100, Err(E::NotAToken)),
            ("lengthened", &format!("{good}AAAA"), &farm, 1_100, Err(E::NotAToken)),
            ("empty", &String::new(), &farm, 1_100, Err(E::NotAToken)),
        ] {
            for _ in 0..2 {
                assert_eq!(LoginToken::verify(text, snapshot, &signatures, Wall(now)), want, "{what}");
            }
        }
    }
}
