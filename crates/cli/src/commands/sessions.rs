//! Users' sessions, and why each is where it is.

use crate::args::SessionCommand;
use crate::client::Ask;
use crate::context::{Context, now_ms};
use crate::failure::Failure;
use crate::table::{Table, clean, joined};
use crate::times;
use hostler_broker::rest::Labelled;
use hostler_broker::rest::sessions::{NewMessage, SessionRow, Why};
use hostler_model::PerMille;
use reqwest::Method;
use std::fmt::Write;

/// Commands about sessions.
pub(super) async fn session(context: &Context, command: &SessionCommand) -> Result<(), Failure> {
    match command {
        SessionCommand::List { user, host } => {
            let mut ask = Ask::new(Method::GET, &["sessions"]);
            ask.query.extend(user.iter().map(|user| ("user", user.clone())));
            ask.query.extend(host.iter().map(|host| ("host", host.clone())));
            let now = now_ms();
            let table = Table::new(&["USER", "HOST", "STATE", "ITEM", "STARTED", "ID"], "There are no sessions.");
            context.rows(context.client.json(ask).await?, table, |session, table| row(session, table, now))
        }
        SessionCommand::Disconnect { session } => {
            let answer = context.order(Method::POST, &["sessions", session, "disconnect"], None::<&()>).await?;
            context.carried_out(&answer, &format!("Session {session} is disconnected; it goes on"))
        }
        SessionCommand::Logoff { session } => {
            context.confirm(&format!("End session {session}, and all programs in it?"))?;
            let answer = context.order(Method::POST, &["sessions", session, "logoff"], None::<&()>).await?;
            context.carried_out(&answer, &format!("Session {session} is ended"))
        }
        SessionCommand::Message { session, text } => {
            let body = NewMessage { text: text.clone() };
            let answer = context.order(Method::POST, &["sessions", session, "message"], Some(&body)).await?;
            context.carried_out(&answer, &format!("Session {session} shows the message"))
        }
    }
}

/// Says why a session is where it is.
pub(super) async fn why(context: &Context, session: &str) -> Result<(), Failure> {
    let now = now_ms();
    context.one(context.get(&["sessions", session, "why"]).await?, |why: Why| why_text(&why, now))
}

fn row(row: SessionRow, table: &mut Table, now: u64) {
    let item = row.item.as_ref().map_or_else(|| "(past the broker)".into(), name);
    table.row([row.user, name(&row.host), row.state, item, times::moment(now, row.started_ms), row.id]);
}

fn name(thing: &Labelled) -> String {
    thing.name.clone().unwrap_or_else(|| format!("(gone) {}", thing.id))
}

fn why_text(why: &Why, now: u64) -> String {
    let reason = match why.reason.as_str() {
        "existing_session" => "the user had a session there".to_string(),
        "held_seat" => "a seat was already held there for the user".to_string(),
        "lowest_score" => format!("it had the lowest score of {} eligible hosts", why.eligible),
        other => other.to_string(),
    };
    let mut text = String::new();
    // Writing into a String never fails.
    let _written = writeln!(
        text,
        "{} asked for {} and was seated on {}: {}.\nDecided by broker {}, {}.",
        clean(&why.user),
        clean(&name(&why.item)),
        clean(&name(&why.host)),
        clean(&reason),
        clean(&name(&why.broker)),
        times::moment(now, why.at_ms)
    );
    if !why.candidates.is_empty() {
        let mut table = Table::new(&["HOST", ">SCORE", ">CPU", ">MEMORY", ">TAKEN", ">LOGONS", "REPORT"], "");
        for host in &why.candidates {
            table.row([
                host.name.clone(),
                host.score.to_string(),
                PerMille(host.cpu_permille).to_string(),
                PerMille(host.memory_permille).to_string(),
                format!("{}/{}", host.taken, host.hard_cap),
                host.logons.to_string(),
                format!("{} old", times::duration(host.report_age_ms)),
            ]);
        }
        let _written = write!(text, "\n{table}");
    }
    if !why.excluded.is_empty() {
        let mut table = Table::new(&[">HOSTS", "NOT LOOKED AT", "SUCH AS"], "");
        for cause in &why.excluded {
            table.row([cause.count.to_string(), cause.words.clone(), joined(&cause.names)]);
        }
        let _written = write!(text, "\n{table}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_broker::rest::sessions::{CandidateRow, ExcludedRow};

    #[test]
    fn why_in_words() {
        let labelled = |name: &str| Labelled { kind: "host".into(), id: "abc".into(), name: Some(name.into()) };
        let candidate = |name: &str, score| CandidateRow {
            name: name.into(),
            score,
            cpu_permille: 100,
            memory_permille: 250,
            taken: 3,
            hard_cap: 50,
            logons: 0,
            report_age_ms: 1_200,
        };
        let why = Why {
            session: "s".into(),
            at_ms: 1_735_689_600_000,
            broker: labelled("b1"),
            user: "alice".into(),
            item: labelled("Desktop"),
            host: labelled("rdsh-2"),
            reason: "lowest_score".into(),
            candidates: vec![candidate("rdsh-2", 250), candidate("rdsh-1", 1_300)],
            excluded: vec![ExcludedRow {
                why: "full".into(),
                words: "full".into(),
                count: 2,
                names: vec!["rdsh-3".into(), "rdsh-4".into()],
            }],
            eligible: 2,
        };
        assert_eq!(
            why_text(&why, 1_735_689_720_000),
            "alice asked for Desktop and was seated on rdsh-2: it had the lowest score of 2 eligible hosts.\n\
             Decided by broker b1, 2 min ago (2025-01-01 00:00:00 UTC).\n\
             \n\
             HOST    SCORE     CPU  MEMORY  TAKEN  LOGONS  REPORT\n\
             rdsh-2    250  10.0 %  25.0 %   3/50       0  1 s old\n\
             rdsh-1   1300  10.0 %  25.0 %   3/50       0  1 s old\n\
             \n\
             HOSTS  NOT LOOKED AT  SUCH AS\n    \
             2  full           rdsh-3, rdsh-4\n"
        );
    }
}
