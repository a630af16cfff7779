//! Asks brokers: HTTPS with pinned keys, any known broker in turn until one answers.

mod download;
mod pins;

use crate::failure::Failure;
use crate::logon::KnownBroker;
use crate::progress;
use anyhow::{Context, anyhow};
use hostler_broker::rest::{BASE, Problem};
use hostler_model::Address;
use hostler_wire::Fingerprint;
use pins::{PinVerifier, Pins};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a broker may take to accept a connection, in ms, before the next one is asked.
const CONNECT_MS: u64 = 2_000;
/// How long a broker may take to answer, in ms; a little longer than it gives itself.
const ANSWER_MS: u64 = 35_000;
/// The most that is read of an answer, in bytes.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// One request.
pub(crate) struct Ask<'a> {
    /// What for.
    pub(crate) method: Method,
    /// The path behind [`BASE`], in its parts, which may be anything that was typed.
    pub(crate) path: &'a [&'a str],
    /// What stands behind the `?`.
    pub(crate) query: Vec<(&'static str, String)>,
    /// JSON.
    pub(crate) body: Option<Value>,
    /// The type of answer that is wanted.
    pub(crate) accept: &'static str,
}

impl<'a> Ask<'a> {
    /// A request for JSON without a body.
    pub(crate) fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self { method, path, query: Vec::new(), body: None, accept: "application/json" }
    }

    /// With this body.
    pub(crate) fn with(mut self, body: &impl serde::Serialize) -> Result<Self, Failure> {
        self.body = Some(serde_json::to_value(body).context("the request can't be written as JSON")?);
        Ok(self)
    }
}

/// Asks brokers.
pub(crate) struct Client {
    http: reqwest::Client,
    seen: Arc<Mutex<Option<Fingerprint>>>,
    addresses: Vec<Address>,
    token: Option<String>,
    /// The site that requests are about; the answering broker's own if `None`.
    site: Option<String>,
}

/// What became of one attempt at one broker.
enum Attempt {
    Answer(Vec<u8>),
    /// Nothing was carried out: the next broker may be asked.
    Next(Failure),
    Failed(Failure),
}

impl Client {
    /// A client for these brokers, the first one first.
    pub(crate) fn new(brokers: &[KnownBroker], ask: Vec<Address>, token: Option<String>) -> Result<Self, Failure> {
        let known = brokers.iter().filter_map(|b| parse_fingerprint(&b.fingerprint)).collect();
        Self::build(Pins::Known(known), ask, token)
    }

    /// The same, with requests about this site.
    pub(crate) fn about(self, site: Option<String>) -> Self {
        Self { site, ..self }
    }

    /// The fingerprint of the key that a broker shows, whatever it is.
    pub(crate) async fn look(address: &Address) -> Result<Fingerprint, Failure> {
        let client = Self::build(Pins::LookOnly, vec![address.clone()], None)?;
        // What is asked for does not matter: the key is shown before.
        match client.send(Ask::new(Method::GET, &["openapi.json"])).await {
            Err(failure @ Failure::NoAnswer(_)) => Err(failure),
            _ => client.shown().ok_or_else(|| no_answer(format!("{address} shows no key of a Hostler broker"))),
        }
    }

