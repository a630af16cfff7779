//! Passwords of administrators: Argon2id (RFC 9106), in PHC form. Hashing takes a core and memory for a while, so it
//! is done beside the workers that answer requests, a few at a time.

use super::HASHES;
use super::problem::Problem;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use rand::TryRng;
use rand::rngs::SysRng;
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;

/// The least characters of a password.
pub const PASSWORD_CHARACTERS: usize = 8;
/// The most bytes of a password.
pub const PASSWORD_BYTES: usize = 1_024;
/// Passwords that wait for their turn; more are told to come back.
const WAITING: usize = 64;

/// What is verified where nobody has the name that was given, so that the answer takes as long as for one who exists.
/// No password has this hash's salt and output by accident.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_password("a name that nobody has").unwrap_or_else(|_| String::new()));

/// Why a password can't be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password needs {PASSWORD_CHARACTERS} characters at least")]
    TooShort,
    /// Too long.
    #[error("a password may have {PASSWORD_BYTES} bytes at most")]
    TooLong,
    /// No randomness for the salt.
    #[error("the operating system gave no random bytes, so the password was not hashed: {0}")]
    NoRandomness(#[from] rand::rngs::SysError),
    /// The library failed.
    #[error("the password can't be hashed: {0}")]
    Hash(String),
}

/// RFC 9106's and OWASP's figures for machines that do other work too: 19 MiB, 2 passes, 1 lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// The Argon2id hash of a password, in PHC form. Takes some 20 ms of a core: not for a thread that answers others.
///
/// # Errors
/// Where the password is too short or too long, or the operating system gives no randomness.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < PASSWORD_CHARACTERS {
        return Err(PasswordError::TooShort);
    }
    if password.len() > PASSWORD_BYTES {
        return Err(PasswordError::TooLong);
    }
    let mut random = [0; 16];
    SysRng.try_fill_bytes(&mut random)?;
    let salt = SaltString::encode_b64(&random).map_err(|e| PasswordError::Hash(e.to_string()))?;
    let hash = argon2().hash_password(password.as_bytes(), &salt).map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(hash.to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    // The hash says its own parameters, so that they can change without asking everybody for a new password.
    PasswordHash::new(hash).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Hashes and verifies passwords beside the workers, at most [`HASHES`] at a time.
#[derive(Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(HASHES)), waiting: Arc::new(Semaphore::new(HASHES + WAITING)) }
    }

    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        self.run(move || hash_password(&password)).await?.map_err(|e| match e {
            PasswordError::TooShort | PasswordError::TooLong => Problem::invalid(e.to_string()),
            PasswordError::NoRandomness(_) | PasswordError::Hash(_) => {
                tracing::error!(error = %e, "a password was not hashed");
                Problem::internal()
            }
        })
    }

    /// Whether this is the password; `hash` is `None` where nobody has the name.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        self.run(move || match hash {
            Some(hash) => verify(&password, &hash),
            None => {
                let _as_long = verify(&password, &NOBODY);
                false
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let busy = || Problem::busy("too many people log in at this moment; try again in a moment");
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| busy())?;
        // The turn goes with the work: it goes on even where the client has gone.
        let done = actix_web::web::block(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| busy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_good_for_its_password_only() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, hash_password("correct horse").unwrap(), "salted");
        for (password, hash, good) in [
            ("correct horse", hash.as_str(), true),
            ("correct horsf", &hash, false),
            ("", &hash, false),
            ("correct horse", "", false),
            ("correct horse", "$argon2id$v=19$m=19456,t=2,p=1$", false),
        ] {
            assert_eq!(verify(password, hash), good, "{password:?}");
        }
        assert!(matches!(hash_password("short"), Err(PasswordError::TooShort)));
        assert!(matches!(hash_password(&"x".repeat(1_025)), Err(PasswordError::TooLong)));
    }
}
