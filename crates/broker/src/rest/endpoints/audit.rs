//! Masterships with their evidence, events that were set aside, one event in full; and what administrators do about them.

use super::log::{LogLine, actor, line};
use super::{Answer, CommandReply, Labelled, command, labelled, word};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::http::StatusCode;
use actix_web::{get, post, web};
use hostler_events::payload::Role;
use hostler_events::{EventRef, Frontier};
use hostler_model::{BrokerId, SiteId, Thing};
use hostler_node::Command;
use hostler_views::audit::{self, EventNameError, PromotionRecord, event_short, event_text, find_event};
use hostler_views::{Entry, State, Timeline, Views};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

/// A mastership.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PromotionLine {
    /// The promotion.
    pub event: String,
    /// Its short name.
    pub name: String,
    /// The number of the epoch.
    pub epoch: u64,
    /// When it began, in ms since 1970.
    pub time_ms: u64,
    /// Who became the master.
    pub master: Labelled,
    /// `first`, `planned`, `forced` or `automatic`.
    pub kind: String,
    /// Who decided it.
    pub actor: Labelled,
    /// Why, in their words.
    pub reason: String,
    /// `applied` where it is effective.
    pub lane: String,
    /// The event that superseded or quarantined it.
    pub lane_by: Option<String>,
    /// The promotion that came before it, as far as its author knew.
    pub parent: Option<String>,
    /// The master that was lost, where it was forced.
    pub lost: Option<Labelled>,
    /// Who may vote on its successor.
    pub voters: Vec<Labelled>,
    /// What its author knew about the others.
    pub evidence: Vec<EvidenceLine>,
    /// The votes that elected it, where it is automatic.
    pub votes: Vec<VoteLine>,
    /// The seal by which its predecessor made way.
    pub seal: Option<String>,
    /// Where the master went on in a new incarnation.
    pub resumes: Vec<String>,
    /// The events that it superseded.
    pub superseded: Vec<LogLine>,
    /// What its author had seen: of every feed the last event.
    pub frontier: Vec<HeadLine>,
}

/// What the author of a promotion knew about another broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct EvidenceLine {
    /// The broker.
    pub broker: Labelled,
    /// Whether it answered.
    pub reachable: bool,
    /// When it was last heard, in ms since 1970.
    pub last_heard_ms: Option<u64>,
}

/// A vote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct VoteLine {
    /// The event.
    pub event: String,
    /// Who voted.
    pub broker: Labelled,
    /// When, in ms since 1970.
    pub time_ms: u64,
    /// How long it had not heard the master, in ms.
    pub silent_ms: u64,
}

/// The last event of a feed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct HeadLine {
    /// Whose feed.
    pub broker: Labelled,
    /// In which incarnation.
    pub incarnation: u32,
    /// The last event's place.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// A superseded or quarantined event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SetAsideLine {
    /// The event, with its lane and how it was settled.
    #[serde(flatten)]
    pub line: LogLine,
    /// True where an administrator should decide: re-apply or discard.
    pub waits: bool,
}

/// One event in full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventDetails {
    /// What the list has of it.
    #[serde(flatten)]
    pub line: LogLine,
    /// Its hash.
    pub hash: String,
    /// The hash of the event before it in its feed.
    pub previous: String,
    /// For each field that it writes: the edit that its author saw last.
    pub bases: Vec<Option<String>>,
    /// What its author had seen; for promotions, resumes and revocations.
    pub frontier: Vec<HeadLine>,
    /// What it put aside.
    pub put_aside: Vec<String>,
}

/// Why an event is discarded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why; the log keeps it.
    pub reason: String,
}