    fn build(pins: Pins, addresses: Vec<Address>, token: Option<String>) -> Result<Self, Failure> {
        let seen = Arc::new(Mutex::new(None));
        let tls = PinVerifier::new(pins, seen.clone()).into_config().context("TLS can't be set up")?;
        let http = reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_millis(CONNECT_MS))
            .timeout(Duration::from_millis(ANSWER_MS))
            .build()
            .context("HTTPS can't be set up")?;
        Ok(Self { http, seen, addresses, token, site: None })
    }

    /// The key that the last broker showed.
    fn shown(&self) -> Option<Fingerprint> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and reads the answer as JSON; `null` where it has no body.
    pub(crate) async fn json(&self, ask: Ask<'_>) -> Result<Value, Failure> {
        let bytes = self.send(ask).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&bytes).context("the broker's answer is not JSON; is it a Hostler broker?")?)
    }

    /// Asks, and gives the answer as it came.
    pub(crate) async fn send(&self, ask: Ask<'_>) -> Result<Vec<u8>, Failure> {
        let mut last = None;
        for address in &self.addresses {
            let what = format!("waiting for {address}");
            match progress::waiting(&what, self.attempt(address, &ask)).await {
                Attempt::Answer(bytes) => return Ok(bytes),
                Attempt::Failed(failure) => return Err(failure),
                // What a broker said is worth more than that another one is silent.
                Attempt::Next(failure) => {
                    if !matches!((&last, &failure), (Some(Failure::Refused(_)), Failure::NoAnswer(_))) {
                        last = Some(failure);
                    }
                }
            }
        }
        Err(match last {
            Some(Failure::NoAnswer(why)) if self.addresses.len() > 1 => {
                no_answer(format!("none of the {} known brokers answers; the last one: {why}", self.addresses.len()))
            }
            Some(failure) => failure,
            None => Failure::NotLoggedIn("no broker is known; log in with: hostler login --broker ADDRESS".into()),
        })
    }

    async fn attempt(&self, address: &Address, ask: &Ask<'_>) -> Attempt {
        let request = match self.request(address, ask) {
            Ok(request) => request,
            Err(failure) => return Attempt::Failed(failure),
        };
        let mut answer = match self.http.execute(request).await {
            Ok(answer) => answer,
            Err(error) => return self.no_connection(address, ask, &error),
        };
        let status = answer.status();
        let mut bytes = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_BYTES => bytes.extend_from_slice(&chunk),
                Ok(Some(_)) => return Attempt::Failed(anyhow!("{address} answers with too much").into()),
                Ok(None) => break,
                Err(error) => return self.no_connection(address, ask, &error),
            }
        }
        if status.is_success() {
            return Attempt::Answer(bytes);
        }
        refusal(address, status, &bytes)
    }

    fn request(&self, address: &Address, ask: &Ask<'_>) -> Result<reqwest::Request, Failure> {
        let mut url = Url::parse(&format!("https://{address}{BASE}")).context("the broker's address is no URL")?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(ask.path);
        }
        let site = self.site.iter().map(|site| ("site", site.clone()));
        let query: Vec<_> = ask.query.iter().cloned().chain(site).collect();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(&query);
        }
        let mut request = self.http.request(ask.method.clone(), url).header(ACCEPT, ask.accept);
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Failure::NotLoggedIn("the stored token is damaged; log in with: hostler login".into()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        Ok(request.build().context("the request can't be built")?)
    }

    /// What it means that no answer came.
    fn no_connection(&self, address: &Address, ask: &Ask<'_>, error: &reqwest::Error) -> Attempt {
        if let Some(rustls::Error::InvalidCertificate(_)) = tls_error(error) {
            let shown = self.shown().map_or_else(|| "another kind of key".into(), |f| format!("the key {f}"));
            return Attempt::Next(no_answer(format!(
                "{address} shows {shown}, which is not known as a broker of this farm; where that is right, log in \
                 again: hostler login --broker {address}"
            )));
        }
        let why = innermost(error);
        if error.is_connect() || ask.method == Method::GET {
            return Attempt::Next(no_answer(format!("{address} does not answer: {why}")));
        }
        Attempt::Failed(no_answer(format!(
            "{address} took the request and has not answered ({why}); see whether it was done before you repeat it: \
             hostler log tail"
        )))
    }
}

/// What it means that a broker did not do it.
fn refusal(address: &Address, status: StatusCode, bytes: &[u8]) -> Attempt {
    match serde_json::from_slice::<Problem>(bytes) {
        // Nothing has changed there, and another broker may be able to.
        Ok(problem)
            if matches!(
                problem.code.as_str(),
                "busy"
                    | "not_ready"
                    | "halted"
                    | "clock_ahead"
                    | "master_unreachable"
                    | "site_unreachable"
                    | "other_site"
            ) =>
        {
            Attempt::Next(Failure::Refused(problem))
        }
        Ok(problem) => Attempt::Failed(Failure::Refused(problem)),
        Err(_) => Attempt::Failed(anyhow!("{address} answers with status {status}; is it a Hostler broker?").into()),
    }
}

fn no_answer(text: String) -> Failure {
    Failure::NoAnswer(text)
}

/// Reads a fingerprint: 26 characters, case does not matter.
pub(crate) fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    let bytes = data_encoding::BASE32_NOPAD.decode(text.trim().to_ascii_uppercase().as_bytes()).ok()?;
    bytes.try_into().ok().map(Fingerprint)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&e| e.source())
}

/// TLS's own error hides in I/O errors, one in the other, whose source is the source of what they hold.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    causes(error).find_map(|cause| std::iter::successors(Some(cause), |&e| held(e)).find_map(|e| e.downcast_ref()))
}

/// What an I/O error holds.
fn held<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    Some(inner)
}

fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_string();
    }
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}
