//! `hostler log verify`: whether a log is what was written, on any machine, without a broker.

use super::source::{Source, history};
use crate::args::GlobalArgs;
use crate::context::{now_ms, print, print_json};
use crate::failure::Failure;
use crate::service::LocalConfig;
use crate::table::clean;
use hostler_log::verify::{Examined, Finding};
use hostler_model::{Thing, Wall};
use hostler_views::Views;
use hostler_views::audit::event_text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Threads that check signatures.
const THREADS: usize = 2;
/// Events that a thread takes at a time.
const PART: usize = 2_048;
/// Findings that are shown; all are in the JSON.
const SHOWN: usize = 10;

/// What came out.
#[derive(Serialize)]
struct Report {
    path: PathBuf,
    good: bool,
    events: u64,
    /// Of types that this program does not know.
    unknown: u64,
    feeds: usize,
    /// Feeds in which two copies of a broker wrote at once.
    forked: Vec<Forked>,
    founder: Option<String>,
    farm: Option<String>,
    /// Of the views of these events.
    digest: String,
    /// That the file says.
    stored_digest: Option<String>,
    signatures_per_s: u64,
    took_ms: u64,
    file: Vec<Fault>,
    findings: Vec<Fault>,
    affected: Option<AffectedBy>,
}

#[derive(Serialize)]
struct Forked {
    feed: String,
    /// On other branches than the one that came first.
    events: u64,
}

#[derive(Serialize)]
struct Fault {
    code: &'static str,
    event: Option<String>,
    text: String,
}

/// What hangs on the first bad event.
#[derive(Serialize)]
struct AffectedBy {
    events: u64,
    first_events: Vec<String>,
    things: u64,
    first_things: Vec<String>,
}

/// Verifies a log; an error where it is not what was written.
pub(super) fn verify(global: &GlobalArgs, path: Option<&Path>) -> Result<(), Failure> {
    let path = match path {
        Some(path) => path.to_path_buf(),
        None => LocalConfig::load(&global.config)?.data_dir,
    };
    let source = Source::open(&path)?;
    let report = examine(&path, &source)?;
    if global.json {
        print_json(&serde_json::to_value(&report).unwrap_or_default())?;
    } else {
        print(&text(&report))?;
    }
    if report.good {
        return Ok(());
    }
    let first = report.findings.first().or(report.file.first()).map(|f| f.text.clone());
    let first = first.unwrap_or_else(|| "its views are not those that it was stored with".to_string());
    Err(anyhow::anyhow!("this log is not what was written: {first}").into())
}

fn examine(path: &Path, source: &Source) -> Result<Report, Failure> {
    let started = Instant::now();
    let bar = bar(source.len());
    bar.set_message("reading");
    let verifier = source.take(|count| bar.set_position(count))?;
    let mut examined = verifier.finish();
    bar.set_message("signatures");
    bar.set_length(examined.events().len() as u64);
    let before = Instant::now();
    let signatures = check_signatures(&examined, &bar);
    let signing_ms = before.elapsed().as_millis().max(1);
    let findings = examined.conclude(signatures);
    bar.set_message("views");
    let mut report = Report {
        path: path.to_path_buf(),
        good: false,
        events: examined.count(),
        unknown: examined.unknown(),
        feeds: examined.heads().0.len(),
        forked: examined.forked().iter().map(|(feed, n)| Forked { feed: feed.to_string(), events: *n }).collect(),
        founder: examined.founder().map(|id| id.to_string()),
        farm: None,
        digest: String::new(),
        stored_digest: source.digest().map(|d| d.to_string()),
        signatures_per_s: u64::try_from(examined.events().len() as u128 * 1_000 / signing_ms).unwrap_or(u64::MAX),
        took_ms: 0,
        file: source.faults().iter().map(|f| Fault { code: f.code(), event: None, text: f.to_string() }).collect(),
        findings: findings.iter().map(fault).collect(),
        affected: None,
    };
    let affected = findings.first().map(|finding| examined.affected(finding));
    let views = history(examined.into_events(), source.made(Wall(now_ms()))).at(Wall(u64::MAX));
    report.affected = affected.map(|a| AffectedBy {
        events: a.event_count,
        first_events: a.events.iter().map(event_text).collect(),
        things: a.thing_count,
        first_things: a.things.iter().map(|thing| named(&views, *thing)).collect(),
    });
    report.farm = views.main().and_then(|main| main.farm.as_ref()).map(ToString::to_string);
    report.digest = views.digest().to_string();
    let same = report.stored_digest.as_ref().is_none_or(|stored| *stored == report.digest);
    report.good = report.file.is_empty() && report.findings.is_empty() && same;
    report.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    bar.finish_and_clear();
    Ok(report)
}

