//! What every command that asks a broker has at hand: a client, and how answers are shown.

use crate::args::GlobalArgs;
use crate::client::{Ask, Client};
use crate::failure::Failure;
use crate::logon::{KnownBroker, Logon};
use crate::prompt;
use crate::table::{Table, clean};
use anyhow::Context as _;
use hostler_broker::rest::CommandReply;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// What every command that asks a broker has at hand.
pub(crate) struct Context {
    /// Asks brokers.
    pub(crate) client: Client,
    json: bool,
    yes: bool,
    site: Option<String>,
}

impl Context {
    /// With the stored logon, or what stands in for it.
    pub(crate) fn new(global: &GlobalArgs) -> Result<Self, Failure> {
        let program = std::env::var("HOSTLER_TOKEN").ok().filter(|t| !t.is_empty());
        let logon = Logon::load()?;
        let mut brokers = logon.as_ref().map(|l| l.brokers.clone()).unwrap_or_default();
        if let (Some(address), Some(fingerprint)) = (&global.broker, global.fingerprint) {
            brokers = vec![KnownBroker::new(address.clone(), fingerprint)];
        }
        // Of the brokers that are known some are of other sites: which site is meant must not depend on who answers.
        let of_logon = logon.as_ref().and_then(|l| l.site.clone()).filter(|_| global.broker.is_none());
        let site = global.site.clone().or(of_logon);
        let token = program.or_else(|| logon.map(|l| l.token)).ok_or_else(|| {
            Failure::NotLoggedIn("you are not logged in; log in with: hostler login --broker ADDRESS".into())
        })?;
        let ask = match &global.broker {
            Some(address) => vec![address.clone()],
            None => brokers.iter().map(|b| b.address.clone()).collect(),
        };
        let client = Client::new(&brokers, ask, Some(token))?.about(site.clone());
        Ok(Self { client, json: global.json, yes: global.yes, site })
    }

    /// The site that is meant, by name or id; that of the broker that answers if `None`.
    pub(crate) fn site(&self) -> Option<&str> {
        self.site.as_deref()
    }

    /// Whether JSON is wanted.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Reads something.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.client.json(Ask::new(Method::GET, path)).await
    }

    /// Wants something done.
    pub(crate) async fn order(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&(impl serde::Serialize + Sync)>,
    ) -> Result<Value, Failure> {
        let ask = Ask::new(method, path);
        let ask = match body {
            Some(body) => ask.with(body)?,
            None => ask,
        };
        self.client.json(ask).await
    }

    /// Asks whether to go on, unless `--yes` was given; an error where not.
    pub(crate) fn confirm(&self, question: &str) -> Result<(), Failure> {
        if self.yes || prompt::confirm(question)? { Ok(()) } else { Err(Failure::Usage("nothing was changed".into())) }
    }

    /// Shows rows: as a table, or as the JSON that came.
    pub(crate) fn rows<T: DeserializeOwned>(
        &self,
        answer: Value,
        mut table: Table,
        cells: impl Fn(T, &mut Table),
    ) -> Result<(), Failure> {
        if self.json {
            return print_json(&answer);
        }
        read::<Vec<T>>(answer)?.into_iter().for_each(|row| cells(row, &mut table));
        print(&table)
    }

    /// Shows one thing: in words, or as the JSON that came.
    pub(crate) fn one<T: DeserializeOwned, D: Display>(
        &self,
        answer: Value,
        words: impl FnOnce(T) -> D,
    ) -> Result<(), Failure> {
        if self.json {
            return print_json(&answer);
        }
        print(&words(read(answer)?))
    }

    /// Says that a command was carried out, and on how many disks it is.
    pub(crate) fn done(&self, answer: Value, what: &str) -> Result<(), Failure> {
        if self.json {
            return print_json(&answer);
        }
        print(&done_text(&read(answer)?, what))
    }

    /// Says that a host has done something.
    pub(crate) fn carried_out(&self, answer: &Value, what: &str) -> Result<(), Failure> {
        if self.json { print_json(answer) } else { print(&format!("{}\n", clean(what))) }
    }
}

/// What came of a command, in words. Warnings go to standard error.
pub(crate) fn done_text(reply: &CommandReply, what: &str) -> String {
    for warning in &reply.warnings {
        eprintln!("warning: {}", clean(warning));
    }
    let what = clean(what);
    if reply.events.is_empty() && !reply.warnings.is_empty() {
        return "nothing was changed\n".to_string();
    }
    if reply.events.is_empty() {
        return format!("{what}: it was so already\n");
    }
    let CommandReply { durable_on, members, .. } = reply;
    format!("{what} (on the disks of {durable_on} of {members} {})\n", if *members == 1 { "broker" } else { "brokers" })
}

/// Reads an answer.
pub(crate) fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    Ok(serde_json::from_value(answer)
        .context("the broker's answer is not what this program knows; do both have the same version?")?)
}

/// Prints to standard output. Whoever reads it may stop early: `hostler log tail | head` is no error.
pub(crate) fn print(text: &impl Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other.context("can't write to standard output")?),
    }
}

/// Prints JSON.
pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    if value.is_null() {
        return Ok(());
    }
    print(&format!("{value:#}\n"))
}

/// The present moment, in ms since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
