//! Published items.

use crate::args::{ItemChangeArgs, ItemCommand, PublishArgs, PublishCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Table, joined};
use hostler_broker::rest::items::{ItemChange, ItemRow, NewItem};
use reqwest::Method;

/// Shows all published items.
pub(super) async fn list(context: &Context) -> Result<(), Failure> {
    let none = "Nothing is published; publish a desktop with: hostler publish desktop NAME --everyone --default";
    let table = Table::new(&["NAME", "KIND", "FOR", "HOSTS", "DEFAULT", "COMMAND", "ID"], none);
    context.rows(context.get(&["items"]).await?, table, row)
}

/// Publishes a desktop or an application.
pub(super) async fn publish(context: &Context, command: &PublishCommand) -> Result<(), Failure> {
    let (item, line) = match command {
        PublishCommand::Desktop { item } => (item, None),
        PublishCommand::App { item, command } => (item, Some(command.clone())),
    };
    let PublishArgs { name, users, groups, everyone, hosts, default } = item.clone();
    let wanted = NewItem { name, command: line, everyone, users, groups, hosts, default };
    let answer = context.order(Method::POST, &["items"], Some(&wanted)).await?;
    context.done(answer, &format!("{} is published", wanted.name))
}

/// Changes a published item.
pub(super) async fn item(context: &Context, command: &ItemCommand) -> Result<(), Failure> {
    let ItemCommand::Set { item, change } = command;
    let answer = context.order(Method::PATCH, &["items", item], Some(&wanted(change))).await?;
    context.done(answer, &format!("{item} is changed"))
}

/// Publishes an item no longer.
pub(super) async fn unpublish(context: &Context, item: &str) -> Result<(), Failure> {
    context.confirm(&format!("Publish {item} no longer?"))?;
    let answer = context.order(Method::DELETE, &["items", item], None::<&()>).await?;
    context.done(answer, &format!("{item} is no longer published"))
}

fn wanted(change: &ItemChangeArgs) -> ItemChange {
    // `--users ""` is how one says "no users".
    let list = |texts: &Vec<String>| texts.iter().filter(|t| !t.is_empty()).cloned().collect::<Vec<_>>();
    ItemChange {
        name: change.name.clone(),
        command: change.command.clone().map(Some).or_else(|| change.desktop.then_some(None)),
        everyone: change.everyone,
        users: change.users.as_ref().map(list),
        groups: change.groups.as_ref().map(list),
        hosts: if change.all_hosts { Some(Vec::new()) } else { change.hosts.clone() },
        default: change.default,
    }
}

fn row(row: ItemRow, table: &mut Table) {
    let everyone = row.everyone.then(|| "everyone".to_string());
    let groups = row.groups.iter().map(|group| format!("group {group}"));
    let audience: Vec<String> = everyone.into_iter().chain(groups).chain(row.users.iter().cloned()).collect();
    table.row([
        row.name,
        if row.command.is_some() { "application" } else { "desktop" }.to_string(),
        if audience.is_empty() { "nobody".to_string() } else { joined(&audience) },
        row.hosts.map_or_else(|| "all".to_string(), |hosts| joined(&hosts)),
        if row.default { "yes" } else { "" }.to_string(),
        row.command.unwrap_or_default(),
        row.id,
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_in_a_table() {
        let desktop = ItemRow {
            id: "a".repeat(26),
            name: "Desktop".into(),
            command: None,
            everyone: true,
            users: vec![],
            groups: vec![],
            hosts: None,
            default: true,
            published_ms: 0,
        };
        let app = ItemRow {
            name: "Terminal".into(),
            command: Some("xterm -e top".into()),
            everyone: false,
            users: vec!["alice".into()],
            groups: vec!["staff".into()],
            hosts: Some(vec!["rdsh-1".into()]),
            default: false,
            ..desktop.clone()
        };
        let nobody = ItemRow { name: "Idle".into(), users: vec![], groups: vec![], ..app.clone() };
        let mut table = Table::new(&["NAME", "KIND", "FOR", "HOSTS", "DEFAULT", "COMMAND", "ID"], "");
        [desktop, app, nobody].into_iter().for_each(|item| row(item, &mut table));
        assert_eq!(
            table.to_string(),
            "NAME      KIND         FOR                 HOSTS   DEFAULT  COMMAND       ID\n\
             Desktop   desktop      everyone            all     yes                    aaaaaaaaaaaaaaaaaaaaaaaaaa\n\
             Terminal  application  group staff, alice  rdsh-1           xterm -e top  aaaaaaaaaaaaaaaaaaaaaaaaaa\n\
             Idle      application  nobody              rdsh-1           xterm -e top  aaaaaaaaaaaaaaaaaaaaaaaaaa\n"
        );
    }

    #[test]
    fn what_is_not_said_stays() {
        let none = ItemChangeArgs::default();
        for (args, want) in [
            (ItemChangeArgs { desktop: true, ..none.clone() }, r#"{"command":null}"#),
            (ItemChangeArgs { command: Some("xterm".into()), ..none.clone() }, r#"{"command":"xterm"}"#),
            (ItemChangeArgs { users: Some(vec![String::new()]), ..none.clone() }, r#"{"users":[]}"#),
            (ItemChangeArgs { all_hosts: true, ..none.clone() }, r#"{"hosts":[]}"#),
            (ItemChangeArgs { default: Some(false), ..none }, r#"{"default":false}"#),
        ] {
            assert_eq!(serde_json::to_string(&wanted(&args)).unwrap(), want);
        }
    }
}