/// Every mastership of the site, the first one first.
#[utoipa::path(tag = "log", operation_id = "list_promotions", responses(
    (status = 200, body = Vec<PromotionLine>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/log/promotions")]
pub(crate) async fn promotions(rest: web::Data<Rest>, caller: Caller) -> Answer<Vec<PromotionLine>> {
    caller.needs(Role::Auditor)?;
    looked(&rest, &caller, promotion_lines).await.map(web::Json)
}

/// All superseded and quarantined events of the site.
#[utoipa::path(tag = "log", operation_id = "list_superseded", responses(
    (status = 200, body = Vec<SetAsideLine>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/log/superseded")]
pub(crate) async fn superseded(rest: web::Data<Rest>, caller: Caller) -> Answer<Vec<SetAsideLine>> {
    caller.needs(Role::Auditor)?;
    looked(&rest, &caller, set_aside_lines).await.map(web::Json)
}

/// One event in full.
#[utoipa::path(tag = "log", operation_id = "show_event",
    params(("event" = String, Path, description = "Its name, in full or in short")),
    responses(
        (status = 200, body = EventDetails),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[get("/log/events/{event}")]
pub(crate) async fn show(rest: web::Data<Rest>, caller: Caller, event: web::Path<String>) -> Answer<EventDetails> {
    caller.needs(Role::Auditor)?;
    let event = event.into_inner();
    let found = looked(&rest, &caller, move |timeline, main| details(timeline, main, &event)).await?;
    found.map(web::Json).map_err(|error| match error {
        EventNameError::NotFound(_) => Problem::new(StatusCode::NOT_FOUND, "not_found", error.to_string()),
        EventNameError::Ambiguous { .. } => Problem::new(StatusCode::CONFLICT, "ambiguous", error.to_string()),
    })
}

/// Let a superseded or quarantined event count after all.
#[utoipa::path(tag = "log", operation_id = "reapply_event",
    params(("event" = String, Path, description = "Its name, in full or in short")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/log/events/{event}/reapply")]
pub(crate) async fn reapply(rest: web::Data<Rest>, caller: Caller, event: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::Reapply { event: event.into_inner() }).await.map(web::Json)
}

/// Settle a superseded or quarantined event without letting it count.
#[utoipa::path(tag = "log", operation_id = "discard_event",
    params(("event" = String, Path, description = "Its name, in full or in short")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/log/events/{event}/discard")]
pub(crate) async fn discard(
    rest: web::Data<Rest>,
    caller: Caller,
    event: web::Path<String>,
    body: web::Json<Reason>,
) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    let wanted = Command::Discard { event: event.into_inner(), reason: body.into_inner().reason };
    command(&rest, &caller, wanted).await.map(web::Json)
}

/// Undo an everyday change by a new event.
#[utoipa::path(tag = "log", operation_id = "revert_event",
    params(("event" = String, Path, description = "Its name, in full or in short")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/log/events/{event}/revert")]
pub(crate) async fn revert(rest: web::Data<Rest>, caller: Caller, event: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::Revert { event: event.into_inner() }).await.map(web::Json)
}

/// What is found in the site's events and the main site's state.
async fn looked<T: Send + 'static>(
    rest: &Rest,
    caller: &Caller,
    look: impl FnOnce(&Timeline, &State) -> T + Send + 'static,
) -> Result<T, Problem> {
    let (give, found) = oneshot::channel();
    let site = caller.snapshot.site_id;
    let look = move |views: &Views| {
        // Nobody waits for it any more where the request was given up.
        let _ = give.send(of_site(views, site).map(|(timeline, main)| look(timeline, main)));
    };
    rest.backend.look(Box::new(look)).await?;
    let found = found.await.ok().flatten();
    found.ok_or_else(|| Problem::busy("this broker has not received the site's log yet; try again in a moment"))
}

/// A site's events, and the main site's state; `None` where they are not known yet.
#[must_use]
pub fn of_site(views: &Views, site: SiteId) -> Option<(&Timeline, &State)> {
    let timeline = views.timeline(site)?;
    Some((timeline, views.main().unwrap_or_else(|| timeline.state())))
}

/// Every mastership of a site, as it is shown.
#[must_use]
pub fn promotion_lines(timeline: &Timeline, main: &State) -> Vec<PromotionLine> {
    let records = audit::promotions(timeline);
    records.iter().map(|record| promotion_line(timeline, main, &records, record)).collect()
}

fn promotion_line(
    timeline: &Timeline,
    main: &State,
    all: &[PromotionRecord],
    record: &PromotionRecord,
) -> PromotionLine {
    let site = timeline.state();
    let broker = |id: BrokerId| labelled(Thing::Broker(id), site, main);
    let promotion = entry(timeline, &record.event).map(|e| line(site, main, e));
    let parent = all.iter().find(|r| Some(r.epoch) == record.parent).map(|r| event_text(&r.event));
    let aside = record.superseded.iter().filter_map(|event| entry(timeline, event));
    PromotionLine {
        event: event_text(&record.event),
        name: event_short(&record.event),
        epoch: record.epoch.n,
        time_ms: record.epoch.hlc.wall.0,
        master: broker(record.epoch.broker),
        kind: word(&record.promoted.kind),
        actor: actor(site, main, record.actor),
        reason: record.promoted.reason.clone(),
        lane: record.lane.to_string(),
        lane_by: promotion.and_then(|p| p.lane_by),
        parent,
        lost: record.promoted.lost.map(broker),
        voters: record.promoted.voters.iter().copied().map(broker).collect(),
        evidence: record
            .promoted
            .evidence
            .iter()
            .map(|e| EvidenceLine {
                broker: broker(e.broker),
                reachable: e.reachable,
                last_heard_ms: e.last_heard.map(|at| at.0),
            })
            .collect(),
        votes: record
            .votes
            .iter()
            .map(|v| VoteLine {
                event: event_text(&v.event),
                broker: broker(v.broker),
                time_ms: v.at.wall.0,
                silent_ms: v.silent_ms,
            })
            .collect(),
        seal: record.seal.as_ref().map(event_text),
        resumes: record.resumes.iter().map(event_text).collect(),
        superseded: aside.map(|e| line(site, main, e)).collect(),
        frontier: heads(site, main, Some(&record.frontier)),
    }
}

/// All superseded and quarantined events of a site, as they are shown.
#[must_use]
pub fn set_aside_lines(timeline: &Timeline, main: &State) -> Vec<SetAsideLine> {
    let shown = |aside: audit::SetAside| {
        let entry = entry(timeline, &aside.loaded.reference)?;
        Some(SetAsideLine { line: line(timeline.state(), main, entry), waits: aside.waits() })
    };
    audit::set_aside(timeline).into_iter().filter_map(shown).collect()
}

/// One event in full.
///
/// # Errors
/// Where the text names none, or several.
pub fn details(timeline: &Timeline, main: &State, event: &str) -> Result<EventDetails, EventNameError> {
    let (found, site) = (find_event(timeline, event)?, timeline.state());
    let (reference, header) = (found.loaded.reference, &found.loaded.header);
    let aside = timeline.entries().iter().filter(|e| {
        use hostler_views::Lane;
        matches!(e.lane, Lane::Superseded { by: Some(by) } | Lane::Quarantined { by } if by == reference)
    });
    Ok(EventDetails {
        line: line(site, main, found),
        hash: reference.hash.to_string(),
        previous: header.previous.to_string(),
        bases: header.bases.iter().map(|b| b.as_ref().map(event_text)).collect(),
        frontier: heads(site, main, header.frontier.as_ref()),
        put_aside: aside.map(|e| event_text(&e.loaded.reference)).collect(),
    })
}

fn heads(site: &State, main: &State, frontier: Option<&Frontier>) -> Vec<HeadLine> {
    let head = |(feed, (seq, hash)): (&hostler_model::Feed, &(u64, hostler_events::Hash))| HeadLine {
        broker: labelled(Thing::Broker(feed.broker), site, main),
        incarnation: feed.incarnation.ordinal,
        seq: *seq,
        hash: hash.to_string(),
    };
    frontier.iter().flat_map(|f| f.0.iter()).map(head).collect()
}

/// An event's entry: it stands in its site's order.
fn entry<'a>(timeline: &'a Timeline, event: &EventRef) -> Option<&'a Entry> {
    let key = timeline.find(event.feed, event.seq).filter(|l| l.reference == *event)?.key();
    let entries = timeline.entries();
    entries.binary_search_by_key(&key, |e| e.key).ok().map(|at| &entries[at])
}
