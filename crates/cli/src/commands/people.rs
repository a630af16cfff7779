//! Users and groups.

use crate::args::{GroupCommand, UserCommand};
use crate::context::{Context, now_ms};
use crate::failure::Failure;
use crate::table::{Table, joined};
use crate::times;
use hostler_broker::rest::groups::{GroupChange, GroupRow, NewGroup};
use hostler_broker::rest::users::{NewUser, UserRow};
use reqwest::Method;

/// Commands about users.
pub(super) async fn user(context: &Context, command: &UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Add { names } => {
            for name in names {
                let answer = context.order(Method::POST, &["users"], Some(&NewUser { name: name.clone() })).await?;
                context.done(answer, &format!("User {name} is known"))?;
            }
            Ok(())
        }
        UserCommand::List => {
            let now = now_ms();
            let table = Table::new(
                &["NAME", "GROUPS", "KNOWN SINCE", "ID"],
                "There are no users; make some known with: hostler user add NAME",
            );
            context.rows(context.get(&["users"]).await?, table, |row: UserRow, table| {
                table.row([row.name, joined(&row.groups), times::moment(now, row.added_ms), row.id]);
            })
        }
        UserCommand::Remove { user } => {
            context.confirm(&format!("Forget user {user}?"))?;
            let answer = context.order(Method::DELETE, &["users", user], None::<&()>).await?;
            context.done(answer, &format!("User {user} is forgotten"))
        }
    }
}

/// Commands about groups.
pub(super) async fn group(context: &Context, command: &GroupCommand) -> Result<(), Failure> {
    match command {
        GroupCommand::Add { name, members } => {
            let wanted = NewGroup { name: name.clone(), members: members.clone() };
            context
                .done(context.order(Method::POST, &["groups"], Some(&wanted)).await?, &format!("Group {name} is there"))
        }
        GroupCommand::List => {
            let table = Table::new(&["NAME", "MEMBERS", "ID"], "There are no groups.");
            context.rows(context.get(&["groups"]).await?, table, |row: GroupRow, table| {
                table.row([row.name, joined(&row.members), row.id]);
            })
        }
        GroupCommand::Change { group, add, remove } => {
            let wanted = GroupChange { add: add.clone(), remove: remove.clone() };
            let answer = context.order(Method::PATCH, &["groups", group], Some(&wanted)).await?;
            context.done(answer, &format!("Group {group} is changed"))
        }
        GroupCommand::Remove { group } => {
            context.confirm(&format!("End group {group}?"))?;
            let answer = context.order(Method::DELETE, &["groups", group], None::<&()>).await?;
            context.done(answer, &format!("Group {group} is gone"))
        }
    }
}
