//! The farm as it was, and what changed.

use super::source::Source;
use super::{json, name, person, shown};
use crate::args::{FromArg, GlobalArgs, Moment};
use crate::client::Ask;
use crate::context::{Context, now_ms};
use crate::failure::Failure;
use crate::table::{Details, clean};
use crate::times;
use hostler_broker::rest::Labelled;
use hostler_broker::rest::past::{FarmAt, ThingDifference, differences, farm_at};
use hostler_model::Wall;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;

/// Shows the farm as it was.
pub(super) async fn at(global: &GlobalArgs, time: Moment, from: &FromArg) -> Result<(), Failure> {
    let when = Wall(time.0);
    let found = match &from.path {
        Some(path) => {
            let log = Source::open(path)?.read(Wall(now_ms()))?;
            json(&farm_at(&log.history.at(when), log.site, when))
        }
        None => {
            let mut ask = Ask::new(Method::GET, &["log", "at"]);
            ask.query.push(("time_ms", time.0.to_string()));
            Context::new(global)?.client.json(ask).await?
        }
    };
    shown(global, found, |farm: FarmAt| farm_text(&farm))
}

/// Shows what changed.
pub(super) async fn diff(
    global: &GlobalArgs,
    earlier: Moment,
    later: Option<Moment>,
    from: &FromArg,
) -> Result<(), Failure> {
    let later = later.unwrap_or_else(|| Moment(now_ms()));
    if earlier > later {
        return Err(Failure::Usage("the first moment is the later one: name the earlier one first".into()));
    }
    let found = match &from.path {
        Some(path) => {
            let log = Source::open(path)?.read(Wall(now_ms()))?;
            json(&differences(&log.history.at(Wall(earlier.0)), &log.history.at(Wall(later.0)), log.site))
        }
        None => {
            let mut ask = Ask::new(Method::GET, &["log", "diff"]);
            ask.query.extend([("from_ms", earlier.0.to_string()), ("to_ms", later.0.to_string())]);
            Context::new(global)?.client.json(ask).await?
        }
    };
    shown(global, found, |changes: Vec<ThingDifference>| diff_text(&changes))
}

fn farm_text(farm: &FarmAt) -> String {
    let mut out = Details::new();
    out.line("Farm", farm.farm.as_deref().unwrap_or("–"));
    out.line("At", times::date(farm.time_ms));
    out.line("Events", farm.events);
    match (&farm.master, farm.epoch) {
        (Some(master), Some(epoch)) => out.line("Master", format!("{} (epoch {epoch})", name(master))),
        _ => out.line("Master", "–"),
    }
    let order: Vec<String> = farm.order.iter().map(name).collect();
    out.line("Priority", order.join(", "));
    out.line("Digest", &farm.digest);
    let mut text = out.to_string();
    let names: BTreeMap<&str, String> = farm.things.iter().map(|t| (t.thing.id.as_str(), name(&t.thing))).collect();
    let mut last = "";
    for thing in &farm.things {
        if thing.thing.kind != last {
            last = &thing.thing.kind;
            text.push_str(&format!("\n{}\n", plural(last)));
        }
        let fields =
            thing.fields.iter().filter(|(field, value)| *field != "name" && *field != "key" && !value.is_null());
        let fields: Vec<String> = fields.map(|(field, v)| format!("{field} {}", value(field, v, &names))).collect();
        text.push_str(&format!("  {}: {}\n", clean(&name(&thing.thing)), clean(&fields.join(", "))));
    }
    text
}

fn plural(kind: &str) -> String {
    match kind {
        "policy" => "policies".to_string(),
        "admin" => "administrators".to_string(),
        other => format!("{other}s"),
    }
}

fn diff_text(changes: &[ThingDifference]) -> String {
    if changes.is_empty() {
        return "Nothing changed.\n".to_string();
    }
    let names: BTreeMap<&str, String> = changes.iter().map(|c| (c.thing.id.as_str(), name(&c.thing))).collect();
    let mut text = String::new();
    for change in changes {
        text.push_str(&format!("{} {}\n", clean(&subject(&change.thing)), change.change));
        for field in &change.fields {
            let show = |v: &Value| value(&field.field, v, &names);
            let line = match change.change.as_str() {
                "created" => format!("{} {}", field.field, show(&field.to)),
                "removed" => format!("{} was {}", field.field, show(&field.from)),
                _ => format!("{} {} → {}", field.field, show(&field.from), show(&field.to)),
            };
            text.push_str(&format!("  {}\n", clean(&line)));
        }
        let mut by: Vec<_> = change.fields.iter().flat_map(|f| &f.by).collect();
        by.sort_by_key(|cause| (cause.time_ms, &cause.event));
        by.dedup();
        for cause in by {
            let who = person(&cause.actor, &cause.broker);
            let how = cause.other.as_ref().map_or_else(String::new, |other| format!(", which {} {other}", cause.how));
            let line = format!("by {who}  {}  {}  {}{how}", times::date(cause.time_ms), cause.name, cause.what);
            text.push_str(&format!("    {}\n", clean(&line)));
        }
    }
    text
}

fn subject(thing: &Labelled) -> String {
    match thing.kind.as_str() {
        kind @ ("mastership" | "order") => kind.to_string(),
        kind => format!("{kind} {}", name(thing)),
    }
}

/// A value for people: ids by their names, times as dates.
fn value(field: &str, value: &Value, names: &BTreeMap<&str, String>) -> String {
    match value {
        Value::Null => "–".to_string(),
        Value::String(text) => names.get(text.as_str()).cloned().unwrap_or_else(|| text.clone()),
        Value::Number(n) if is_time(field) => n.as_u64().map_or_else(|| n.to_string(), times::date),
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(|v| self::value(field, v, names)).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(field, v)| format!("{field} {}", self::value(field, v, names))).collect();
            format!("({})", fields.join(", "))
        }
        other => other.to_string(),
    }
}

fn is_time(field: &str) -> bool {
    matches!(field, "joined" | "created" | "added" | "published" | "credentials_since" | "expires" | "hlc")
}
