//! Brokers, session hosts and gateways.

mod brokers;

use crate::args::{BrokerAsk, GatewayAsk, HostAsk, HostChangeArgs, PromoteArgs};
use crate::context::{Context, now_ms};
use crate::failure::Failure;
use crate::table::{Details, Table};
use crate::times;
use hostler_broker::rest::brokers::{Force, Promotion};
use hostler_broker::rest::gateways::GatewayRow;
use hostler_broker::rest::hosts::{HostChange, HostRow};
use hostler_model::PerMille;
use reqwest::Method;

/// Commands about brokers.
pub(super) async fn broker(context: &Context, command: &BrokerAsk) -> Result<(), Failure> {
    match command {
        BrokerAsk::List => {
            let (table, now) = (brokers::table(), now_ms());
            context.rows(context.get(&["brokers"]).await?, table, |row, table| brokers::row(&row, now, table))
        }
        BrokerAsk::Show { broker } => brokers::show(context, broker).await,
        BrokerAsk::Enable { broker } => {
            let answer = tell_broker(context, broker, "enable").await?;
            context.done(answer, &format!("Broker {broker} takes work"))
        }
        BrokerAsk::Disable { broker } => {
            context.confirm(&format!("Shall broker {broker} take no more work?"))?;
            let answer = tell_broker(context, broker, "disable").await?;
            context.done(answer, &format!("Broker {broker} takes no work"))
        }
        BrokerAsk::Up { broker } => {
            let answer = tell_broker(context, broker, "up").await?;
            context.done(answer, &format!("Broker {broker} is one place further up"))
        }
        BrokerAsk::Down { broker } => {
            let answer = tell_broker(context, broker, "down").await?;
            context.done(answer, &format!("Broker {broker} is one place further down"))
        }
        BrokerAsk::Promote(args) => promote(context, args).await,
        BrokerAsk::Remove { broker } => {
            context.confirm(&format!("Remove broker {broker} from the farm?"))?;
            let answer = context.order(Method::DELETE, &["brokers", broker], None::<&()>).await?;
            context.done(answer, &format!("Broker {broker} is removed"))
        }
        BrokerAsk::Revoke { broker, compromised: _ } => {
            let question = format!("Was broker {broker}'s key stolen? What it wrote and nobody has seen won't count.");
            context.confirm(&question)?;
            let answer = tell_broker(context, broker, "revoke").await?;
            context.done(answer, &format!("Broker {broker} is removed, and its key is worth nothing"))
        }
    }
}

async fn tell_broker(context: &Context, broker: &str, what: &str) -> Result<serde_json::Value, Failure> {
    context.order(Method::POST, &["brokers", broker, what], None::<&()>).await
}

async fn promote(context: &Context, args: &PromoteArgs) -> Result<(), Failure> {
    let PromoteArgs { broker, lost, reason, .. } = args;
    let force = lost.clone().zip(reason.clone()).map(|(lost, reason)| Force { lost, reason });
    if let Some(Force { lost, .. }) = &force {
        let question = format!(
            "Make broker {broker} the master without {lost}? Where {lost} still runs somewhere, what it takes for \
             brokers, administrators and settings until it hears of this won't count."
        );
        context.confirm(&question)?;
    }
    let path = ["brokers", broker.as_str(), "promote"];
    let answer = context.order(Method::POST, &path, Some(&Promotion { force })).await?;
    context.done(answer, &format!("Broker {broker} is the master"))
}

/// Commands about gateways.
pub(super) async fn gateway(context: &Context, command: &GatewayAsk) -> Result<(), Failure> {
    match command {
        GatewayAsk::List => {
            let none = "There are no gateways; make a token for one with: hostler token create gateway";
            let now = now_ms();
            let table = Table::new(&["NAME", "STATE", "ADDRESS", ">CONNECTIONS", "MEMBER SINCE", "ID"], none);
            context.rows(context.get(&["gateways"]).await?, table, |row: GatewayRow, table| {
                let state = if row.up { "up" } else { "down" };
                let since = times::moment(now, row.joined_ms);
                table.row([row.name, state.into(), row.address, row.connections.to_string(), since, row.id]);
            })
        }
        GatewayAsk::Remove { gateway } => {
            context.confirm(&format!("Remove gateway {gateway} from the farm?"))?;
            let answer = context.order(Method::DELETE, &["gateways", gateway], None::<&()>).await?;
            context.done(answer, &format!("Gateway {gateway} is removed"))
        }
    }
}

/// Commands about session hosts.
pub(super) async fn host(context: &Context, command: &HostAsk) -> Result<(), Failure> {
    match command {
        HostAsk::List => {
            let none = "There are no hosts; make a token for one with: hostler token create agent";
            let headings =
                ["NAME", "STATE", ">CPU", ">MEMORY", ">SESSIONS", ">CAP", ">LOGONS", "REPORTED", "ADDRESS", "ID"];
            context.rows(context.get(&["hosts"]).await?, Table::new(&headings, none), host_row)
        }
        HostAsk::Show { host } => context.one(context.get(&["hosts", host]).await?, |row| details(&row, now_ms())),
        HostAsk::Drain { host } => {
            let answer = change(context, host, &HostChange { drain: Some(true), ..HostChange::default() }).await?;
            context.done(answer, &format!("Host {host} takes nobody new"))
        }
        HostAsk::Resume { host } => {
            let answer = change(context, host, &HostChange { drain: Some(false), ..HostChange::default() }).await?;
            context.done(answer, &format!("Host {host} takes users again"))
        }
        HostAsk::Set { host, change: HostChangeArgs { name, address, cap, slots } } => {
            let wanted = HostChange {
                name: name.clone(),
                drain: None,
                hard_cap: cap.map(|c| c.0),
                logon_slots: slots.map(|s| s.0),
                address: address.clone(),
            };
            context.done(change(context, host, &wanted).await?, &format!("Host {host} is changed"))
        }
        HostAsk::Remove { host } => {
            context.confirm(&format!("Remove host {host} from the farm?"))?;
            let answer = context.order(Method::DELETE, &["hosts", host], None::<&()>).await?;
            context.done(answer, &format!("Host {host} is removed"))
        }
    }
}

