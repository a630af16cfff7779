//! One try of everything that matters, step by step: a logon through the gateway, the death of the broker that serves
//! that user, and logons after it.

use super::members::Members;
use super::plan::PASSWORD;
use super::progress::{Progress, seconds};
use super::raise::{Farm, until};
use super::rest::Rest;
use super::rows::{SessionRow, Status, Why};
use crate::client::{Desktop, connect};
use crate::host::Colour;
use anyhow::{Context, Result, bail, ensure};
use hostler_model::ports;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// How long a logon may take; it takes less than a second on an idle machine.
const LOGON_WAIT: Duration = Duration::from_secs(30);
/// How long the brokers may take to learn what a host tells them, and to notice that one of them is gone.
const NEWS_WAIT: Duration = Duration::from_secs(30);
/// How long a picture may stay the same: it shows the session's age in seconds.
const PICTURE_WAIT: Duration = Duration::from_secs(5);

/// A user who is logged on.
struct Visitor {
    desktop: Desktop,
    session: String,
    host: String,
}

/// Tries the farm. An error is what did not work.
pub(super) async fn run(farm: &mut Farm, progress: &Progress) -> Result<()> {
    let gateway = farm.plan.gateway.at(ports::RDP);
    let Farm { rest, members, .. } = farm;

    let (alice, took) = log_on(rest, members, gateway, "alice").await?;
    let why: Why = rest.get(&format!("/sessions/{}/why", alice.session)).await?;
    let home = why.broker.label().to_string();
    progress.say(&format!(
        "alice is logged on through the gateway, in {took}: on {}, chosen by {home} ({}), and the picture is right",
        alice.host,
        because(&why)
    ));

    let killed = members.named(&home).with_context(|| format!("{home}, which seated alice, is not of this farm"))?;
    let pid = killed.pid();
    killed.kill();
    let died_at = Instant::now();
    progress.say(&format!("{home} (pid {pid}), her home broker, is killed with signal 9"));

    let (bob, took) = log_on(rest, members, gateway, "bob").await?;
    let by: Why = rest.get(&format!("/sessions/{}/why", bob.session)).await?;
    let by_broker = by.broker.label();
    ensure!(by_broker != home, "bob was seated by {home}, which is dead");
    let after = seconds(died_at.elapsed());
    progress.say(&format!(
        "bob is logged on {after} after that (his logon took {took}): on {}, chosen by {by_broker} ({})",
        bob.host,
        because(&by)
    ));

    let (alice, goes_on) = in_thread(move || {
        let before = alice.desktop.changes();
        let goes_on = alice.desktop.wait_until(PICTURE_WAIT, |desktop| desktop.changes() > before);
        (alice, goes_on)
    })
    .await?;
    ensure!(goes_on, "alice's connection stands still since {home} died ({})", state(&alice.desktop));
    progress.say("alice's connection goes on: her picture still changes every second");

    let Visitor { desktop, session, host } = alice;
    in_thread(move || drop(desktop)).await?;
    session_of(rest, members, "alice", "disconnected").await?;
    let (again, took) = log_on(rest, members, gateway, "alice").await?;
    ensure!(again.session == session, "alice came back to session {} instead of {session}", again.session);
    progress.say(&format!("alice has closed her client and is back in the same session on {host}, in {took}"));

    let left = left_over(rest, members).await?;
    let after = seconds(died_at.elapsed());
    progress.say(&format!("the other brokers have noticed, {after} after {home} died: {left}"));
    in_thread(move || drop((again, bob))).await?;
    progress.say(&format!("everything worked, in {}", progress.so_far()));
    Ok(())
}

/// Logs a user on, and checks that they see what the brokers say. Gives how long the logon took, too.
async fn log_on(
    rest: &Rest,
    members: &mut Members,
    gateway: SocketAddr,
    user: &'static str,
) -> Result<(Visitor, String)> {
    let begun = Instant::now();
    let desktop = in_thread(move || connect(gateway, user, PASSWORD, None, LOGON_WAIT)).await??;
    let took = seconds(begun.elapsed());
    let SessionRow { id, host, .. } = session_of(rest, members, user, "active").await?;
    let host = host.label().to_string();
    let Colour { red, green, blue } = Colour::of_host(&host);
    let corner = desktop.pixel(0, 0);
    if corner != Some([red, green, blue]) {
        bail!("{user} is on {host} but sees another host's picture: its corner is {corner:?} ({})", state(&desktop));
    }
    Ok((Visitor { desktop, session: id, host }, took))
}

/// The one session of a user, once it is in that state for the brokers too.
async fn session_of(rest: &Rest, members: &mut Members, user: &str, wanted: &str) -> Result<SessionRow> {
    let path = format!("/sessions?user={user}");
    until(members, &format!("{user}'s session to be {wanted}"), NEWS_WAIT, async || {
        let mut rows: Vec<SessionRow> = rest.get(&path).await?;
        ensure!(rows.len() < 2, "{user} has {} sessions instead of one: {rows:?}", rows.len());
        Ok(match rows.pop() {
            Some(row) if row.state == wanted => Ok(row),
            Some(row) => Err(format!("it is {}", row.state)),
            None => Err("there is none".to_string()),
        })
    })
    .await
}

/// Waits until the brokers have noticed that one of them is gone, and says what they see.
async fn left_over(rest: &Rest, members: &mut Members) -> Result<String> {
    let left = rest.brokers() - 1;
    until(members, "the brokers to notice the loss", NEWS_WAIT, async || {
        let Status { brokers, master, .. } = rest.get("/status").await?;
        let master = master.as_ref().map_or("nobody", |master| master.label());
        let seen =
            format!("{} of {} are up, and {master} stays master until somebody is promoted", brokers.up, brokers.total);
        Ok(if brokers.up == left { Ok(seen) } else { Err(seen) })
    })
    .await
}

/// A placement's reason, for people.
fn because(why: &Why) -> String {
    let reason = why.reason.replace('_', " ");
    let scores: Vec<String> = why.candidates.iter().map(|host| format!("{} {}", host.name, host.score)).collect();
    if scores.is_empty() { reason } else { format!("{reason} of {}", scores.join(", ")) }
}

fn state(desktop: &Desktop) -> String {
    desktop.ended().map_or_else(|| "it is still connected".to_string(), |end| format!("it has ended: {end}"))
}

/// The client blocks, and the farm must be looked after meanwhile.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.context("a client's thread has panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons() {
        for (json, want) in [
            (r#"{"broker":{"id":"x","name":"b"},"reason":"held_seat","candidates":[]}"#, "held seat"),
            (
                r#"{"broker":{"id":"x","name":null},"reason":"lowest_score","candidates":[{"name":"a","score":1},{"name":"b","score":20}]}"#,
                "lowest score of a 1, b 20",
            ),
        ] {
            assert_eq!(because(&serde_json::from_str(json).unwrap()), want);
        }
    }
}
