//! Join tokens, as people paste them.

use crate::memory::bounded;
use data_encoding::BASE32_NOPAD;
use hostler_wire::JoinToken;

/// As `hostler_wire` describes it; a fuzzer would never find a good checksum by itself.
const CHECKSUM_CONTEXT: &str = "hostler 1 join token checksum";
const CHECKSUM_BYTES: usize = 5;
/// Characters in a line, after a mail program has broken it.
const LINE: usize = 60;
/// What tokens begin with, for each role.
const STARTS: [(char, &str); 3] = [('a', "hostler_a_"), ('b', "hostler_b_"), ('g', "hostler_g_")];

/// The bytes as a text, and as the inside of a token whose first byte says for which role it is. What can be read is
/// revealed as one text, which is read as the same token, also with line breaks in it.
pub fn join_token(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
    let Some((role, body)) = data.split_first() else { return };
    let (letter, start) = STARTS[usize::from(*role) % STARTS.len()];
    let mut hasher = blake3::Hasher::new_derive_key(CHECKSUM_CONTEXT);
    hasher.update(letter.to_string().as_bytes()).update(body);
    let mut sum = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut sum);
    read(&format!("{start}{}", BASE32_NOPAD.encode(&[body, &sum].concat()).to_ascii_lowercase()));
}

fn read(text: &str) {
    let token = match bounded(text.len(), || text.parse::<JoinToken>()) {
        Ok(token) => token,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let revealed = token.reveal();
    assert!(revealed.parse::<JoinToken>().is_ok_and(|again| again == token), "it is not read again");
    let broken = revealed.as_bytes().chunks(LINE).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\r\n ");
    assert!(broken.parse::<JoinToken>().is_ok_and(|again| again == token), "it is not read with line breaks");
    assert!(!format!("{token:?}").contains(&revealed[revealed.len() / 2..]), "its debug form shows the secret");
}
