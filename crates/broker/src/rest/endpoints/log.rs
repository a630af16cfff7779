//! The audit: what happened, who wanted it, and what became of it.

use super::{Answer, Labelled, labelled};
use crate::backend::{self, LogQuery, Snapshot};
use crate::rest::caller::Caller;
use crate::rest::find;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{get, web};
use hostler_events::payload::Role;
use hostler_events::{Actor, Class, EventRef, Hash, kind, kind_named};
use hostler_model::{Feed, Incarnation, PublicKey, Thing, Wall};
use hostler_views::audit::{event_short, event_text};
use hostler_views::{Entry, Lane, Note, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Lines where nobody says how many.
const LINES: usize = 50;
/// Lines in one answer.
const LINES_AT_MOST: usize = 1_000;
/// What is never shown, wherever it stands in an event: hashes to guess secrets against.
const REDACTED: &[&str] = &["password_hash", "secret_hash", "verifier"];

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Its name: `<broker>.<incarnation>-<random>.<seq>.<hash>`; give it as `after` to go on from here.
    pub event: String,
    /// The same in short: `<broker>.<incarnation>/<seq>`.
    pub name: String,
    /// When, in ms since 1970 (hybrid time).
    pub time_ms: u64,
    /// What happened, for instance `host.joined`.
    pub what: String,
    /// `structural`, `everyday` or `revocation`.
    pub class: String,
    /// The number of the mastership under which it was written.
    pub epoch: u64,
    /// The broker that wrote it.
    pub broker: Labelled,
    /// Who wanted it: an administrator, a join token, or the broker itself.
    pub actor: Labelled,
    /// What became of it: `applied`, `superseded`, `quarantined` or `orphaned`.
    pub lane: String,
    /// The event that put it into that lane, where one did.
    pub lane_by: Option<String>,
    /// How it was settled, where it was: `reapplied` or `discarded`.
    pub settled: Option<String>,
    /// The event that settled it.
    pub settled_by: Option<String>,
    /// What else there is to say about it.
    pub notes: Vec<String>,
    /// What it touches.
    pub touches: Vec<Labelled>,
    /// What it says; `null` where this program can't read it. Hashes of secrets are left out.
    #[schema(value_type = Object)]
    pub payload: Value,
}

/// Which part of the log is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogFilter {
    /// How many lines at most: 50 if left out, 1000 is the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only what arrived at this broker after this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Only what this administrator or join token wanted (a name or an id), or `system` for the brokers themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Only what touches this thing: a name or an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// Only `structural`, `everyday` or `revocation` events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Only `applied`, `superseded`, `quarantined` or `orphaned` events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// Only events of this type, for instance `host.joined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Not before, in ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Not after, in ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

impl LogFilter {
    fn query(&self, now: &Snapshot) -> Result<LogQuery, Problem> {
        let after = self.after.as_ref().map(|text| {
            parse_event(text)
                .ok_or_else(|| Problem::bad_request("after: this is no event's name; copy one from the log"))
        });
        let class = self.class.as_deref().map(|text| match text {
            "structural" => Ok(Class::Structural),
            "everyday" => Ok(Class::Everyday),
            "revocation" => Ok(Class::Revocation),
            _ => Err(Problem::bad_request("class: it is structural, everyday or revocation")),
        });
        let lane = self.lane.as_deref().map(|text| match text {
            "applied" | "superseded" | "quarantined" | "orphaned" => Ok(text.to_string()),
            _ => Err(Problem::bad_request("lane: it is applied, superseded, quarantined or orphaned")),
        });
        let kind = self.what.as_deref().map(|text| {
            let known = kind_named(text).map(|k| k.id);
            known.ok_or_else(|| Problem::bad_request("what: there is no such type of event; it is like host.joined"))
        });
        let filter = backend::LogFilter {
            actor: self.actor.as_deref().map(|text| find::actor(&now.site, &now.main, text)).transpose()?,
            things: self.thing.as_deref().map(|text| find::things(&now.site, &now.main, text)).transpose()?,
            class: class.transpose()?,
            lane: lane.transpose()?,
            kind: kind.transpose()?,
            since: self.since_ms.map(Wall),
            until: self.until_ms.map(Wall),
        };
        let limit = self.limit.unwrap_or(LINES).clamp(1, LINES_AT_MOST);
        Ok(LogQuery { limit, after: after.transpose()?, filter, site: Some(now.site_id) })
    }
}

