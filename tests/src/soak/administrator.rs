//! Somebody who changes things all the time, at a random broker, and writes down what was acknowledged.

use std::net::Ipv4Addr;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use super::Gate;
use super::notes::Notes;
use crate::netlab::{Answer, Rest};

/// How often each wants something.
const EVERY: Duration = Duration::from_millis(80);

/// What is wanted.
struct Wish {
    method: Method,
    path: String,
    body: Value,
    made: Option<(&'static str, String)>,
}

/// Works until the gate says that all is over.
pub(super) async fn work(
    rest: Rest,
    brokers: Vec<(String, Ipv4Addr)>,
    number: u64,
    mut random: StdRng,
    notes: Notes,
    gate: Gate,
) {
    let mut pace = tokio::time::interval(EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0u64.. {
        pace.tick().await;
        let open = gate.read().await;
        if *open {
            return;
        }
        let (_, at) = brokers[random.random_range(0..brokers.len())];
        let Wish { method, path, body, made } = wish(&mut random, &brokers, format!("n{number}-{round}"));
        match rest.ask(at, method, &path, Some(body)).await {
            Ok(Answer::Done(reply)) => notes.done(&reply, made),
            Ok(Answer::Refused(code, _)) => notes.refused(code),
            Err(_) => notes.unknown(),
        }
    }
}

/// Mostly everyday changes; sometimes the order of the brokers, or another master.
fn wish(random: &mut StdRng, brokers: &[(String, Ipv4Addr)], name: String) -> Wish {
    let some = |random: &mut StdRng| brokers[random.random_range(0..brokers.len())].0.clone();
    let wish = |method, path: String, body| Wish { method, path, body, made: None };
    match random.random_range(0..100) {
        0..=9 => {
            let body = json!({ "name": name, "members": [] });
            Wish { made: Some(("groups", name)), ..wish(Method::POST, "groups".to_owned(), body) }
        }
        10..=19 => wish(Method::PATCH, "items/Desktop".to_owned(), json!({ "everyone": random.random::<bool>() })),
        20..=29 => {
            let value = json!({ "value": format!("{}s", random.random_range(100..200)) });
            wish(Method::PUT, "settings/hosts.silent_keep".to_owned(), value)
        }
        30..=35 => {
            let way = if random.random() { "up" } else { "down" };
            wish(Method::POST, format!("brokers/{}/{way}", some(random)), json!({}))
        }
        36 => wish(Method::POST, format!("brokers/{}/promote", some(random)), json!({})),
        37 => {
            // Refused wherever the lost one is the master and can be reached, or is not the master.
            let force = json!({ "force": { "lost": some(random), "reason": "it does not answer" } });
            wish(Method::POST, format!("brokers/{}/promote", some(random)), force)
        }
        _ => {
            let body = json!({ "name": name });
            Wish { made: Some(("users", name)), ..wish(Method::POST, "users".to_owned(), body) }
        }
    }
}
