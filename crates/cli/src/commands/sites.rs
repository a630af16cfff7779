//! Sites of the farm.

use crate::args::SiteCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::Table;
use hostler_broker::rest::sites::{NewSite, SiteRow};
use reqwest::Method;

/// Commands about sites.
pub(super) async fn site(context: &Context, command: &SiteCommand) -> Result<(), Failure> {
    match command {
        SiteCommand::Add { name } => {
            let wanted = NewSite { name: name.clone() };
            let answer = context.order(Method::POST, &["sites"], Some(&wanted)).await?;
            let next = format!("its first broker joins with: hostler token create broker --site {name}");
            context.done(answer, &format!("There is a site {name}; {next}"))
        }
        SiteCommand::List => {
            let columns = ["NAME", "ID", "BROKERS", "MASTER", "HOSTS", "GATEWAYS", "ITEMS"];
            let table = Table::new(&columns, "There are no sites.");
            context.rows(context.get(&["sites"]).await?, table, |row: SiteRow, table| {
                let name = if row.main { format!("{} (main)", row.name) } else { row.name };
                let brokers = match row.brokers.len() {
                    0 => "none".to_string(),
                    _ => format!("{} ({} alive)", row.brokers.join(", "), row.alive),
                };
                let master = match (row.master, row.epoch) {
                    (Some(master), Some(epoch)) => format!("{master} (epoch {epoch})"),
                    _ => "–".to_string(),
                };
                let [hosts, gateways, items] = [row.hosts, row.gateways, row.items].map(|n| n.to_string());
                table.row([name, row.id, brokers, master, hosts, gateways, items]);
            })
        }
    }
}