/// The latest events of the site, the newest last.
#[utoipa::path(tag = "log", operation_id = "read_log", params(LogFilter), responses(
    (status = 200, body = Vec<LogLine>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/log")]
pub(crate) async fn list(rest: web::Data<Rest>, caller: Caller, filter: web::Query<LogFilter>) -> Answer<Vec<LogLine>> {
    caller.needs(Role::Auditor)?;
    let site = caller.snapshot.site_id;
    // The names of now: the views may have gone on since the request came.
    let snapshot = rest.backend.snapshot().of_site(site);
    let entries = rest.backend.log(filter.query(&snapshot)?).await?;
    Ok(web::Json(entries.iter().map(|entry| line(&snapshot.site, &snapshot.main, entry)).collect()))
}

/// An event as it is shown, with the names that things have in these states.
#[must_use]
pub fn line(site: &State, main: &State, entry: &Entry) -> LogLine {
    let label = |thing| labelled(thing, site, main);
    let header = &entry.loaded.header;
    let lane_by = match entry.lane {
        Lane::Superseded { by } => by,
        Lane::Quarantined { by } => Some(by),
        Lane::Applied | Lane::Orphaned => None,
    };
    let settled = site.settled.get(&entry.loaded.reference);
    LogLine {
        event: event_text(&entry.loaded.reference),
        name: event_short(&entry.loaded.reference),
        time_ms: header.hlc.wall.0,
        what: kind(header.kind).map_or_else(|| format!("type {}", header.kind), |k| k.name.to_string()),
        class: header.class.to_string(),
        epoch: header.epoch.n,
        broker: label(Thing::Broker(header.feed.broker)),
        actor: actor(site, main, header.actor),
        lane: entry.lane.to_string(),
        lane_by: lane_by.as_ref().map(event_text),
        settled: settled.map(|s| if s.reapplied { "reapplied" } else { "discarded" }.to_string()),
        settled_by: settled.map(|s| event_text(&s.by)),
        notes: entry.notes.iter().map(note).collect(),
        touches: header.touches.iter().map(|thing| label(*thing)).collect(),
        payload: entry.loaded.event.as_ref().map_or(Value::Null, payload),
    }
}

/// Who wanted something.
pub(super) fn actor(site: &State, main: &State, actor: Actor) -> Labelled {
    match actor {
        Actor::System => Labelled { kind: "system".into(), id: String::new(), name: None },
        Actor::Admin(id) => labelled(Thing::Admin(id), site, main),
        Actor::Token(id) => labelled(Thing::Token(id), site, main),
    }
}

/// What an event says, as JSON, without what must not be shown.
fn payload(event: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(event).unwrap_or(Value::Null);
    tidy(&mut value);
    value
}

/// Hides secrets, and writes keys, hybrid times and events' names as people read them.
pub(super) fn tidy(value: &mut Value) {
    if let Some(short) = as_text(value) {
        *value = short;
        return;
    }
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                tidy_field(key, value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The same for a field with this name.
pub(super) fn tidy_field(name: &str, value: &mut Value) {
    if REDACTED.contains(&name) {
        *value = Value::from("(not shown)");
    } else if name == "key"
        && let Ok(bytes) = serde_json::from_value::<[u8; 32]>(value.clone())
    {
        *value = Value::from(PublicKey(bytes).to_string());
    } else {
        tidy(value);
    }
}

/// A hybrid time as ms since 1970, an event as its name.
fn as_text(value: &Value) -> Option<Value> {
    let fields = value.as_object()?;
    if fields.len() == 2 && fields.contains_key("counter") {
        return fields.get("wall").cloned();
    }
    if fields.len() == 3 && fields.contains_key("feed") {
        return serde_json::from_value::<EventRef>(value.clone()).ok().map(|event| Value::from(event_text(&event)));
    }
    None
}

fn note(note: &Note) -> String {
    match note {
        Note::Renamed { to } => format!("the name was taken on another side; it is {to} now"),
        Note::Overwrote { edit, .. } => {
            format!("it replaced an edit that its author had not seen: {}", event_text(edit))
        }
        Note::AlreadyRemoved => "what it changes had been removed on another side".to_string(),
        Note::SettledNothing => "it settled nothing: that event was settled before, or is applied anyway".to_string(),
        Note::Unreadable => "this program can't read it; update this broker".to_string(),
    }
}

/// Reads what [`event_text`] writes.
fn parse_event(text: &str) -> Option<EventRef> {
    let mut parts = text.split('.');
    let broker = parts.next()?.parse().ok()?;
    let (ordinal, random) = parts.next()?.split_once('-')?;
    let incarnation = Incarnation { ordinal: ordinal.parse().ok()?, random: u64::from_str_radix(random, 16).ok()? };
    let seq = parts.next()?.parse().ok()?;
    let hash = data_encoding::HEXLOWER.decode(parts.next()?.as_bytes()).ok()?;
    let hash = Hash(hash.try_into().ok()?);
    parts.next().is_none().then_some(EventRef { feed: Feed { broker, incarnation }, seq, hash })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_events::Event;
    use hostler_events::payload::{AdminAdded, ApiTokenCreated, BrokerKeyReplaced, TokenCreated};
    use hostler_model::{AdminId, BrokerId, MemberRole, TokenId, Wall};

    #[test]
    fn an_events_name_survives_its_text_form() {
        let incarnation = Incarnation { ordinal: 3, random: 0xfeed };
        let event = EventRef { feed: Feed { broker: BrokerId([7; 16]), incarnation }, seq: 12, hash: Hash([9; 32]) };
        let text = event_text(&event);
        assert_eq!(parse_event(&text), Some(event));
        for bad in ["", "a.b.c.d", &text[1..], &text[..text.len() - 1], &format!("{text}.")] {
            assert_eq!(parse_event(bad), None, "{bad}");
        }
    }

    #[test]
    fn hashes_of_secrets_are_never_shown() {
        let admin = AdminAdded {
            admin: AdminId([1; 16]),
            name: "anna".parse().unwrap(),
            password_hash: "$argon2id$secret".into(),
            grants: Vec::new(),
        };
        let token = TokenCreated {
            token: TokenId([1; 16]),
            role: MemberRole::Agent,
            issuer: BrokerId([2; 16]),
            verifier: [77; 32],
            expires: Wall(5),
        };
        let api_token = ApiTokenCreated {
            token: TokenId([1; 16]),
            admin: AdminId([1; 16]),
            label: "backup".parse().unwrap(),
            secret_hash: [77; 32],
            expires: None,
        };
        for (event, hidden) in [
            (Event::AdminAdded(admin), "argon2id"),
            (Event::TokenCreated(token), "77"),
            (Event::ApiTokenCreated(api_token), "77"),
        ] {
            let text = payload(&event).to_string();
            assert!(!text.contains(hidden) && text.contains("(not shown)"), "{text}");
        }
        let key = PublicKey([77; 32]);
        let event = Event::BrokerKeyReplaced(BrokerKeyReplaced { broker: BrokerId([2; 16]), key });
        assert_eq!(payload(&event)["key"], Value::from(key.to_string()));
    }
}
