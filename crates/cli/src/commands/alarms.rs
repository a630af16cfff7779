//! What an administrator should know.

mod pages;

use crate::args::AlarmCommand;
use crate::context::{Context, now_ms, print, print_json};
use crate::failure::Failure;
use crate::table::{Table, clean};
use crate::times;
use hostler_broker::rest::alarms::AlarmRow;
use hostler_node::AlarmCode;
use serde_json::json;

/// Commands about alarms.
pub(super) async fn list(context: &Context) -> Result<(), Failure> {
    let now = now_ms();
    let table = Table::new(&["SEVERITY", "CODE", "SINCE", "WHAT"], "There are no alarms.");
    context.rows(context.get(&["alarms"]).await?, table, |row: AlarmRow, table| {
        table.row([row.severity, row.code, times::relative(now, row.since_ms), row.text]);
    })
}

/// The page about an alarm. No broker is asked.
pub(super) fn show(command: &AlarmCommand, json: bool) -> Result<(), Failure> {
    let AlarmCommand::Show { code: Some(code) } = command else {
        if json {
            let all = AlarmCode::ALL.iter().map(|c| json!({ "code": c.name(), "severity": c.severity().name() }));
            return print_json(&all.collect());
        }
        let mut table = Table::new(&["SEVERITY", "CODE", "WHAT TO DO FIRST"], "");
        for code in AlarmCode::ALL {
            table.row([code.severity().name().into(), code.name().into(), code.advice().into()]);
        }
        return print(&table);
    };
    let page = pages::page(*code);
    if json {
        let (severity, advice) = (code.severity().name(), code.advice());
        return print_json(&json!({ "code": code.name(), "severity": severity, "advice": advice, "page": page }));
    }
    print(&page)
}

/// The alarms at the end of the status.
pub(super) fn text(alarms: &[AlarmRow], now_ms: u64) -> String {
    let mut text = String::new();
    for AlarmRow { code, severity, since_ms, text: what, advice, .. } in alarms {
        let since = times::relative(now_ms, *since_ms);
        let (severity, code) = (clean(&severity.to_uppercase()), clean(code));
        text.push_str(&format!("\n{severity}  {code}, {since}\n  {}\n  → {}\n", clean(what), clean(advice)));
    }
    if !alarms.is_empty() {
        text.push_str("\nMore about each: hostler alarm show CODE\n");
    }
    text
}
