//! The log of everything that was done.

mod export;
mod masterships;
mod past;
mod source;
mod verify;

use crate::args::{FromArg, GlobalArgs, LogCommand, TailFilter};
use crate::client::Ask;
use crate::context::{Context, now_ms, print, print_json, read};
use crate::failure::Failure;
use crate::table::{Details, clean};
use crate::times;
use clap::ValueEnum;
use hostler_broker::rest::Labelled;
use hostler_broker::rest::audit::{EventDetails, Reason, SetAsideLine, details, of_site, set_aside_lines};
use hostler_broker::rest::log::{LogFilter, LogLine};
use hostler_model::Wall;
use hostler_views::{State, Timeline};
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use source::Source;
use std::time::Duration;

/// How often a followed log is read, in ms.
const FOLLOW_MS: u64 = 1_000;
/// Lines that are read at a time while following.
const FOLLOW_LINES: usize = 1_000;

/// Commands about the log.
pub(super) async fn log(global: &GlobalArgs, command: &LogCommand) -> Result<(), Failure> {
    match command {
        LogCommand::Tail { follow, limit, only } => {
            tail(&Context::new(global)?, *follow, usize::from(*limit), only).await
        }
        LogCommand::Show { event, from } => {
            let found = match offline(from, |timeline, main| details(timeline, main, event))? {
                Some(found) => json(&found.map_err(|e| Failure::Usage(e.to_string()))?),
                None => Context::new(global)?.get(&["log", "events", event]).await?,
            };
            shown(global, found, |details: EventDetails| show(&details))
        }
        LogCommand::Promotions { from } => {
            let found = match offline(from, hostler_broker::rest::audit::promotion_lines)? {
                Some(lines) => json(&lines),
                None => Context::new(global)?.get(&["log", "promotions"]).await?,
            };
            shown(global, found, |lines| masterships::text(lines, now_ms()))
        }
        LogCommand::Superseded { from } => {
            let found = match offline(from, set_aside_lines)? {
                Some(lines) => json(&lines),
                None => Context::new(global)?.get(&["log", "superseded"]).await?,
            };
            shown(global, found, superseded)
        }
        LogCommand::At { time, from } => past::at(global, *time, from).await,
        LogCommand::Diff { earlier, later, from } => past::diff(global, *earlier, *later, from).await,
        LogCommand::Reapply { event } => order(global, event, "reapply", None, "counts now").await,
        LogCommand::Discard { event, reason } => {
            let reason = Reason { reason: reason.clone() };
            order(global, event, "discard", Some(&reason), "is discarded").await
        }
        LogCommand::Revert { event } => order(global, event, "revert", None, "is undone").await,
        LogCommand::Verify { path } => verify::verify(global, path.as_deref()),
        LogCommand::Export { file, from } => export::export(global, file, from.path.as_deref()).await,
    }
}

/// What a log without a broker says; `None` where a broker is to be asked.
fn offline<T>(from: &FromArg, look: impl FnOnce(&Timeline, &State) -> T) -> Result<Option<T>, Failure> {
    let Some(path) = &from.path else { return Ok(None) };
    let log = Source::open(path)?.read(Wall(now_ms()))?;
    let views = log.views();
    Ok(of_site(&views, log.site).map(|(timeline, main)| look(timeline, main)))
}

fn json(value: &impl Serialize) -> Value {
    // What REST answers is always JSON.
    serde_json::to_value(value).unwrap_or_default()
}

fn shown<T: serde::de::DeserializeOwned>(
    global: &GlobalArgs,
    found: Value,
    text: impl FnOnce(T) -> String,
) -> Result<(), Failure> {
    if global.json { print_json(&found) } else { print(&text(read(found)?)) }
}

async fn order(global: &GlobalArgs, event: &str, what: &str, body: Option<&Reason>, done: &str) -> Result<(), Failure> {
    let context = Context::new(global)?;
    let answer = context.order(Method::POST, &["log", "events", event, what], body).await?;
    context.done(answer, &format!("event {event} {done}"))
}

