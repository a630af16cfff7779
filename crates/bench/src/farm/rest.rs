//! An administrator's way to our brokers, over HTTPS connections that stay open.

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use hostler_model::ports;
use reqwest::Method;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// Requests at once where many things are made.
const AT_ONCE: usize = 32;

/// Asks brokers. A clone shares the connections; [`Rest::apart`] has its own.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    http: reqwest::Client,
    token: String,
    brokers: Vec<Ipv4Addr>,
}

impl Rest {
    /// Logs in. A logon is good on every broker.
    pub(crate) async fn log_in(brokers: Vec<Ipv4Addr>, password: &str) -> Result<Self> {
        let mut rest = Self { http: client()?, token: String::new(), brokers };
        let said = rest.post(0, "login", &json!({ "name": "admin", "password": password })).await?;
        rest.token = said["token"].as_str().context("no token came back from the login")?.to_owned();
        Ok(rest)
    }

    /// The same with connections of its own.
    pub(crate) fn apart(&self) -> Result<Self> {
        Ok(Self { http: client()?, ..self.clone() })
    }

    /// How many brokers there are.
    #[must_use]
    pub(crate) fn brokers(&self) -> usize {
        self.brokers.len()
    }

    /// Reads something from a broker; they are counted from zero, and begin again.
    pub(crate) async fn get(&self, broker: usize, path: &str) -> Result<Value> {
        self.ask(broker, Method::GET, path, None).await
    }

    /// Makes something.
    pub(crate) async fn post(&self, broker: usize, path: &str, body: &Value) -> Result<Value> {
        self.ask(broker, Method::POST, path, Some(body)).await
    }

    /// Sets something.
    pub(crate) async fn put(&self, broker: usize, path: &str, body: &Value) -> Result<Value> {
        self.ask(broker, Method::PUT, path, Some(body)).await
    }

    /// Changes something.
    pub(crate) async fn patch(&self, broker: usize, path: &str, body: &Value) -> Result<Value> {
        self.ask(broker, Method::PATCH, path, Some(body)).await
    }

    /// Adds users, several at once.
    pub(crate) async fn add_users(&self, names: impl IntoIterator<Item = String>) -> Result<()> {
        let add = |(at, name): (usize, String)| async move {
            self.post(at, "users", &json!({ "name": name })).await.map(|_| ())
        };
        stream::iter(names.into_iter().enumerate().map(add)).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn ask(&self, broker: usize, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let at = self.brokers[broker % self.brokers.len()];
        let mut request = self.http.request(method, format!("https://{at}:{}/api/v1/{path}", ports::ACCESS));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{at} does not answer {path}"))?;
        let (status, bytes) = (answer.status(), answer.bytes().await?);
        ensure!(status.is_success(), "{at}: {path}: {status}: {}", String::from_utf8_lossy(&bytes));
        if bytes.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&bytes)?) }
    }
}

fn client() -> Result<reqwest::Client> {
    // Reqwest brings no cryptography of its own; fails only where there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Whoever answers at these addresses was started here, so its key needs no look.
    Ok(reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).timeout(ANSWER).build()?)
}
