//! What has to be done, from what is wanted and what is there. Nothing is done here.

use crate::firewall::{Firewall, Rule};
use crate::shell::quote;
use crate::step::{Action, HalfJoined, Step};
use crate::survey::Facts;
use crate::unit::{unit_name, unit_path, unit_text};
use crate::wanted::{PROGRAM, RoleWanted, USER, Wanted};
use hostler_model::MemberRole;

/// The steps, in their order. Those that need nothing have no actions.
#[must_use]
pub fn plan(wanted: &Wanted, facts: &Facts) -> Vec<Step> {
    let mut steps = Vec::new();
    if wanted.roles.iter().any(|role| role.role != MemberRole::Agent) {
        steps.push(account(facts));
    }
    steps.push(program(wanted, facts));
    steps.push(configuration(wanted, facts));
    steps.push(folders(wanted, facts));
    if wanted.open_firewall {
        steps.push(firewall(wanted, facts));
    }
    for role in &wanted.roles {
        if wanted.site.is_some() {
            steps.push(join(wanted, facts, role.role));
        }
        steps.push(service(wanted, facts, role));
        if wanted.site.is_some() && facts.systemd {
            steps.push(wait(wanted, role.role));
        }
    }
    steps
}

/// The steps that take roles off a machine. Keys, logs and the configuration stay.
#[must_use]
pub fn plan_removal(roles: &[RoleWanted], facts: &Facts, close_firewall: bool) -> Vec<Step> {
    let mut steps: Vec<Step> = roles.iter().map(|role| no_service(facts, role.role)).collect();
    if close_firewall {
        let actions = roles.iter().flat_map(|role| facts.firewall.close(role.role, &role.openings)).collect();
        steps.push(step(firewall_name(&facts.firewall), actions, "see what it says about the rules"));
    }
    steps
}

fn step(name: impl Into<String>, actions: Vec<Action>, resume: &str) -> Step {
    Step { name: name.into(), actions, resume: resume.to_string() }
}

fn run(script: impl Into<String>) -> Action {
    Action::Run { script: script.into() }
}

fn account(facts: &Facts) -> Step {
    let script = format!("useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin {USER}\n");
    let actions = if facts.user { Vec::new() } else { vec![run(script)] };
    step(format!("the account {USER}"), actions, "make the account by hand, or free its name")
}

fn program(wanted: &Wanted, facts: &Facts) -> Step {
    let there = facts.program.as_deref() == Some(&wanted.program.sha256);
    let actions = if there { Vec::new() } else { vec![Action::CopyProgram { path: PROGRAM.to_string() }] };
    step("the program", actions, "see that /usr/local/bin has room and that the program runs there (hostler --version)")
}

fn configuration(wanted: &Wanted, facts: &Facts) -> Step {
    let config = &wanted.config;
    let write =
        || Action::Write { path: config.path.clone(), mode: 0o644, text: config.text.clone(), check: String::new() };
    let actions = if facts.config.as_ref() == Some(&config.text) { Vec::new() } else { vec![write()] };
    step(format!("the configuration {}", config.path), actions, "see that the file can be written")
}

/// Whose a role's folder is.
fn owner(role: MemberRole) -> &'static str {
    if role == MemberRole::Agent { "root" } else { USER }
}

fn folders(wanted: &Wanted, facts: &Facts) -> Step {
    let data = wanted.config.data_dir.trim_end_matches('/');
    let mut script = String::new();
    for RoleWanted { role, .. } in &wanted.roles {
        let (owner, there) = (owner(*role), facts.role(*role));
        let folder = quote(&format!("{data}/{role}"));
        if there.folder != Some((owner.to_string(), 0o700)) {
            script.push_str(&format!("install -d -m 0700 -o {owner} -g {owner} {folder}\n"));
        }
        if there.strangers {
            // Begun by hand as somebody else, root most likely.
            script.push_str(&format!("chown -R {owner}:{owner} {folder}\n"));
        }
    }
    if !script.is_empty() {
        script.insert_str(0, &format!("mkdir -p {}\n", quote(data)));
    }
    let actions = if script.is_empty() { Vec::new() } else { vec![run(script)] };
    step(format!("the folders in {data}"), actions, "see who owns them and whether the disk is writable")
}

fn firewall_name(firewall: &Firewall) -> String {
    match firewall {
        Firewall::None => "the firewall (there is none)".to_string(),
        Firewall::Unknown => "the firewall".to_string(),
        other => format!("the firewall ({})", other.name()),
    }
}

fn firewall(wanted: &Wanted, facts: &Facts) -> Step {
    let rules = wanted.roles.iter().flat_map(|role| Rule::all(role.role, &role.openings, &wanted.from));
    let actions = facts.firewall.open(&rules.collect::<Vec<_>>());
    step(
        firewall_name(&facts.firewall),
        actions,
        "see what it says about the rules, or open the ports by hand and leave --open-firewall away",
    )
}

