//! Settings of the farm, and policies of the site.

use crate::args::SettingsCommand;
use crate::context::{Context, print, print_json, read};
use crate::failure::Failure;
use crate::table::{Table, clean};
use hostler_broker::rest::settings::{NewValue, SettingRow};
use reqwest::Method;
use serde_json::Value;

/// Commands about settings.
pub(super) async fn settings(context: &Context, command: &SettingsCommand) -> Result<(), Failure> {
    match command {
        SettingsCommand::List => {
            let table = Table::new(&["KEY", "VALUE", "DEFAULT", "SCOPE", "WHAT IT IS FOR"], "There are no settings.");
            context.rows(context.get(&["settings"]).await?, table, |row: SettingRow, table| {
                table.row([row.key, row.value, row.default, row.scope, row.help]);
            })
        }
        SettingsCommand::Get { key } => {
            let Value::Array(rows) = context.get(&["settings"]).await? else {
                return Err(anyhow::anyhow!("the broker's answer is not a list of settings").into());
            };
            let Some(row) = rows.into_iter().find(|row| row["key"] == *key) else {
                return Err(Failure::Usage(format!("there is no setting {key:?}; see: hostler settings list")));
            };
            if context.json() {
                return print_json(&row);
            }
            print(&format!("{}\n", clean(&read::<SettingRow>(row)?.value)))
        }
        SettingsCommand::Set { key, value } => {
            let wanted = NewValue { value: value.clone() };
            let answer = context.order(Method::PUT, &["settings", key], Some(&wanted)).await?;
            context.done(answer, &format!("{key} is {value}"))
        }
        SettingsCommand::Unset { key } => {
            let answer = context.order(Method::DELETE, &["settings", key], None::<&()>).await?;
            context.done(answer, &format!("{key} is at its default"))
        }
    }
}
