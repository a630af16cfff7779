//! Asks the farm's brokers through their REST, any of them in turn until one answers.

use super::pins::Pins;
use super::rows::{LoggedIn, Problem};
use hostler_model::BrokerId;
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

/// The path before every endpoint.
pub(super) const BASE: &str = "/api/v1";
/// The type of a .rdp file.
pub(super) const RDP_FILE: &str = "application/x-rdp";
/// How long a broker may take to accept a connection: it is on this machine.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// Why there is no answer to make use of.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestError {
    #[error("the HTTPS client can't be made: {0}")]
    Client(String),
    #[error("no broker answers; the last one asked, {at}: {why}")]
    NoAnswer { at: SocketAddr, why: String },
    #[error("{at} refuses {what}: {detail} ({code})")]
    Refused { at: SocketAddr, what: String, code: String, detail: String },
    #[error("the answer of {at} to {what} is not understood: {why}")]
    NotUnderstood { at: SocketAddr, what: String, why: String },
}

/// Asks brokers. A clone asks the same ones.
#[derive(Clone)]
pub(super) struct Rest {
    http: reqwest::Client,
    pins: Pins,
    brokers: Vec<SocketAddr>,
    token: Option<String>,
}

impl Rest {
    /// For a farm that has one broker so far.
    pub(super) fn new(broker: BrokerId, at: SocketAddr) -> Result<Self, RestError> {
        let pins = Pins::default();
        pins.add(broker);
        let tls = pins.tls().map_err(|error| RestError::Client(error.to_string()))?;
        let http = reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .https_only(true)
            .no_proxy()
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT)
            .build()
            .map_err(|error| RestError::Client(why(&error)))?;
        Ok(Self { http, pins, brokers: vec![at], token: None })
    }

    /// One more broker.
    pub(super) fn add(&mut self, broker: BrokerId, at: SocketAddr) {
        self.pins.add(broker);
        self.brokers.push(at);
    }

    /// How many brokers can be asked.
    pub(super) fn brokers(&self) -> usize {
        self.brokers.len()
    }

    /// Everything after this is asked as this administrator.
    pub(super) async fn log_in(&mut self, name: &str, password: &str) -> Result<(), RestError> {
        let LoggedIn { token } = self.post("/login", &json!({ "name": name, "password": password })).await?;
        self.token = Some(token);
        Ok(())
    }

    /// The token, once logged in.
    pub(super) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RestError> {
        self.json(&self.brokers, Method::GET, path, None).await
    }

    /// Asks this broker and no other; they are counted from zero.
    pub(super) async fn get_from<T: DeserializeOwned>(&self, broker: usize, path: &str) -> Result<T, RestError> {
        let only = self.brokers.get(broker).map(std::slice::from_ref).unwrap_or_default();
        self.json(only, Method::GET, path, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, RestError> {
        self.json(&self.brokers, Method::POST, path, Some(body)).await
    }

    pub(super) async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, RestError> {
        self.json(&self.brokers, Method::PUT, path, Some(body)).await
    }

    /// A .rdp file for a user.
    pub(super) async fn rdp_file(&self, user: &str) -> Result<Vec<u8>, RestError> {
        let body = json!({ "user": user });
        Ok(self.ask(&self.brokers, Method::POST, "/connections", Some(&body), RDP_FILE).await?.1)
    }

    async fn json<T: DeserializeOwned>(
        &self,
        brokers: &[SocketAddr],
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, RestError> {
        let what = format!("{method} {path}");
        let (at, bytes) = self.ask(brokers, method, path, body, "application/json").await?;
        // An answer without content is `null` to those who expect nothing.
        let bytes = if bytes.is_empty() { &b"null"[..] } else { &bytes };
        serde_json::from_slice(bytes).map_err(|error| RestError::NotUnderstood { at, what, why: error.to_string() })
    }

    async fn ask(
        &self,
        brokers: &[SocketAddr],
        method: Method,
        path: &str,
        body: Option<&Value>,
        accept: &str,
    ) -> Result<(SocketAddr, Vec<u8>), RestError> {
        let mut last = RestError::Client("no broker is known".to_string());
        for at in brokers {
            let mut request = self.http.request(method.clone(), format!("https://{at}{BASE}{path}"));
            request = request.header(ACCEPT, accept);
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            match exchange(request).await {
                Ok((status, bytes)) if status.is_success() => return Ok((*at, bytes)),
                Ok((status, bytes)) => {
                    let problem = serde_json::from_slice(&bytes).unwrap_or_else(|_| Problem {
                        code: status.as_u16().to_string(),
                        detail: String::from_utf8_lossy(&bytes).into_owned(),
                    });
                    let Problem { code, detail } = problem;
                    let refused = RestError::Refused { at: *at, what: format!("{method} {path}"), code, detail };
                    // Nothing was changed there, and another broker may be able to.
                    if status != StatusCode::SERVICE_UNAVAILABLE {
                        return Err(refused);
                    }
                    last = refused;
                }
                Err(error) if error.is_connect() || method == Method::GET => {
                    last = RestError::NoAnswer { at: *at, why: why(&error) };
                }
                Err(error) => return Err(RestError::NoAnswer { at: *at, why: why(&error) }),
            }
        }
        Err(last)
    }
}

async fn exchange(request: RequestBuilder) -> reqwest::Result<(StatusCode, Vec<u8>)> {
    let answer = request.send().await?;
    Ok((answer.status(), answer.bytes().await?.to_vec()))
}

/// The innermost cause: the outer ones only say that a request failed.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_string();
    }
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}
