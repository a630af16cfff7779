//! The REST server in a thread of its own, and a plain HTTP client.

use crate::fake::Fake;
use hostler_broker::rest::{RestOptions, serve};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::net::TcpListener;
use std::sync::{Arc, Once};
use tokio::sync::oneshot;

/// A running server. It stops when this goes.
pub(crate) struct Server {
    pub(crate) fake: Arc<Fake>,
    pub(crate) address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    http: reqwest::Client,
}

/// An answer: its status, its headers' content type, and its body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON; `null` where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Status and problem code.
    pub(crate) fn brief(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or("").to_string())
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _one_is_enough = rustls::crypto::ring::default_provider().install_default();
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let fake = Fake::new(address.parse().unwrap());
        let (stop, stopped) = oneshot::channel();
        let backend = fake.clone();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let server = serve(backend, listener, RestOptions { workers: 1 }).unwrap();
                let handle = server.handle();
                let running = actix_rt::spawn(server);
                let _told_or_dropped = stopped.await;
                handle.stop(false).await;
                running.await.unwrap().unwrap();
            });
        });
        // The keys are pinned by the program; here any will do.
        let http = reqwest::Client::builder().danger_accept_invalid_certs(true).no_proxy().build().unwrap();
        Self { fake, address, stop: Some(stop), thread: Some(thread), http }
    }

    pub(crate) async fn ask(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        self.ask_as(token, method, path, body, &[("content-type", "application/json")]).await
    }

    pub(crate) async fn ask_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let url = format!("https://{}/api/v1{path}", self.address);
        let mut request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status: StatusCode = answer.status();
        let kind = answer.headers().get("content-type").map(|v| v.to_str().unwrap().to_string()).unwrap_or_default();
        Answer { status: status.as_u16(), kind, text: answer.text().await.unwrap() }
    }

    /// Logs in and gives the token.
    pub(crate) async fn log_in(&self, name: &str, password: &str) -> String {
        let body = serde_json::json!({ "name": name, "password": password }).to_string();
        let answer = self.ask("", "POST", "/login", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["token"].as_str().unwrap().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
