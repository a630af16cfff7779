//! Makes another machine a member of the farm, over SSH. The steps are `hostler_deploy`'s; here they meet the farm, the
//! configuration file and the terminal.

mod rest_farm;
mod shown;

pub(super) use rest_farm::RestFarm;
pub(super) use shown::{Shown, finish};

use crate::args::{AddArgs, AddBrokerArgs, AddGatewayArgs, AddHostArgs, GlobalArgs};
use crate::context::{Context, print};
use crate::failure::Failure;
use crate::progress;
use crate::service::{NewRole, wanted, with_roles};
use anyhow::{Context as _, anyhow};
use hostler_deploy::{
    Config, Facts, Machine, Program, SshMachine, Wanted, by_hand, dry_run, judge, plan, quote, run, survey,
};
use hostler_model::MemberRole;
use std::path::Path;

/// Makes a machine a broker.
pub(super) async fn broker(global: &GlobalArgs, args: &AddBrokerArgs) -> Result<(), Failure> {
    let mut roles = vec![MemberRole::Broker];
    roles.extend(args.gateway.then_some(MemberRole::Gateway));
    add(global, &args.add, &roles, &args.rdp_port).await
}

/// Makes a machine a gateway.
pub(super) async fn gateway(global: &GlobalArgs, args: &AddGatewayArgs) -> Result<(), Failure> {
    add(global, &args.add, &[MemberRole::Gateway], &args.rdp_port).await
}

/// Makes a machine a session host.
pub(super) async fn host(global: &GlobalArgs, args: &AddHostArgs) -> Result<(), Failure> {
    add(global, &args.add, &[MemberRole::Agent], &[args.rdp_port]).await
}

async fn add(global: &GlobalArgs, args: &AddArgs, roles: &[MemberRole], rdp_ports: &[u16]) -> Result<(), Failure> {
    let (program, bytes) = match &args.program {
        Some(path) => Program::read(path),
        None => Program::this(),
    }
    .context("the program can't be copied")?;
    let wish = Wish { global, args, roles, rdp_ports, program };
    if args.print {
        return print(&by_hand(&wish.wanted(None, Some(String::new()))?));
    }
    let context = Context::new(global)?;
    let farm = RestFarm::new(&context);
    let site = farm.site().await?;
    let options = args.ssh();
    let connecting = SshMachine::connect(&args.machine, &options);
    let machine = progress::waiting(&format!("connecting to {}", args.machine), connecting).await;
    let machine = machine.map_err(|error| Failure::NoAnswer(error.to_string()))?;
    let wanted = wish.wanted(existing(&machine, &global.config).await?.as_deref(), Some(site))?;
    carry_out(global.json, &machine, Some(&farm), &wanted, &bytes, args.dry_run).await
}

/// What was typed, with what goes with it.
struct Wish<'a> {
    global: &'a GlobalArgs,
    args: &'a AddArgs,
    roles: &'a [MemberRole],
    rdp_ports: &'a [u16],
    program: Program,
}

impl Wish<'_> {
    /// What the machine shall become, given the configuration that is there.
    fn wanted(&self, existing: Option<&str>, site: Option<String>) -> Result<Wanted, Failure> {
        let Self { global, args, .. } = self;
        let host = args.machine.rsplit_once('@').map_or(args.machine.as_str(), |(_, host)| host);
        let address = args.address.as_deref().unwrap_or(host);
        let role = |role: &MemberRole| NewRole {
            role: *role,
            address: Some(address.to_string()),
            listen: None,
            rdp_ports: self.rdp_ports.to_vec(),
        };
        let new: Vec<NewRole> = self.roles.iter().map(role).collect();
        let (text, config) = with_roles(existing, &new)?;
        let roles = self.roles.iter().map(|role| wanted(&config, *role)).collect::<Result<_, _>>()?;
        Ok(Wanted {
            roles,
            program: self.program.clone(),
            config: Config {
                path: global.config.display().to_string(),
                text,
                data_dir: config.data_dir.display().to_string(),
            },
            site,
            name: args.name.clone(),
            open_firewall: args.firewall.open_firewall,
            from: args.firewall.from.clone(),
        })
    }
}

/// The configuration that is on a machine.
pub(super) async fn existing(machine: &impl Machine, path: &Path) -> Result<Option<String>, Failure> {
    let path = quote(&path.display().to_string());
    let script = format!("if [ -f {path} ]; then echo there; cat {path}; fi");
    let told = machine.must(&script, &[]).await.context("the configuration there can't be read")?;
    Ok(told.strip_prefix("there\n").map(str::to_string))
}

/// Looks at the machine and does what is to be done, or only says it.
pub(super) async fn carry_out(
    json: bool,
    machine: &impl Machine,
    farm: Option<&RestFarm<'_>>,
    wanted: &Wanted,
    program: &[u8],
    only_say: bool,
) -> Result<(), Failure> {
    let mut shown = Shown::new(json);
    let facts = look(machine, wanted, &mut shown).await?;
    let steps = plan(wanted, &facts);
    if only_say {
        return print(&dry_run(&wanted.program, &steps));
    }
    let report = run(machine, farm, program, &steps, &mut shown).await.map_err(|error| anyhow!(error))?;
    if !report.done.is_empty() {
        let facts = again(machine, wanted).await?;
        let left: Vec<String> =
            plan(wanted, &facts).into_iter().filter(|step| !step.is_done()).map(|s| s.name).collect();
        if !left.is_empty() {
            return Err(Failure::Other(anyhow!(
                "all steps were done, and yet this is not as it should be: {}. Does something else change it? Give the \
                 same command again",
                left.join("; ")
            )));
        }
    }
    finish(json, machine.name(), &report)
}

async fn look(machine: &impl Machine, wanted: &Wanted, shown: &mut Shown) -> Result<Facts, Failure> {
    let facts = again(machine, wanted).await?;
    let judgement = judge(wanted, &facts);
    shown.checked(machine.name(), &judgement);
    if judgement.problems.is_empty() {
        return Ok(facts);
    }
    let problems: String = judgement.problems.iter().map(|problem| format!("\n  {problem}")).collect();
    Err(Failure::Other(anyhow!("{} can't be used as it is; nothing was changed:{problems}", machine.name())))
}

async fn again(machine: &impl Machine, wanted: &Wanted) -> Result<Facts, Failure> {
    let looking = survey(machine, &wanted.config.path, &wanted.config.data_dir);
    let facts = progress::waiting(&format!("looking at {}", machine.name()), looking).await;
    Ok(facts.map_err(|error| anyhow!(error))?)
}