async fn change(context: &Context, host: &str, change: &HostChange) -> Result<serde_json::Value, Failure> {
    context.order(Method::PATCH, &["hosts", host], Some(change)).await
}

fn host_row(row: HostRow, table: &mut Table) {
    table.row([
        row.name,
        row.state,
        PerMille(row.cpu_permille).to_string(),
        PerMille(row.memory_permille).to_string(),
        row.sessions.to_string(),
        format!("{}/{}", row.taken, row.hard_cap),
        format!("{}/{}", row.logons, row.logon_slots),
        row.report_age_ms.map_or_else(|| "never".into(), |age| format!("{} ago", times::duration(age))),
        row.address,
        row.id,
    ]);
}

fn details(row: &HostRow, now: u64) -> Details {
    let figure = |value: u32, set: Option<u32>| match set {
        Some(_) => format!("{value} (set by an administrator)"),
        None => format!("{value} (the agent's own)"),
    };
    let mut details = Details::new();
    details.line("Name", &row.name);
    details.line("Id", &row.id);
    details.line("State", &row.state);
    details.line("RDP", &row.address);
    details.line("Agent", if row.up { "linked" } else { "no link" });
    details.line("Drained", if row.drain { "by order" } else { "no" });
    details.line("CPU", PerMille(row.cpu_permille));
    details.line("Memory", PerMille(row.memory_permille));
    details.line("Sessions", format!("{}, and {} held seats", row.sessions, row.taken.saturating_sub(row.sessions)));
    details.line("Most", figure(row.hard_cap, row.hard_cap_set));
    details.line("Logons", format!("{} in flight", row.logons));
    details.line("Slots", figure(row.logon_slots, row.logon_slots_set));
    details.line("Kind", row.session_kind.as_deref().unwrap_or("not known yet"));
    let age = row.report_age_ms.map_or_else(|| "never".into(), |age| format!("{} ago", times::duration(age)));
    details.line("Reported", age);
    if row.slow_start_left_ms > 0 {
        details.line("Slow start", format!("{} left", times::duration(row.slow_start_left_ms)));
    }
    details.line("Member since", times::moment(now, row.joined_ms));
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> HostRow {
        HostRow {
            id: "aaaaaaaaaaaaaaaaaaaaaaaaaa".into(),
            name: "rdsh-1".into(),
            address: "rdsh-1:3389".into(),
            state: "ready".into(),
            up: true,
            draining: false,
            drain: false,
            cpu_permille: 125,
            memory_permille: 500,
            sessions: 7,
            taken: 8,
            hard_cap: 50,
            hard_cap_set: Some(50),
            logons: 1,
            logon_slots: 4,
            logon_slots_set: None,
            report_age_ms: Some(2_500),
            slow_start_left_ms: 0,
            session_kind: Some("per_user".into()),
            joined_ms: 1_735_689_600_000,
        }
    }

    #[test]
    fn hosts_in_a_table() {
        let mut table = Table::new(
            &["NAME", "STATE", ">CPU", ">MEMORY", ">SESSIONS", ">CAP", ">LOGONS", "REPORTED", "ADDRESS", "ID"],
            "",
        );
        host_row(row(), &mut table);
        host_row(HostRow { name: "b".into(), state: "down".into(), report_age_ms: None, ..row() }, &mut table);
        assert_eq!(
            table.to_string(),
            "NAME    STATE     CPU  MEMORY  SESSIONS   CAP  LOGONS  REPORTED  ADDRESS      ID\n\
             rdsh-1  ready  12.5 %  50.0 %         7  8/50     1/4  2 s ago   rdsh-1:3389  aaaaaaaaaaaaaaaaaaaaaaaaaa\n\
             b       down   12.5 %  50.0 %         7  8/50     1/4  never     rdsh-1:3389  aaaaaaaaaaaaaaaaaaaaaaaaaa\n"
        );
    }

    #[test]
    fn one_host_in_lines() {
        assert_eq!(
            details(&row(), 1_735_689_660_000).to_string(),
            "Name          rdsh-1\n\
             Id            aaaaaaaaaaaaaaaaaaaaaaaaaa\n\
             State         ready\n\
             RDP           rdsh-1:3389\n\
             Agent         linked\n\
             Drained       no\n\
             CPU           12.5 %\n\
             Memory        50.0 %\n\
             Sessions      7, and 1 held seats\n\
             Most          50 (set by an administrator)\n\
             Logons        1 in flight\n\
             Slots         4 (the agent's own)\n\
             Kind          per_user\n\
             Reported      2 s ago\n\
             Member since  1 min ago (2025-01-01 00:00:00 UTC)\n"
        );
    }
}
