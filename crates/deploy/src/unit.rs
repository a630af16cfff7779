//! The systemd units: one per role, each with the least rights that work.

use crate::shell::quote;
use crate::wanted::{PROGRAM, RoleWanted, USER};
use hostler_model::MemberRole;

/// The unit of a role.
#[must_use]
pub fn unit_name(role: MemberRole) -> String {
    format!("hostler-{role}.service")
}

/// Where it is.
pub(crate) fn unit_path(role: MemberRole) -> String {
    format!("/etc/systemd/system/{}", unit_name(role))
}

/// What every role can do without.
const HARDENING: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
UMask=0077
";

/// Brokers and gateways have an account of their own and see nothing of others.
const OWN_ACCOUNT: &str = "\
PrivateTmp=yes
ProtectHome=yes
ProtectProc=invisible
RemoveIPC=yes
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=setrlimit prlimit64 sched_setaffinity sched_setscheduler setpriority
";

/// The agent is root, for what belongs to users, with these capabilities only: it reads the environment of sessions'
/// processes (SYS_PTRACE), ends them (KILL), shows messages as their users (SETUID, SETGID) and talks to the X servers'
/// sockets, which are theirs (DAC_OVERRIDE). It must see all processes, users' homes and the X sockets in /tmp.
const AGENT: &str = "\
CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_KILL CAP_SETGID CAP_SETUID CAP_SYS_PTRACE
ProtectHome=read-only
SystemCallFilter=@system-service
";

/// The text of a role's unit.
#[must_use]
pub fn unit_text(wanted: &RoleWanted, config: &str, data_dir: &str) -> String {
    let role = wanted.role;
    let data = data_dir.trim_end_matches('/');
    let what = match role {
        MemberRole::Broker => "broker",
        MemberRole::Gateway => "gateway",
        MemberRole::Agent => "agent on this session host",
    };
    let rights = match role {
        MemberRole::Agent => AGENT.to_string(),
        _ => {
            let capabilities = if wanted.low_port() {
                // For the port below 1024 that it listens on.
                "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n"
            } else {
                "CapabilityBoundingSet=\n"
            };
            format!("User={USER}\nGroup={USER}\n{capabilities}{OWN_ACCOUNT}{}", hidden(role, data))
        }
    };
    format!(
        "# Written by hostler; changes belong into a drop-in (systemctl edit {unit}).\n\
         [Unit]\n\
         Description=Hostler {what}\n\
         Wants=network-online.target\n\
         After=network-online.target nss-lookup.target\n\
         ConditionPathExists={data}/{role}/member.json\n\
         \n\
         [Service]\n\
         ExecStart={PROGRAM} {role} run --config {config}\n\
         Restart=on-failure\n\
         RestartSec=1\n\
         TimeoutStopSec=20\n\
         LimitNOFILE=1048576\n\
         ReadWritePaths={data}/{role}\n\
         {rights}{HARDENING}\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        unit = unit_name(role),
        config = quote(config),
    )
}

/// The other roles' keys and logs.
fn hidden(role: MemberRole, data: &str) -> String {
    let others =
        [MemberRole::Broker, MemberRole::Gateway, MemberRole::Agent].into_iter().filter(|other| *other != role);
    let paths: Vec<String> = others.map(|other| format!("-{data}/{other}")).collect();
    format!("InaccessiblePaths={}\n", paths.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opening::Opening;

    fn text(role: MemberRole, openings: Vec<Opening>) -> String {
        unit_text(&RoleWanted { role, openings }, "/etc/hostler/hostler.toml", "/var/lib/hostler")
    }

    #[test]
    fn a_brokers_unit() {
        assert_eq!(
            text(MemberRole::Broker, Opening::usual(MemberRole::Broker)),
            "# Written by hostler; changes belong into a drop-in (systemctl edit hostler-broker.service).\n\
             [Unit]\n\
             Description=Hostler broker\n\
             Wants=network-online.target\n\
             After=network-online.target nss-lookup.target\n\
             ConditionPathExists=/var/lib/hostler/broker/member.json\n\
             \n\
             [Service]\n\
             ExecStart=/usr/local/bin/hostler broker run --config /etc/hostler/hostler.toml\n\
             Restart=on-failure\n\
             RestartSec=1\n\
             TimeoutStopSec=20\n\
             LimitNOFILE=1048576\n\
             ReadWritePaths=/var/lib/hostler/broker\n\
             User=hostler\n\
             Group=hostler\n\
             CapabilityBoundingSet=\n\
             PrivateTmp=yes\n\
             ProtectHome=yes\n\
             ProtectProc=invisible\n\
             RemoveIPC=yes\n\
             SystemCallFilter=@system-service\n\
             SystemCallFilter=~@privileged @resources\n\
             SystemCallFilter=setrlimit prlimit64 sched_setaffinity sched_setscheduler setpriority\n\
             InaccessiblePaths=-/var/lib/hostler/gateway -/var/lib/hostler/agent\n\
             NoNewPrivileges=yes\n\
             ProtectSystem=strict\n\
             PrivateDevices=yes\n\
             ProtectClock=yes\n\
             ProtectControlGroups=yes\n\
             ProtectHostname=yes\n\
             ProtectKernelLogs=yes\n\
             ProtectKernelModules=yes\n\
             ProtectKernelTunables=yes\n\
             LockPersonality=yes\n\
             MemoryDenyWriteExecute=yes\n\
             RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n\
             RestrictNamespaces=yes\n\
             RestrictRealtime=yes\n\
             RestrictSUIDSGID=yes\n\
             SystemCallArchitectures=native\n\
             SystemCallErrorNumber=EPERM\n\
             UMask=0077\n\
             \n\
             [Install]\n\
             WantedBy=multi-user.target\n"
        );
    }

    #[test]
    fn what_differs_between_the_roles() {
        for (role, openings, has, lacks) in [
            (MemberRole::Gateway, vec![Opening::tcp(3_389)], "\nCapabilityBoundingSet=\n", "AmbientCapabilities"),
            (
                MemberRole::Gateway,
                vec![Opening::tcp(3_389), Opening::tcp(443)],
                "\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n",
                "CapabilityBoundingSet=\n",
            ),
            (
                MemberRole::Agent,
                vec![Opening::tcp(443)],
                "\nCapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_KILL CAP_SETGID CAP_SETUID CAP_SYS_PTRACE\n",
                "User=",
            ),
            (MemberRole::Agent, vec![], "\nReadWritePaths=/var/lib/hostler/agent\n", "PrivateTmp"),
        ] {
            let text = text(role, openings);
            assert!(text.contains(has) && !text.contains(lacks), "{text}");
        }
    }
}