async fn tail(context: &Context, follow: bool, limit: usize, only: &TailFilter) -> Result<(), Failure> {
    let word = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| value().map(|v| v.get_name().to_string());
    let class = only.class;
    let lane = only.lane;
    let mut filter = LogFilter {
        limit: Some(limit),
        after: None,
        actor: only.actor.clone(),
        thing: only.thing.clone(),
        class: word(&|| class?.to_possible_value()),
        lane: word(&|| lane?.to_possible_value()),
        what: only.what.clone(),
        since_ms: only.since.map(|m| m.0),
        until_ms: only.until.map(|m| m.0),
    };
    let answer = context.client.json(ask(&filter)).await?;
    if !follow {
        return if context.json() { print_json(&answer) } else { show_lines(read(answer)?) };
    }
    filter.limit = Some(FOLLOW_LINES);
    filter.after = follow_on(context, answer, None)?;
    loop {
        tokio::time::sleep(Duration::from_millis(FOLLOW_MS)).await;
        let answer = context.client.json(ask(&filter)).await?;
        filter.after = follow_on(context, answer, filter.after.take())?;
    }
}

fn ask(filter: &LogFilter) -> Ask<'static> {
    let LogFilter { limit, after, actor, thing, class, lane, what, since_ms, until_ms } = filter.clone();
    let number = |n: u64| n.to_string();
    let said = [
        ("limit", limit.map(|n| n.to_string())),
        ("after", after),
        ("actor", actor),
        ("thing", thing),
        ("class", class),
        ("lane", lane),
        ("what", what),
        ("since_ms", since_ms.map(number)),
        ("until_ms", until_ms.map(number)),
    ];
    let mut ask = Ask::new(Method::GET, &["log"]);
    ask.query.extend(said.into_iter().filter_map(|(name, value)| Some((name, value?))));
    ask
}

/// Shows what came, one JSON object a line where JSON is wanted, and says after which event to go on.
fn follow_on(context: &Context, answer: Value, last: Option<String>) -> Result<Option<String>, Failure> {
    let lines: Vec<LogLine> = read(answer.clone())?;
    let newest = lines.last().map(|line| line.event.clone()).or(last);
    if context.json() {
        let objects = answer.as_array().into_iter().flatten().map(|line| format!("{line}\n"));
        print(&objects.collect::<String>())?;
    } else {
        show_lines(lines)?;
    }
    Ok(newest)
}

fn show_lines(lines: Vec<LogLine>) -> Result<(), Failure> {
    print(&lines.iter().map(text).collect::<String>())
}

fn text(line: &LogLine) -> String {
    let who = who(line);
    let touches: Vec<String> = line.touches.iter().map(|thing| format!("{} {}", thing.kind, name(thing))).collect();
    let lane = match (line.lane.as_str(), &line.settled) {
        ("applied", _) => String::new(),
        (lane, None) => format!("  [{lane}]"),
        (lane, Some(settled)) => format!("  [{lane}, {settled}]"),
    };
    let mut text = format!(
        "{}  {:<14}  {:<18}  {:<14}  {}{lane}",
        times::date(line.time_ms),
        line.name,
        line.what,
        who,
        touches.join(", ")
    );
    text = format!("{}\n", clean(text.trim_end()));
    for note in &line.notes {
        text.push_str(&format!("    {}\n", clean(note)));
    }
    text
}

/// A thing's name, or the beginning of its id.
fn name(thing: &Labelled) -> String {
    match &thing.name {
        Some(name) => name.clone(),
        None => thing.id.chars().take(8).collect(),
    }
}

/// Who wanted an event.
fn who(line: &LogLine) -> String {
    person(&line.actor, &line.broker)
}

fn person(actor: &Labelled, broker: &Labelled) -> String {
    match actor.kind.as_str() {
        "system" => format!("broker {}", name(broker)),
        "token" => format!("token {}", name(actor)),
        _ => name(actor),
    }
}