/// Spreads the events over threads.
fn check_signatures(examined: &Examined, bar: &ProgressBar) -> Vec<Finding> {
    let (next, count) = (AtomicUsize::new(0), examined.events().len());
    let work = || {
        let mut found = Vec::new();
        loop {
            let from = next.fetch_add(PART, Ordering::Relaxed);
            if from >= count {
                return found;
            }
            let to = (from + PART).min(count);
            found.extend(examined.check_signatures(from..to));
            bar.inc((to - from) as u64);
        }
    };
    bar.set_position(0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..THREADS).map(|_| scope.spawn(work)).collect();
        let mut found = work();
        for thread in threads {
            // A thread that failed has checked nothing: its events are checked again here.
            found.extend(thread.join().unwrap_or_else(|_| examined.check_signatures(0..count)));
        }
        found
    })
}

fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {human_pos}/{human_len} {per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn fault(finding: &Finding) -> Fault {
    let event = format!("{}/{}", finding.feed, finding.seq);
    Fault { code: finding.fault.code(), event: Some(event), text: finding.to_string() }
}

/// "host rdsh-1", or with the beginning of its id where it has no name any more.
fn named(views: &Views, thing: Thing) -> String {
    let states = || views.timelines().map(|(_, t)| t.state());
    let name = states().find_map(|s| match thing {
        Thing::Site(id) => s.sites.get(&id).map(|x| x.name.to_string()),
        Thing::Broker(id) => s.brokers.get(&id).map(|x| x.name.to_string()),
        Thing::Gateway(id) => s.gateways.get(&id).map(|x| x.name.value.to_string()),
        Thing::Host(id) => s.hosts.get(&id).map(|x| x.name.value.to_string()),
        Thing::Item(id) => s.items.get(&id).map(|x| x.name.value.to_string()),
        Thing::User(id) => s.users.get(&id).map(|x| x.name.to_string()),
        Thing::Group(id) => s.groups.get(&id).map(|x| x.name.value.to_string()),
        Thing::Admin(id) => s.admins.get(&id).map(|x| x.name.to_string()),
        Thing::Token(_) => None,
    });
    let plain = thing.to_string();
    match (name, plain.split_once(' ')) {
        (Some(name), Some((kind, _))) => format!("{kind} {name}"),
        _ => plain,
    }
}

fn text(report: &Report) -> String {
    let mut lines = vec![
        format!("Farm        {}", report.farm.as_deref().unwrap_or("–")),
        format!("Founded by  {}", report.founder.as_deref().unwrap_or("nobody who can be found")),
        format!("Events      {} in {} feeds", report.events, report.feeds),
        format!("Views       {}", report.digest),
    ];
    if report.unknown > 0 {
        lines.push(format!("Unknown     {} events of types that this program does not know", report.unknown));
    }
    lines.extend(report.forked.iter().map(|Forked { feed, events }| {
        format!("Forked      {feed}: two copies of this broker wrote at once; {events} events are on another branch")
    }));
    match &report.stored_digest {
        Some(stored) if *stored != report.digest => lines.push(format!("Stored as   {stored}: not the same")),
        _ => {}
    }
    lines.push(format!("Signatures  {}/s, {} ms in all", report.signatures_per_s, report.took_ms));
    lines.extend(report.file.iter().map(|f| format!("The file: {}", f.text)));
    lines.extend(report.findings.iter().take(SHOWN).map(|f| format!("Wrong: {}", f.text)));
    if report.findings.len() > SHOWN {
        lines.push(format!("and {} more findings", report.findings.len() - SHOWN));
    }
    if let Some(affected) = &report.affected {
        let AffectedBy { events, first_events, things, first_things } = affected;
        let shorts = first_events.iter().map(|e| short(e)).collect::<Vec<_>>();
        lines.push(format!("On the first hang {events} later events{}", some(&shorts, *events)));
        lines.push(format!("They touch {things} things{}", some(first_things, *things)));
    }
    if report.good {
        lines.push("Every event is there, in its place, and signed by the broker that wrote it.".to_string());
    }
    lines.iter().map(|line| format!("{}\n", clean(line))).collect()
}

fn some(list: &[String], count: u64) -> String {
    if list.is_empty() {
        return String::new();
    }
    format!(": {}{}", list.join(", "), if count > list.len() as u64 { ", …" } else { "" })
}

/// The short name of an event that is given in full.
fn short(full: &str) -> String {
    let mut parts = full.split('.');
    let (Some(broker), Some(incarnation), Some(seq)) = (parts.next(), parts.next(), parts.next()) else {
        return full.to_string();
    };
    let ordinal = incarnation.split('-').next().unwrap_or_default();
    format!("{}.{ordinal}/{seq}", broker.chars().take(8).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_events::{EventRef, Hash};
    use hostler_model::{BrokerId, Feed, Incarnation};
    use hostler_views::audit::event_short;

    #[test]
    fn a_full_name_becomes_the_short_one() {
        let feed = Feed { broker: BrokerId([7; 16]), incarnation: Incarnation { ordinal: 3, random: 0xfeed } };
        let event = EventRef { feed, seq: 12, hash: Hash([9; 32]) };
        assert_eq!(short(&event_text(&event)), event_short(&event));
    }
}
