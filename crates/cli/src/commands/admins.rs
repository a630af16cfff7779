//! Administrators.

use crate::args::{AdminCommand, RoleArg};
use crate::context::{Context, now_ms};
use crate::failure::Failure;
use crate::table::{Table, joined};
use crate::{prompt, times};
use hostler_broker::rest::admins::{AdminChange, AdminRow, GrantRow, NewAdmin};
use reqwest::Method;

/// Where a new password comes from where nobody can be asked.
const NEW_PASSWORD: &str = "HOSTLER_NEW_PASSWORD";

/// Commands about administrators.
pub(super) async fn admin(context: &Context, command: &AdminCommand) -> Result<(), Failure> {
    match command {
        AdminCommand::Add { name, roles } => {
            let password = prompt::new_password(NEW_PASSWORD)?;
            let wanted = NewAdmin { name: name.clone(), password, grants: grants(roles) };
            let answer = context.order(Method::POST, &["admins"], Some(&wanted)).await?;
            context.done(answer, &format!("Administrator {name} is added"))
        }
        AdminCommand::List => {
            let now = now_ms();
            let table = Table::new(&["NAME", "ROLES", "STATE", "ADDED", "ID"], "There are no administrators.");
            context.rows(context.get(&["admins"]).await?, table, |row: AdminRow, table| {
                let roles: Vec<String> = row.grants.iter().map(grant_text).collect();
                let state = if row.enabled { "enabled" } else { "disabled" };
                table.row([row.name, joined(&roles), state.into(), times::moment(now, row.added_ms), row.id]);
            })
        }
        AdminCommand::Passwd { admin } => {
            let password = prompt::new_password(NEW_PASSWORD)?;
            let wanted = AdminChange { password: Some(password), ..AdminChange::default() };
            change(context, admin, &wanted, "has another password; all their logons have ended").await
        }
        AdminCommand::Role { admin, roles } => {
            let wanted = AdminChange { grants: Some(grants(roles)), ..AdminChange::default() };
            change(context, admin, &wanted, "has other roles").await
        }
        AdminCommand::Disable { admin } => {
            context.confirm(&format!("Disable administrator {admin}?"))?;
            let wanted = AdminChange { enabled: Some(false), ..AdminChange::default() };
            change(context, admin, &wanted, "is disabled").await
        }
        AdminCommand::Enable { admin } => {
            let wanted = AdminChange { enabled: Some(true), ..AdminChange::default() };
            change(context, admin, &wanted, "is enabled").await
        }
        AdminCommand::Remove { admin } => {
            context.confirm(&format!("Remove administrator {admin}?"))?;
            let answer = context.order(Method::DELETE, &["admins", admin], None::<&()>).await?;
            context.done(answer, &format!("Administrator {admin} is removed"))
        }
    }
}

async fn change(context: &Context, admin: &str, wanted: &AdminChange, what: &str) -> Result<(), Failure> {
    let answer = context.order(Method::PATCH, &["admins", admin], Some(wanted)).await?;
    context.done(answer, &format!("Administrator {admin} {what}"))
}

fn grants(roles: &[RoleArg]) -> Vec<GrantRow> {
    roles.iter().map(|role| role.0.clone()).collect()
}

fn grant_text(grant: &GrantRow) -> String {
    let role = match serde_json::to_value(grant.role) {
        Ok(serde_json::Value::String(role)) => role,
        _ => String::new(),
    };
    grant.site.as_ref().map_or_else(|| role.clone(), |site| format!("{role}@{site}"))
}
