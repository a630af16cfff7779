//! A machine and a wish, for the tests of this crate.

use crate::opening::Opening;
use crate::program::Program;
use crate::survey::Facts;
use crate::wanted::{Config, RoleWanted, Wanted};
use hostler_model::MemberRole;

/// A fresh machine with systemd.
pub(crate) fn facts() -> Facts {
    Facts {
        host_name: "b2".into(),
        architecture: "x86_64".into(),
        system: "Debian GNU/Linux 12 (bookworm)".into(),
        clock_ahead_ms: (3, 1),
        program_room_kib: 4 * 1_024 * 1_024,
        data_room_kib: 4 * 1_024 * 1_024,
        systemd: true,
        ..Facts::default()
    }
}

/// These roles in the farm whose site is "site".
pub(crate) fn wanted(roles: &[MemberRole]) -> Wanted {
    Wanted {
        roles: roles.iter().map(|role| RoleWanted { role: *role, openings: Opening::usual(*role) }).collect(),
        program: Program {
            path: "/opt/hostler".into(),
            sha256: "5ha".into(),
            architecture: "x86_64",
            bytes: 20_000 * 1_024,
        },
        config: Config {
            path: "/etc/hostler/hostler.toml".into(),
            text: "data_dir = \"/var/lib/hostler\"\n".into(),
            data_dir: "/var/lib/hostler".into(),
        },
        site: Some("site".into()),
        name: None,
        open_firewall: false,
        from: Vec::new(),
    }
}
