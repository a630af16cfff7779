//! The farm as it was at some moment, and what changed between two.

use super::log::tidy_field;
use super::{Answer, Labelled, labelled, log, word};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{get, web};
use hostler_events::EventRef;
use hostler_events::payload::Role;
use hostler_model::{SiteId, Wall};
use hostler_views::audit::{self, Cause, Fields, History, How, Subject, event_short, event_text};
use hostler_views::{State, Timeline, Views};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use utoipa::{IntoParams, ToSchema};

/// A moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Moment {
    /// When, in ms since 1970.
    pub time_ms: u64,
}

/// Two moments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Span {
    /// The earlier one, in ms since 1970.
    pub from_ms: u64,
    /// The later one, in ms since 1970.
    pub to_ms: u64,
}

/// The farm at a moment, as this site saw it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FarmAt {
    /// When, in ms since 1970.
    pub time_ms: u64,
    /// How many events had been written by then.
    pub events: u64,
    /// The digest of the views of these events.
    pub digest: String,
    /// The farm's name.
    pub farm: Option<String>,
    /// Who was the master.
    pub master: Option<Labelled>,
    /// The number of the mastership.
    pub epoch: Option<u64>,
    /// The brokers by priority.
    pub order: Vec<Labelled>,
    /// Everything there was.
    pub things: Vec<ThingAt>,
}

/// A thing at a moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ThingAt {
    /// The thing: also `setting` and `policy`.
    pub thing: Labelled,
    /// Its fields. Hashes of secrets are left out.
    #[schema(value_type = Object)]
    pub fields: BTreeMap<String, Value>,
}

/// A thing that changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ThingDifference {
    /// The thing: also `farm`, `mastership`, `order`, `setting`, `policy` and `event`.
    pub thing: Labelled,
    /// `created`, `changed` or `removed`.
    pub change: String,
    /// Its fields that changed.
    pub fields: Vec<FieldDifference>,
}

/// A field that changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FieldDifference {
    /// Its name.
    pub field: String,
    /// What it was.
    #[schema(value_type = Object)]
    pub from: Value,
    /// What it is.
    #[schema(value_type = Object)]
    pub to: Value,
    /// The events that did it, in their order.
    pub by: Vec<CauseLine>,
}

/// An event that changed something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CauseLine {
    /// The event.
    pub event: String,
    /// Its short name.
    pub name: String,
    /// When, in ms since 1970.
    pub time_ms: u64,
    /// What happened, for instance `host.changed`.
    pub what: String,
    /// Who wanted it.
    pub actor: Labelled,
    /// The broker that wrote it.
    pub broker: Labelled,
    /// `wrote`; or `undid` or `restored`, where it changed what became of another event.
    pub how: String,
    /// That other event.
    pub other: Option<String>,
}

/// The farm as it was: what the events that had been written by then add up to.
#[utoipa::path(tag = "log", operation_id = "farm_at", params(Moment), responses(
    (status = 200, body = FarmAt),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/log/at")]
pub(crate) async fn at(rest: web::Data<Rest>, caller: Caller, when: web::Query<Moment>) -> Answer<FarmAt> {
    caller.needs(Role::Auditor)?;
    let (site, when) = (caller.snapshot.site_id, Wall(when.time_ms));
    let history = history(&rest).await?;
    let then = web::block(move || farm_at(&history.at(when), site, when)).await.map_err(|_| Problem::internal())?;
    Ok(web::Json(then))
}

