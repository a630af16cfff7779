//! A plan in words: what would be done, and what somebody without SSH has to type.

use crate::firewall::Firewall;
use crate::plan::plan;
use crate::program::Program;
use crate::step::{Action, Step};
use crate::survey::Facts;
use crate::wanted::{PROGRAM, Wanted};
use hostler_model::MemberRole;

/// Everything that would be done: all commands and files.
#[must_use]
pub fn dry_run(program: &Program, steps: &[Step]) -> String {
    let mut text = String::new();
    for (nth, step) in steps.iter().enumerate() {
        let done = if step.actions.is_empty() { ": nothing to do" } else { "" };
        text.push_str(&format!("{}. {}{done}\n", nth + 1, step.name));
        for action in &step.actions {
            text.push_str(&words(program, action));
        }
    }
    text
}

fn words(program: &Program, action: &Action) -> String {
    match action {
        Action::Run { script } => format!("   run:\n{}", indent(script, "     ")),
        Action::Write { path, mode, text, check } => {
            let check = if check.is_empty() { String::new() } else { format!(", after {check}") };
            format!("   write {path} (mode {mode:04o}{check}):\n{}", indent(text, "     "))
        }
        Action::CopyProgram { path } => format!(
            "   copy {} ({} KiB, SHA-256 {}) to {path}\n",
            program.path.display(),
            program.bytes / 1_024,
            program.sha256
        ),
        Action::Join { role, script, .. } => {
            format!("   make a token ({role}), and give it over standard input to:\n{}", indent(script, "     "))
        }
        Action::Wait { .. } => "   ask the farm until it is so\n".to_string(),
        Action::ByHand { say } => format!("   by hand: {say}\n"),
    }
}

fn indent(text: &str, by: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_string() } else { format!("{by}{line}\n") }).collect()
}

/// The commands for somebody without SSH, for a fresh machine with systemd: a script for its root.
#[must_use]
pub fn by_hand(wanted: &Wanted) -> String {
    let facts = Facts { systemd: true, firewall: Firewall::Unknown, ..Facts::default() };
    let mut text = format!(
        "#!/bin/sh\n# For root on the machine. Before, copy this program there as /tmp/hostler:\n#   {}\n# It is for {}; its \
         SHA-256 is {}.\nset -e\numask 022\n",
        wanted.program.path.display(),
        wanted.program.architecture,
        wanted.program.sha256
    );
    for step in plan(wanted, &facts) {
        let lines: String = step.actions.iter().map(|action| command(wanted, action)).collect();
        text.push_str(&format!("\n# {}\n{lines}", step.name));
    }
    text
}

