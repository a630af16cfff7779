//! The log of everything that was done.

use crate::args::LogCommand;
use crate::client::Ask;
use crate::context::{Context, print, print_json, read};
use crate::failure::Failure;
use crate::table::clean;
use crate::times;
use hostler_broker::rest::Labelled;
use hostler_broker::rest::log::LogLine;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// How often a followed log is read, in ms.
const FOLLOW_MS: u64 = 1_000;
/// Lines that are read at a time while following.
const FOLLOW_LINES: usize = 1_000;

/// Commands about the log.
pub(super) async fn log(context: &Context, command: &LogCommand) -> Result<(), Failure> {
    let LogCommand::Tail { follow, limit } = command;
    let mut ask = Ask::new(Method::GET, &["log"]);
    ask.query.push(("limit", limit.to_string()));
    let answer = context.client.json(ask).await?;
    if !follow {
        return if context.json() { print_json(&answer) } else { show(read(answer)?) };
    }
    let mut last = follow_on(context, answer, None)?;
    loop {
        tokio::time::sleep(Duration::from_millis(FOLLOW_MS)).await;
        let mut ask = Ask::new(Method::GET, &["log"]);
        ask.query.push(("limit", FOLLOW_LINES.to_string()));
        ask.query.extend(last.iter().map(|event| ("after", event.clone())));
        last = follow_on(context, context.client.json(ask).await?, last)?;
    }
}

/// Shows what came, one JSON object a line where JSON is wanted, and says after which event to go on.
fn follow_on(context: &Context, answer: Value, last: Option<String>) -> Result<Option<String>, Failure> {
    let lines: Vec<LogLine> = read(answer.clone())?;
    let newest = lines.last().map(|line| line.event.clone()).or(last);
    if context.json() {
        let objects = answer.as_array().into_iter().flatten().map(|line| format!("{line}\n"));
        print(&objects.collect::<String>())?;
    } else {
        show(lines)?;
    }
    Ok(newest)
}

fn show(lines: Vec<LogLine>) -> Result<(), Failure> {
    print(&lines.iter().map(text).collect::<String>())
}

fn text(line: &LogLine) -> String {
    let name = |thing: &Labelled| match &thing.name {
        Some(name) => name.clone(),
        None => thing.id.chars().take(8).collect(),
    };
    let who = match line.actor.kind.as_str() {
        "system" => format!("broker {}", name(&line.broker)),
        "token" => format!("token {}", name(&line.actor)),
        _ => name(&line.actor),
    };
    let touches: Vec<String> = line.touches.iter().map(|thing| format!("{} {}", thing.kind, name(thing))).collect();
    let lane = if line.lane == "applied" { String::new() } else { format!("  [{}]", line.lane) };
    let mut text =
        format!("{}  {:<18}  {:<14}  {}{lane}", times::date(line.time_ms), line.what, who, touches.join(", "));
    text = format!("{}\n", clean(text.trim_end()));
    for note in &line.notes {
        text.push_str(&format!("    {}\n", clean(note)));
    }
    text
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
            time_ms: 1_735_689_600_000,
            what: "host.changed".into(),
            class: "everyday".into(),
            epoch: 1,
            broker: labelled("broker", Some("b1")),
            actor: labelled("admin", Some("anna")),
            lane: "applied".into(),
            lane_by: None,
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
                "2025-01-01 00:00:00 UTC  host.changed        anna            host rdsh-1\n    it replaced an edit\n",
            ),
            (system, "2025-01-01 00:00:00 UTC  promoted            broker b1         [superseded]\n"),
            (joined, "2025-01-01 00:00:00 UTC  host.joined         token abcdefgh  host abcdefgh, token abcdefgh\n"),
        ] {
            assert_eq!(text(&line), want);
        }
    }
}
