//! How brokers are shown.

use crate::context::{Context, now_ms, print, print_json, read};
use crate::failure::Failure;
use crate::table::{Details, Table};
use crate::times;
use hostler_broker::rest::brokers::BrokerRow;
use hostler_model::PerMille;

/// The list's table.
pub(super) fn table() -> Table {
    let headings = [">#", "NAME", "STATE", "ADDRESS", "VERSION", ">LOGONS", ">LAG", ">CLOCK", "SINCE"];
    Table::new(&headings, "There are no brokers.")
}

/// One broker in the list.
pub(super) fn row(row: &BrokerRow, now_ms: u64, table: &mut Table) {
    let name = if row.answers { format!("{} (answers)", row.name) } else { row.name.clone() };
    let since = match row.master_since_ms {
        Some(at) => format!("master for {}", times::duration(now_ms.saturating_sub(at))),
        None => format!("member for {}", times::duration(now_ms.saturating_sub(row.joined_ms))),
    };
    table.row([
        row.priority.to_string(),
        name,
        state(row),
        row.addresses.access.clone(),
        row.version.clone().unwrap_or_else(|| "–".into()),
        share(row),
        lag(row),
        clock(row),
        since,
    ]);
}

/// All that is known of one broker.
pub(super) async fn show(context: &Context, broker: &str) -> Result<(), Failure> {
    let rows = context.get(&["brokers"]).await?;
    let is_meant = |row: &serde_json::Value| {
        row["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(broker)) || row["id"] == broker
    };
    let found = rows.as_array().into_iter().flatten().find(|row| is_meant(row)).cloned();
    let none = || Failure::Other(anyhow::anyhow!("there is no broker {broker:?}; list them with: hostler broker list"));
    let found = found.ok_or_else(none)?;
    if context.json() { print_json(&found) } else { print(&details(&read(found)?, now_ms())) }
}

fn details(row: &BrokerRow, now_ms: u64) -> Details {
    let at = &row.addresses;
    let mut details = Details::new();
    details.line("Name", &row.name);
    details.line("Id", &row.id);
    details.line("Key", format!("{} (fingerprint)", row.fingerprint));
    details.line("Priority", row.priority);
    details.line("State", state(row));
    details.line("Seats users", if row.serving { "yes" } else { "no" });
    details.line("Version", row.version.as_deref().unwrap_or("not heard yet"));
    let of_all = row.logon_share_permille.map_or_else(String::new, |_| format!(", {} of all", share(row)));
    details.line("Logons", format!("{} in the last hour{of_all}", row.logons_last_hour));
    details.line("Lag", lag(row));
    details.line("Clock", clock(row));
    details.line("HTTPS", format!("{} (TCP), gateways (UDP)", at.access));
    details.line("Joining", format!("{} (UDP)", at.join));
    details.line("Agents", format!("{} (UDP)", at.agent));
    details.line("Brokers", format!("{} (UDP)", at.peer));
    if let Some(since) = row.master_since_ms {
        details.line("Master since", times::moment(now_ms, since));
    }
    details.line("Member since", times::moment(now_ms, row.joined_ms));
    details
}

/// What it is, then what is the matter with it.
fn state(row: &BrokerRow) -> String {
    let is = match row {
        BrokerRow { master: true, .. } => "master",
        BrokerRow { enabled: false, .. } => "disabled",
        BrokerRow { standby: true, serving: true, .. } => "standby, serving",
        BrokerRow { standby: true, .. } => "standby",
        _ => "active",
    };
    match row.state.as_str() {
        matter @ ("unreachable" | "lagging") => format!("{is}, {matter}"),
        _ => is.to_string(),
    }
}

fn share(row: &BrokerRow) -> String {
    row.logon_share_permille.map_or_else(|| "–".into(), |share| PerMille(share).to_string())
}

/// What was last heard of a broker that is gone says nothing about now.
fn lag(row: &BrokerRow) -> String {
    match row {
        BrokerRow { alive: false, .. } => "–".into(),
        BrokerRow { lag_events: 0, .. } => "0".into(),
        BrokerRow { lag_events, lag_ms, .. } => format!("{lag_events} ({})", times::duration(*lag_ms)),
    }
}

fn clock(row: &BrokerRow) -> String {
    match (row.alive && !row.answers, row.clock_behind_ms.saturating_neg()) {
        (false, _) => "–".into(),
        (true, ms) if ms > 0 => format!("+{ms} ms"),
        (true, ms) => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_broker::rest::brokers::Addresses;

    fn broker(priority: u32, state: &str) -> BrokerRow {
        let at = |port| format!("10.0.0.{priority}:{port}");
        BrokerRow {
            id: "a".repeat(26),
            name: format!("b{priority}"),
            priority,
            state: state.into(),
            master: false,
            enabled: true,
            standby: false,
            serving: true,
            alive: state != "unreachable",
            answers: false,
            fingerprint: "b".repeat(26),
            addresses: Addresses { join: at(20_001), access: at(20_002), agent: at(20_003), peer: at(20_030) },
            version: Some("0.1.0".into()),
            logons_last_hour: 40,
            logon_share_permille: Some(333),
            lag_events: 0,
            lag_ms: 0,
            clock_behind_ms: 0,
            joined_ms: 1_735_689_600_000,
            master_since_ms: None,
        }
    }

    const NOW_MS: u64 = 1_735_689_600_000 + 7_200_000;

    #[test]
    fn brokers_in_a_table() {
        let mut shown = table();
        let master_since_ms = Some(NOW_MS - 90_000);
        for one in [
            BrokerRow { master: true, answers: true, master_since_ms, ..broker(1, "master") },
            BrokerRow { clock_behind_ms: -12, lag_events: 3, lag_ms: 900, ..broker(2, "active") },
            BrokerRow { lag_events: 900, lag_ms: 61_000, clock_behind_ms: 4, ..broker(3, "lagging") },
            BrokerRow { standby: true, ..broker(4, "standby") },
            BrokerRow { standby: true, serving: false, logon_share_permille: Some(0), ..broker(5, "standby") },
            BrokerRow { enabled: false, serving: false, ..broker(6, "disabled") },
            BrokerRow {
                version: None,
                logon_share_permille: None,
                master: true,
                serving: false,
                lag_events: 7,
                ..broker(7, "unreachable")
            },
        ] {
            row(&one, NOW_MS, &mut shown);
        }
        assert_eq!(
            shown.to_string(),
            "\
#  NAME          STATE                ADDRESS         VERSION  LOGONS          LAG   CLOCK  SINCE
1  b1 (answers)  master               10.0.0.1:20002  0.1.0    33.3 %            0       –  master for 1 min
2  b2            active               10.0.0.2:20002  0.1.0    33.3 %   3 (900 ms)  +12 ms  member for 2 h
3  b3            active, lagging      10.0.0.3:20002  0.1.0    33.3 %  900 (1 min)   -4 ms  member for 2 h
4  b4            standby, serving     10.0.0.4:20002  0.1.0    33.3 %            0    0 ms  member for 2 h
5  b5            standby              10.0.0.5:20002  0.1.0     0.0 %            0    0 ms  member for 2 h
6  b6            disabled             10.0.0.6:20002  0.1.0    33.3 %            0    0 ms  member for 2 h
7  b7            master, unreachable  10.0.0.7:20002  –             –            –       –  member for 2 h
"
        );
    }

    #[test]
    fn one_broker_in_lines() {
        let one = BrokerRow { master: true, master_since_ms: Some(NOW_MS - 90_000), ..broker(1, "master") };
        assert_eq!(
            details(&one, NOW_MS).to_string(),
            "\
Name          b1
Id            aaaaaaaaaaaaaaaaaaaaaaaaaa
Key           bbbbbbbbbbbbbbbbbbbbbbbbbb (fingerprint)
Priority      1
State         master
Seats users   yes
Version       0.1.0
Logons        40 in the last hour, 33.3 % of all
Lag           0
Clock         0 ms
HTTPS         10.0.0.1:20002 (TCP), gateways (UDP)
Joining       10.0.0.1:20001 (UDP)
Agents        10.0.0.1:20003 (UDP)
Brokers       10.0.0.1:20030 (UDP)
Master since  1 min ago (2025-01-01 01:58:30 UTC)
Member since  2 h ago (2025-01-01 00:00:00 UTC)
"
        );
    }
}
