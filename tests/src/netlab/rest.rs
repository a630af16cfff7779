//! What brokers are asked over HTTPS, from inside the administrator's network.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::space::Space;

/// Threads for the requests.
const THREADS: usize = 2;
/// How long a broker may take to answer; it takes up to 250 ms to ask another disk, and more where the master is asked.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it may take to let somebody connect.
const CONNECT: Duration = Duration::from_secs(1);
/// Where brokers answer.
const PORT: u16 = 20_002;

/// What a broker has answered, in good order.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was done.
    Done(Value),
    /// It was refused, with this code, and these words.
    Refused(String, String),
}

/// Asks brokers; keeps connections open. A clone shares them.
#[derive(Clone, Debug)]
pub struct Rest {
    runtime: Arc<Runtime>,
    http: reqwest::Client,
    token: String,
}

impl Rest {
    /// All connections come from this place.
    pub fn from(space: &Space) -> Result<Self> {
        // Reqwest brings no cryptography of its own; fails only where there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let space = space.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .on_thread_start(move || {
                if let Err(error) = space.enter() {
                    eprintln!("a thread can't enter {}: {error}", space.name());
                    std::process::abort();
                }
            })
            .build()?;
        // Nobody else is in that network, so keys need no look.
        let http = reqwest::Client::builder()
            .no_proxy()
            .danger_accept_invalid_certs(true)
            .timeout(ANSWER)
            .connect_timeout(CONNECT)
            .build()?;
        Ok(Self { runtime: Arc::new(runtime), http, token: String::new() })
    }

    /// The same with connections of its own.
    pub fn apart(&self) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .danger_accept_invalid_certs(true)
            .timeout(ANSWER)
            .connect_timeout(CONNECT)
            .build()?;
        Ok(Self { http, ..self.clone() })
    }

    /// Everything after this is asked as this administrator. A logon is good on every broker.
    pub fn log_in(&mut self, at: Ipv4Addr, name: &str, password: &str) -> Result<()> {
        let said = self.post(at, "login", json!({ "name": name, "password": password }))?;
        self.token = said["token"].as_str().context("no token came back from the login")?.to_owned();
        Ok(())
    }

    /// Reads something.
    pub fn get(&self, at: Ipv4Addr, path: &str) -> Result<Value> {
        self.now(at, Method::GET, path, None)
    }

    /// Makes or does something.
    pub fn post(&self, at: Ipv4Addr, path: &str, body: Value) -> Result<Value> {
        self.now(at, Method::POST, path, Some(body))
    }

    /// Sets something.
    pub fn put(&self, at: Ipv4Addr, path: &str, body: Value) -> Result<Value> {
        self.now(at, Method::PUT, path, Some(body))
    }

    fn now(&self, at: Ipv4Addr, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let (me, what) = (self.clone(), path.to_owned());
        let asked = self.spawn(async move { me.ask(at, method, &what, body).await });
        match self.wait(asked)?? {
            Answer::Done(value) => Ok(value),
            Answer::Refused(code, words) => bail!("{at} refuses {path}: {code}: {words}"),
        }
    }

    /// Starts something inside the administrator's network.
    pub fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime.spawn(task)
    }

    /// Waits for it.
    pub fn wait<T>(&self, task: JoinHandle<T>) -> Result<T> {
        self.runtime.block_on(task).context("a request's task has panicked")
    }

    /// Asks, for a task that [`Rest::spawn`] has started. An error means that nobody knows whether it was done.
    pub async fn ask(&self, at: Ipv4Addr, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
        let mut request = self.http.request(method, format!("https://{at}:{PORT}/api/v1/{path}"));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        // An answer without content is `null`.
        let value: Value = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
        if status.is_success() {
            return Ok(Answer::Done(value));
        }
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Ok(Answer::Refused(text("code"), text("detail")))
    }
}