/// Runs the program as whose the role's folder is.
fn as_owner(role: MemberRole) -> String {
    match owner(role) {
        "root" => PROGRAM.to_string(),
        user => format!("setpriv --reuid={user} --regid={user} --init-groups {PROGRAM}"),
    }
}

/// Says who the machine is.
fn who(wanted: &Wanted, role: MemberRole) -> String {
    format!("{PROGRAM} service status {role} --json --config {}\n", quote(&wanted.config.path))
}

fn join(wanted: &Wanted, facts: &Facts, role: MemberRole) -> Step {
    let there = facts.role(role);
    let data = wanted.config.data_dir.trim_end_matches('/');
    let name = wanted.name.as_ref().map(|name| format!(" --name {}", quote(name.as_str()))).unwrap_or_default();
    let script = format!("cd /\n{} join - --config {}{name}\n", as_owner(role), quote(&wanted.config.path));
    let half_joined = (there.key && role != MemberRole::Broker).then(|| HalfJoined {
        who: who(wanted, role),
        forget: format!("rm -f {}\n", quote(&format!("{data}/{role}/key"))),
    });
    let join = Action::Join { role, name: wanted.name.clone(), script, half_joined };
    let actions = if there.member.is_some() { Vec::new() } else { vec![join] };
    step(
        format!("joining as {role}"),
        actions,
        "see that the machine reaches the broker that gives out the tokens on 20001/udp, and that both clocks are right",
    )
}

fn service(wanted: &Wanted, facts: &Facts, role: &RoleWanted) -> Step {
    let unit = unit_name(role.role);
    let there = facts.role(role.role);
    let name = format!("the service {unit}");
    let resume = format!("see what it says: journalctl -u {unit}");
    if !facts.systemd {
        let say = format!(
            "systemd does not run this machine; start the {0} by hand, also after each start of the machine: {1} {0} run \
             --config {2}",
            role.role,
            as_owner(role.role),
            quote(&wanted.config.path)
        );
        return step(name, vec![Action::ByHand { say }], &resume);
    }
    let text = unit_text(role, &wanted.config.path, &wanted.config.data_dir);
    let new_unit = there.unit.as_ref() != Some(&text);
    let new_program = facts.program.as_deref() != Some(&wanted.program.sha256);
    let member = wanted.site.is_some() || there.member.is_some();
    let mut actions = Vec::new();
    let mut script = String::new();
    if new_unit {
        actions.push(Action::Write { path: unit_path(role.role), mode: 0o644, text, check: String::new() });
        script.push_str("systemctl daemon-reload\n");
    }
    if !there.enabled {
        script.push_str(&format!("systemctl --quiet enable {unit}\n"));
    }
    if there.active && (new_unit || new_program || there.outdated) {
        script.push_str(&format!("systemctl restart {unit}\n"));
    } else if !there.active && member {
        script.push_str(&format!("systemctl start {unit}\n"));
    }
    if !script.is_empty() {
        actions.push(run(script));
    }
    if !member {
        let say = format!(
            "the {0} is no member of a farm yet: {1} join TOKEN --config {2}, then: systemctl start {unit}",
            role.role,
            as_owner(role.role),
            quote(&wanted.config.path)
        );
        actions.push(Action::ByHand { say });
    }
    step(name, actions, &resume)
}

fn wait(wanted: &Wanted, role: MemberRole) -> Step {
    let what = match role {
        MemberRole::Broker => "waiting until the broker has caught up".to_string(),
        other => format!("waiting until the farm sees the {other}"),
    };
    let why = format!("journalctl -u {} -n 5 --no-pager -o cat\n", unit_name(role));
    let ports = match role {
        MemberRole::Broker => "20030/udp in both directions between it and the other brokers",
        MemberRole::Gateway => "20002/udp from it to the brokers",
        MemberRole::Agent => "20003/udp from it to the brokers",
    };
    let resume =
        format!("see what it says (journalctl -u {}) and whether a firewall lets {ports} through", unit_name(role));
    step(what, vec![Action::Wait { role, script: who(wanted, role), why }], &resume)
}

fn no_service(facts: &Facts, role: MemberRole) -> Step {
    let (unit, there) = (unit_name(role), facts.role(role));
    let mut script = String::new();
    if there.enabled || there.active {
        script.push_str(&format!("systemctl --quiet disable --now {unit}\n"));
    }
    if there.unit.is_some() {
        script.push_str(&format!("rm -f {}\n", unit_path(role)));
        if facts.systemd {
            script.push_str("systemctl daemon-reload\n");
        }
    }
    let actions = if script.is_empty() { Vec::new() } else { vec![run(script)] };
    step(format!("the service {unit}"), actions, &format!("see what it says: journalctl -u {unit}"))
}

#[cfg(test)]
mod tests;
