//! What is read from what the script prints.

use super::*;

fn told(lines: &[(&str, &str)]) -> String {
    let texts = ["config", "tcp", "udp", "unit.", "member.", "ufw", "ports", "rich", "nft"];
    let is_text =
        |key: &str| texts.iter().any(|t| key.starts_with(t)) && !["nft.path", "nft.mode", "nft.enabled"].contains(&key);
    lines
        .iter()
        .map(|(key, value)| match is_text(key) {
            true => format!("{key} {}\n", BASE64.encode(value.as_bytes())),
            false => format!("{key} {value}\n"),
        })
        .collect()
}

const LEAST: [(&str, &str); 5] = [
    ("host", "b2"),
    ("architecture", "x86_64"),
    ("system", "Debian GNU/Linux 12 (bookworm)"),
    ("program_room", "2000000"),
    ("data_room", "3000000"),
];

#[test]
fn a_fresh_machine() {
    let facts = read(&told(&LEAST)).unwrap();
    let roles = ROLES.into_iter().map(|role| (role, RoleFacts::default())).collect();
    let want = Facts {
        host_name: "b2".into(),
        architecture: "x86_64".into(),
        system: "Debian GNU/Linux 12 (bookworm)".into(),
        program_room_kib: 2_000_000,
        data_room_kib: 3_000_000,
        roles,
        ..Facts::default()
    };
    assert_eq!(facts, want);
    assert_eq!(read("host b2\n"), Err(("program_room".into(), String::new())));
}

#[test]
fn a_machine_with_a_broker() {
    let sockets = "  sl  local_address rem_address   st tx_queue\n   \
        0: 00000000:4E22 00000000:0000 0A 00000000:00000000\n   \
        1: 0100007F:0016 0100007F:8000 01 00000000:00000000\n";
    let datagrams = "   0: 00000000000000000000000000000000:4E21 00000000000000000000000000000000:0000 07 0:0\n";
    let mut lines = LEAST.to_vec();
    lines.extend([
        ("systemd", "yes"),
        ("user", "yes"),
        ("program", "ab12"),
        ("config", "data_dir = \"/d\"\n"),
        ("tcp", sockets),
        ("udp", datagrams),
        ("unit.broker", "[Unit]\n"),
        ("enabled.broker", "enabled"),
        ("active.broker", "active"),
        ("runs.broker", "/usr/local/bin/hostler (deleted)"),
        ("folder.broker", "hostler 700"),
        ("stranger.broker", "/d/broker/log"),
        ("key.broker", "yes"),
        ("member.broker", r#"{"role":"broker","farm":"F","site":"aa","name":"b2","brokers":[]}"#),
        ("enabled.gateway", "not-found"),
        ("active.gateway", "inactive"),
    ]);
    let facts = read(&told(&lines)).unwrap();
    let member = Member { farm: "F".into(), site: "aa".into(), name: "b2".into() };
    let broker = RoleFacts {
        unit: Some("[Unit]\n".into()),
        enabled: true,
        active: true,
        outdated: true,
        folder: Some(("hostler".into(), 0o700)),
        strangers: true,
        key: true,
        member: Some(member),
    };
    assert_eq!(facts.role(MemberRole::Broker), broker);
    assert_eq!(facts.role(MemberRole::Gateway), RoleFacts::default());
    assert_eq!(facts.listening, BTreeSet::from([Opening::tcp(20_002), Opening::udp(20_001)]));
    assert!(facts.systemd && facts.user);
    assert_eq!((facts.program.as_deref(), facts.config.as_deref()), (Some("ab12"), Some("data_dir = \"/d\"\n")));
}

#[test]
fn firewalls() {
    let drops = r#"{"nftables":[{"chain":{"family":"ip","table":"t","name":"in","hook":"input","policy":"drop"}}]}"#;
    for (lines, want) in [
        (vec![], "nothing"),
        (vec![("firewall", "ufw"), ("ufw", "ufw allow 22/tcp\n")], "ufw"),
        (vec![("firewall", "firewalld"), ("ports", "22/tcp"), ("rich", "")], "firewalld"),
        (vec![("firewall", "nftables"), ("nft", r#"{"nftables":[]}"#)], "nothing"),
        (
            vec![
                ("firewall", "nftables"),
                ("nft", drops),
                ("nft.path", "/etc/nftables.conf"),
                ("nft.enabled", "enabled"),
            ],
            "nftables",
        ),
        (
            vec![
                ("firewall", "nftables"),
                ("nft", drops),
                ("nft.path", "/etc/nftables.conf"),
                ("nft.enabled", "disabled"),
            ],
            "rules in nftables that neither ufw, firewalld nor the service nftables keeps",
        ),
        (vec![("firewall", "iptables")], "iptables"),
    ] {
        let facts = read(&told(&[&LEAST[..], &lines[..]].concat())).unwrap();
        assert_eq!(facts.firewall.name(), want, "{lines:?}");
    }
    let broken = read(&told(&[&LEAST[..], &[("firewall", "nftables"), ("nft", "?")]].concat()));
    assert_eq!(broken.unwrap_err().0, "nft");
}