/// What changed from one moment to another, and by whom.
#[utoipa::path(tag = "log", operation_id = "farm_diff", params(Span), responses(
    (status = 200, body = Vec<ThingDifference>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/log/diff")]
pub(crate) async fn diff(
    rest: web::Data<Rest>,
    caller: Caller,
    span: web::Query<Span>,
) -> Answer<Vec<ThingDifference>> {
    caller.needs(Role::Auditor)?;
    let Span { from_ms, to_ms } = span.into_inner();
    if from_ms > to_ms {
        return Err(Problem::bad_request("from_ms is later than to_ms: name the earlier moment first"));
    }
    let site = caller.snapshot.site_id;
    let history = history(&rest).await?;
    let differences = move || differences(&history.at(Wall(from_ms)), &history.at(Wall(to_ms)), site);
    Ok(web::Json(web::block(differences).await.map_err(|_| Problem::internal())?))
}

/// All events that the broker has; folding them is for other threads.
async fn history(rest: &Rest) -> Result<History, Problem> {
    let (give, found) = oneshot::channel();
    let look = move |views: &Views| {
        let entries = views.timelines().flat_map(|(_, timeline)| timeline.entries());
        // Nobody waits for it any more where the request was given up.
        let _ = give.send(entries.map(|e| e.loaded.clone()).collect::<Vec<_>>());
    };
    rest.backend.look(Box::new(look)).await?;
    Ok(History::new(found.await.map_err(|_| Problem::internal())?))
}

/// The farm at a moment, from the views of the events until then.
#[must_use]
pub fn farm_at(views: &Views, site: SiteId, when: Wall) -> FarmAt {
    let nothing = State::default();
    let state = views.site(site).unwrap_or(&nothing);
    let main = views.main().unwrap_or(state);
    let master = state.master.as_ref();
    let broker = |id| labelled(hostler_model::Thing::Broker(id), state, main);
    // What belongs to the farm stands in the main site.
    let of_main = if views.main_site() == Some(site) { BTreeMap::new() } else { audit::things(main) };
    let of_farm = |subject: &Subject| {
        matches!(
            subject,
            Subject::Setting(_) | Subject::Thing(hostler_model::Thing::Admin(_) | hostler_model::Thing::Site(_))
        )
    };
    let all = of_main.into_iter().filter(|(subject, _)| of_farm(subject)).chain(audit::things(state));
    let shown = |(subject, fields): (Subject, Fields)| match subject {
        Subject::Farm | Subject::Mastership | Subject::Order | Subject::Event(_) => None,
        other => Some(ThingAt { thing: label(&other, state, main), fields: tidied(fields) }),
    };
    FarmAt {
        time_ms: when.0,
        events: views.timelines().map(|(_, t)| t.entries().len() as u64).sum(),
        digest: views.digest().to_string(),
        farm: main.farm.as_ref().map(ToString::to_string),
        master: master.map(|m| broker(m.epoch.broker)),
        epoch: master.map(|m| m.epoch.n),
        order: state.order.iter().copied().map(broker).collect(),
        things: all.filter_map(shown).collect(),
    }
}

/// What changed in a site between two moments, from the views of both.
#[must_use]
pub fn differences(before: &Views, after: &Views, site: SiteId) -> Vec<ThingDifference> {
    let (nothing, empty) = (Timeline::default(), State::default());
    let old = before.timeline(site).unwrap_or(&nothing);
    let Some(new) = after.timeline(site) else { return Vec::new() };
    let names = Names {
        now: (new.state(), after.main().unwrap_or(&empty)),
        former: (old.state(), before.main().unwrap_or(&empty)),
        timeline: new,
    };
    let changes = audit::changes(old, new).into_iter();
    changes
        .map(|change| ThingDifference {
            thing: names.of(&change.subject),
            change: word(&change.change),
            fields: change
                .fields
                .into_iter()
                .map(|f| FieldDifference {
                    from: tidied_value(&f.field, f.from),
                    to: tidied_value(&f.field, f.to),
                    by: f.by.iter().filter_map(|cause| names.cause(cause)).collect(),
                    field: f.field,
                })
                .collect(),
        })
        .collect()
}

/// The names that things have, or had before they were removed.
struct Names<'a> {
    now: (&'a State, &'a State),
    former: (&'a State, &'a State),
    timeline: &'a Timeline,
}

impl Names<'_> {
    fn of(&self, subject: &Subject) -> Labelled {
        let now = label(subject, self.now.0, self.now.1);
        if now.name.is_some() { now } else { label(subject, self.former.0, self.former.1) }
    }

    fn cause(&self, cause: &Cause) -> Option<CauseLine> {
        let EventRef { feed, seq, .. } = cause.event;
        let loaded = self.timeline.find(feed, seq)?;
        let (how, other) = match cause.how {
            How::Wrote => ("wrote", None),
            How::Undid(other) => ("undid", Some(other)),
            How::Restored(other) => ("restored", Some(other)),
        };
        let header = &loaded.header;
        let kind = hostler_events::kind(header.kind);
        Some(CauseLine {
            event: event_text(&cause.event),
            name: event_short(&cause.event),
            time_ms: header.hlc.wall.0,
            what: kind.map_or_else(|| format!("type {}", header.kind), |k| k.name.to_string()),
            actor: log::actor(self.now.0, self.now.1, header.actor),
            broker: labelled(hostler_model::Thing::Broker(feed.broker), self.now.0, self.now.1),
            how: how.to_string(),
            other: other.as_ref().map(event_text),
        })
    }
}

fn label(subject: &Subject, site: &State, main: &State) -> Labelled {
    let plain = |kind: &str, name: Option<String>| Labelled { kind: kind.to_string(), id: String::new(), name };
    match subject {
        Subject::Farm => plain("farm", main.farm.as_ref().map(ToString::to_string)),
        Subject::Mastership => plain("mastership", None),
        Subject::Order => plain("order", None),
        Subject::Setting(key) => plain("setting", Some(key.clone())),
        Subject::Policy(key) => plain("policy", Some(key.clone())),
        Subject::Event(event) => {
            Labelled { kind: "event".to_string(), id: event_text(event), name: Some(event_short(event)) }
        }
        Subject::Thing(thing) => labelled(*thing, site, main),
    }
}

fn tidied(fields: Fields) -> BTreeMap<String, Value> {
    fields.into_iter().map(|(name, value)| (name.clone(), tidied_value(&name, Some(value)))).collect()
}

fn tidied_value(field: &str, value: Option<Value>) -> Value {
    let mut value = value.unwrap_or_default();
    if !value.is_null() {
        tidy_field(field, &mut value);
    }
    value
}
