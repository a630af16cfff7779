//! Answers that are too large to be held, and may take any time: they go to a file piece by piece.

use super::{ANSWER_BYTES, Ask, Attempt, Client, no_answer, refusal};
use crate::failure::Failure;
use anyhow::{Context, anyhow};
use hostler_model::Address;
use reqwest::{Method, Response};
use std::io::Write;
use std::time::Duration;
use tokio::time::timeout;

/// How long a broker may take for the next piece, in ms.
const PIECE_MS: u64 = 60_000;
/// How long all of it may take.
const WHOLE: Duration = Duration::from_secs(24 * 60 * 60);

impl Client {
    /// Asks for a file and writes it to `to`. Says which broker gave it, and how many bytes it has.
    pub(crate) async fn download(&self, path: &[&str], to: &mut impl Write) -> Result<(Address, u64), Failure> {
        let mut last = None;
        for address in &self.addresses {
            let ask = Ask { accept: "application/octet-stream", ..Ask::new(Method::GET, path) };
            match self.begin(address, &ask).await {
                Ok(answer) => return Ok((address.clone(), take(address, answer, to).await?)),
                Err(Attempt::Next(failure)) => last = Some(failure),
                Err(Attempt::Failed(failure)) => return Err(failure),
                Err(Attempt::Answer(_)) => return Err(anyhow!("{address} answers without a file").into()),
            }
        }
        let none = || Failure::NotLoggedIn("no broker is known; log in with: hostler login --broker ADDRESS".into());
        Err(last.unwrap_or_else(none))
    }

    /// The head of an answer that is no refusal.
    async fn begin(&self, address: &Address, ask: &Ask<'_>) -> Result<Response, Attempt> {
        let mut request = self.request(address, ask).map_err(Attempt::Failed)?;
        *request.timeout_mut() = Some(WHOLE);
        let mut answer = self.http.execute(request).await.map_err(|e| self.no_connection(address, ask, &e))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let mut bytes = Vec::new();
        while let Ok(Some(piece)) = answer.chunk().await {
            if bytes.len() + piece.len() > ANSWER_BYTES {
                break;
            }
            bytes.extend_from_slice(&piece);
        }
        Err(refusal(address, status, &bytes))
    }
}

async fn take(address: &Address, mut answer: Response, to: &mut impl Write) -> Result<u64, Failure> {
    let mut bytes = 0;
    loop {
        let piece = timeout(Duration::from_millis(PIECE_MS), answer.chunk()).await;
        let silent = |_| no_answer(format!("{address} has stopped in the middle of the file; try again"));
        let broken = |e| no_answer(format!("the connection to {address} broke in the middle of the file: {e}"));
        let Some(piece) = piece.map_err(silent)?.map_err(broken)? else { return Ok(bytes) };
        to.write_all(&piece).context("the file can't be written")?;
        bytes += piece.len() as u64;
    }
}