/// One event in full.
fn show(details: &EventDetails) -> String {
    let EventDetails { line, hash, previous, bases, frontier, put_aside } = details;
    let mut out = Details::new();
    out.line("Event", &line.name);
    out.line("Full name", &line.event);
    out.line("What", format!("{} ({})", line.what, line.class));
    out.line("When", times::moment(now_ms(), line.time_ms));
    out.line("Who", who(line));
    out.line("Written by", format!("broker {} in epoch {}", name(&line.broker), line.epoch));
    let by = line.lane_by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
    out.line("Lane", format!("{}{by}", line.lane));
    if let (Some(how), Some(by)) = (&line.settled, &line.settled_by) {
        out.line("Settled", format!("{how} by {by}"));
    }
    for note in &line.notes {
        out.line("Note", note);
    }
    for thing in &line.touches {
        out.line("Touches", format!("{} {} ({})", thing.kind, name(thing), thing.id));
    }
    for base in bases.iter().flatten() {
        out.line("Replaces", base);
    }
    for event in put_aside {
        out.line("Put aside", event);
    }
    for head in frontier {
        out.line("Had seen", format!("{}.{}/{}", name(&head.broker), head.incarnation, head.seq));
    }
    out.line("Hash", hash);
    out.line("Follows", previous);
    let payload = serde_json::to_string_pretty(&line.payload).unwrap_or_default();
    let payload: String = payload.lines().map(|line| format!("{}\n", clean(line))).collect();
    format!("{out}{payload}")
}

/// What was set aside.
fn superseded(lines: Vec<SetAsideLine>) -> String {
    if lines.is_empty() {
        return "Nothing is superseded or quarantined.\n".to_string();
    }
    let waiting = lines.iter().filter(|l| l.waits).count();
    let mut out: String = lines.iter().map(|l| text(&l.line)).collect();
    if waiting > 0 {
        out.push_str(&format!(
            "To be decided: {waiting}. Let one count: hostler log reapply EVENT; or not: hostler log discard EVENT \
             --reason TEXT\n"
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let labelled = |kind: &str, name: Option<&str>| Labelled {
            kind: kind.into(),
            id: "abcdefghijklmnop".into(),
            name: name.map(str::to_string),
        };
        let line = LogLine {
            event: "e".into(),
            name: "b7k2abcd.1/12".into(),
            time_ms: 1_735_689_600_000,
            what: "host.changed".into(),
            class: "everyday".into(),
            epoch: 1,
            broker: labelled("broker", Some("b1")),
            actor: labelled("admin", Some("anna")),
            lane: "applied".into(),
            lane_by: None,
            settled: None,
            settled_by: None,
            notes: vec!["it replaced an edit".into()],
            touches: vec![labelled("host", Some("rdsh-1"))],
            payload: Value::Null,
        };
        let system = LogLine {
            what: "promoted".into(),
            actor: labelled("system", None),
            lane: "superseded".into(),
            notes: vec![],
            touches: vec![],
            ..line.clone()
        };
        let joined = LogLine {
            what: "host.joined".into(),
            actor: labelled("token", None),
            notes: vec![],
            touches: vec![labelled("host", None), labelled("token", None)],
            ..line.clone()
        };
        for (line, want) in [
            (
                line,
                "2025-01-01 00:00:00 UTC  b7k2abcd.1/12   host.changed        anna            host rdsh-1\n    it replaced an edit\n",
            ),
            (system, "2025-01-01 00:00:00 UTC  b7k2abcd.1/12   promoted            broker b1         [superseded]\n"),
            (
                joined,
                "2025-01-01 00:00:00 UTC  b7k2abcd.1/12   host.joined         token abcdefgh  host abcdefgh, token abcdefgh\n",
            ),
        ] {
            assert_eq!(text(&line), want);
        }
    }
}