fn command(wanted: &Wanted, action: &Action) -> String {
    match action {
        Action::Run { script } => script.clone(),
        Action::Write { path, mode, text, .. } => {
            let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
            format!("mkdir -p {folder}\ncat > {path} <<'END'\n{text}END\nchmod {mode:04o} {path}\n")
        }
        Action::CopyProgram { path } => format!(
            "echo '{}  /tmp/hostler' | sha256sum --check --quiet\ninstall -m 0755 /tmp/hostler {path}.new\nmv -f {path}.new \
             {path}\n",
            wanted.program.sha256
        ),
        Action::Join { role, script, .. } => {
            format!("# It waits for a token; make one where you are logged in: hostler token create {role}\n{script}")
        }
        Action::Wait { role, .. } => {
            let list = match role {
                MemberRole::Broker => "broker",
                MemberRole::Gateway => "gateway",
                MemberRole::Agent => "host",
            };
            format!("# Where you are logged in: hostler {list} list\n{PROGRAM} service status {role}\n")
        }
        Action::ByHand { say } => format!("# {say}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{facts, wanted};
    use crate::unit::unit_text;

    #[test]
    fn a_dry_run_shows_all_commands_and_files() {
        let mut wanted = wanted(&[MemberRole::Agent]);
        wanted.open_firewall = true;
        let mut facts = facts();
        facts.firewall = Firewall::Firewalld(crate::firewall::Firewalld::default());
        facts.config = Some(wanted.config.text.clone());
        let unit = unit_text(&wanted.roles[0], &wanted.config.path, &wanted.config.data_dir);
        let unit = indent(&unit, "     ");
        assert_eq!(
            dry_run(&wanted.program, &plan(&wanted, &facts)),
            format!(
                "1. the program\n   copy /opt/hostler (20000 KiB, SHA-256 5ha) to /usr/local/bin/hostler\n\
                 2. the configuration /etc/hostler/hostler.toml: nothing to do\n\
                 3. the folders in /var/lib/hostler\n   run:\n     mkdir -p /var/lib/hostler\n     \
                 install -d -m 0700 -o root -g root /var/lib/hostler/agent\n\
                 4. the firewall (firewalld)\n   run:\n     firewall-cmd --quiet --permanent --add-port=3389/tcp\n     \
                 firewall-cmd --quiet --add-port=3389/tcp\n\
                 5. joining as agent\n   make a token (agent), and give it over standard input to:\n     cd /\n     \
                 /usr/local/bin/hostler join - --config /etc/hostler/hostler.toml\n\
                 6. the service hostler-agent.service\n   write /etc/systemd/system/hostler-agent.service (mode 0644):\n\
                 {unit}   run:\n     systemctl daemon-reload\n     systemctl --quiet enable hostler-agent.service\n     \
                 systemctl start hostler-agent.service\n\
                 7. waiting until the farm sees the agent\n   ask the farm until it is so\n"
            )
        );
    }

    #[test]
    fn commands_for_somebody_without_ssh() {
        let mut wanted = wanted(&[MemberRole::Gateway]);
        wanted.open_firewall = true;
        let unit = unit_text(&wanted.roles[0], &wanted.config.path, &wanted.config.data_dir);
        assert_eq!(
            by_hand(&wanted),
            format!(
                "#!/bin/sh\n# For root on the machine. Before, copy this program there as /tmp/hostler:\n#   /opt/hostler\n\
                 # It is for x86_64; its SHA-256 is 5ha.\nset -e\numask 022\n\
                 \n# the account hostler\n\
                 useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin hostler\n\
                 \n# the program\n\
                 echo '5ha  /tmp/hostler' | sha256sum --check --quiet\n\
                 install -m 0755 /tmp/hostler /usr/local/bin/hostler.new\n\
                 mv -f /usr/local/bin/hostler.new /usr/local/bin/hostler\n\
                 \n# the configuration /etc/hostler/hostler.toml\n\
                 mkdir -p /etc/hostler\ncat > /etc/hostler/hostler.toml <<'END'\ndata_dir = \"/var/lib/hostler\"\nEND\n\
                 chmod 0644 /etc/hostler/hostler.toml\n\
                 \n# the folders in /var/lib/hostler\n\
                 mkdir -p /var/lib/hostler\ninstall -d -m 0700 -o hostler -g hostler /var/lib/hostler/gateway\n\
                 \n# the firewall\n\
                 if ufw status 2>/dev/null | grep -q '^Status: active'; then\n    \
                 ufw allow 3389/tcp comment 'hostler gateway 3389/tcp'\n\
                 elif firewall-cmd --state >/dev/null 2>&1; then\n    \
                 firewall-cmd --quiet --permanent --add-port=3389/tcp\n    firewall-cmd --quiet --add-port=3389/tcp\n\
                 else\n    # Where nftables drops what comes in, put these lines behind the rules in /etc/nftables.conf, \
                 with the\n    # family, the table and the chain that are there, and load it: systemctl reload nftables\n    \
                 #   insert rule inet filter input tcp dport 3389 accept comment \"hostler gateway 3389/tcp\"\n    :\nfi\n\
                 \n# joining as gateway\n\
                 # It waits for a token; make one where you are logged in: hostler token create gateway\n\
                 cd /\nsetpriv --reuid=hostler --regid=hostler --init-groups /usr/local/bin/hostler join - --config \
                 /etc/hostler/hostler.toml\n\
                 \n# the service hostler-gateway.service\n\
                 mkdir -p /etc/systemd/system\ncat > /etc/systemd/system/hostler-gateway.service <<'END'\n{unit}END\n\
                 chmod 0644 /etc/systemd/system/hostler-gateway.service\n\
                 systemctl daemon-reload\nsystemctl --quiet enable hostler-gateway.service\n\
                 systemctl start hostler-gateway.service\n\
                 \n# waiting until the farm sees the gateway\n\
                 # Where you are logged in: hostler gateway list\n/usr/local/bin/hostler service status gateway\n"
            )
        );
    }
}
