//! This machine's own services: installed, removed, looked at.

use super::adding::{RestFarm, Shown, carry_out, existing, finish};
use crate::args::{FirewallArgs, GlobalArgs, InstallArgs, ServiceCommand};
use crate::context::{print, print_json};
use crate::failure::Failure;
use crate::service::{LocalConfig, LocalStanding, NewRole, local_standing, wanted, with_roles};
use crate::table::Table;
use anyhow::{Context as _, anyhow};
use hostler_deploy::{Config, Opening, Program, RoleWanted, ThisMachine, Wanted, dry_run, plan_removal, run, survey};
use hostler_model::{MemberRole, ports};

const ROLES: [MemberRole; 3] = [MemberRole::Broker, MemberRole::Gateway, MemberRole::Agent];

/// Commands about this machine's services.
pub(super) async fn service(global: &GlobalArgs, command: &ServiceCommand) -> Result<(), Failure> {
    match command {
        ServiceCommand::Install(args) => install(global, args).await,
        ServiceCommand::Uninstall { role, close_firewall, dry_run } => {
            uninstall(global, *role, *close_firewall, *dry_run).await
        }
        ServiceCommand::Status { role } => status(global, *role),
    }
}

async fn here() -> Result<ThisMachine, Failure> {
    Ok(ThisMachine::new().await.map_err(|error| anyhow!(error))?)
}

async fn install(global: &GlobalArgs, args: &InstallArgs) -> Result<(), Failure> {
    let machine = here().await?;
    let (program, bytes) = Program::this().context("the program can't be copied")?;
    let new =
        NewRole { role: args.role, address: args.address.clone(), listen: args.listen, rdp_ports: vec![ports::RDP] };
    let (text, config) = with_roles(existing(&machine, &global.config).await?.as_deref(), &[new])?;
    let FirewallArgs { open_firewall, from } = args.firewall.clone();
    let wanted = Wanted {
        roles: vec![wanted(&config, args.role)?],
        program,
        config: Config {
            path: global.config.display().to_string(),
            text,
            data_dir: config.data_dir.display().to_string(),
        },
        site: None,
        name: None,
        open_firewall,
        from,
    };
    carry_out(global.json, &machine, None, &wanted, &bytes, args.dry_run).await
}

async fn uninstall(global: &GlobalArgs, role: MemberRole, close: bool, only_say: bool) -> Result<(), Failure> {
    let machine = here().await?;
    let there = existing(&machine, &global.config).await?;
    // Where the configuration is gone or has no such section any more, the usual ports are meant.
    let config =
        there.as_deref().and_then(|text| toml::from_str::<LocalConfig>(text).ok()).unwrap_or_else(LocalConfig::fresh);
    let roles = [wanted(&config, role).unwrap_or_else(|_| RoleWanted { role, openings: Opening::usual(role) })];
    let (path, data_dir) = (global.config.display().to_string(), config.data_dir.display().to_string());
    let facts = survey(&machine, &path, &data_dir).await.map_err(|error| anyhow!(error))?;
    let steps = plan_removal(&roles, &facts, close);
    let (program, _) = Program::this().context("the program can't be read")?;
    if only_say {
        return print(&dry_run(&program, &steps));
    }
    let report = run(&machine, None::<&RestFarm<'_>>, &[], &steps, &mut Shown::new(global.json)).await;
    finish(global.json, "this machine", &report.map_err(|error| anyhow!(error))?)
}

fn status(global: &GlobalArgs, role: Option<MemberRole>) -> Result<(), Failure> {
    let one = |role: MemberRole| local_standing(&global.config, role);
    match role {
        Some(role) if global.json => print_json(&serde_json::to_value(one(role)?).context("no JSON")?),
        Some(role) => print(&table(&[one(role)?])),
        None => {
            let all = ROLES.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
            if global.json {
                return print_json(&serde_json::to_value(&all).context("no JSON")?);
            }
            print(&table(&all))
        }
    }
}

fn table(rows: &[LocalStanding]) -> Table {
    let mut table = Table::new(&["ROLE", "SERVICE", "STARTS WITH THE MACHINE", "FARM", "NAME", "ID"], "");
    for row in rows {
        let or = |text: &Option<String>, instead: &str| text.clone().unwrap_or_else(|| instead.to_string());
        table.row([
            row.role.to_string(),
            or(&row.service, "no systemd"),
            if row.enabled { "yes" } else { "no" }.to_string(),
            or(&row.farm, "no member"),
            or(&row.name, ""),
            or(&row.id, ""),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_in_a_table() {
        let broker = LocalStanding {
            role: MemberRole::Broker,
            id: Some("aaaa".into()),
            farm: Some("Example".into()),
            name: Some("b2".into()),
            service: Some("active".into()),
            enabled: true,
        };
        let none =
            LocalStanding { role: MemberRole::Agent, id: None, farm: None, name: None, service: None, enabled: false };
        assert_eq!(
            table(&[broker, none]).to_string(),
            "ROLE    SERVICE     STARTS WITH THE MACHINE  FARM       NAME  ID\n\
             broker  active      yes                      Example    b2    aaaa\n\
             agent   no systemd  no                       no member\n"
        );
    }
}
