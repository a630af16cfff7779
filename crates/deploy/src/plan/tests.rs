//! Which steps there are, and what they do.

use super::*;
use crate::survey::{Member, RoleFacts};
use crate::testing::{facts, wanted};

/// A machine on which everything was done.
fn finished(wanted: &Wanted) -> Facts {
    let mut facts = facts();
    facts.user = true;
    facts.program = Some(wanted.program.sha256.clone());
    facts.config = Some(wanted.config.text.clone());
    for role in &wanted.roles {
        let there = RoleFacts {
            unit: Some(unit_text(role, &wanted.config.path, &wanted.config.data_dir)),
            enabled: true,
            active: true,
            folder: Some((owner(role.role).to_string(), 0o700)),
            key: true,
            member: Some(Member { farm: "F".into(), site: "site".into(), name: "b2".into() }),
            ..RoleFacts::default()
        };
        facts.roles.insert(role.role, there);
    }
    facts
}

/// The names of the steps that do something, and their scripts.
fn to_do(steps: &[Step]) -> Vec<(&str, String)> {
    let text = |action: &Action| match action {
        Action::Run { script } | Action::Join { script, .. } => script.clone(),
        Action::Write { path, .. } => format!("write {path}\n"),
        Action::CopyProgram { path } => format!("copy {path}\n"),
        Action::Wait { .. } => "wait\n".to_string(),
        Action::ByHand { say } => format!("by hand: {say}\n"),
    };
    let steps = steps.iter().filter(|step| !step.is_done());
    steps.map(|step| (step.name.as_str(), step.actions.iter().map(text).collect())).collect()
}

#[test]
fn a_fresh_machine_becomes_a_broker_and_a_gateway() {
    let mut wanted = wanted(&[MemberRole::Broker, MemberRole::Gateway]);
    wanted.open_firewall = true;
    wanted.name = Some("b2 west".parse().unwrap());
    let mut facts = facts();
    facts.firewall = Firewall::Ufw(crate::firewall::Ufw::default());
    let want = [
        (
            "the account hostler",
            "useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin hostler\n",
        ),
        ("the program", "copy /usr/local/bin/hostler\n"),
        ("the configuration /etc/hostler/hostler.toml", "write /etc/hostler/hostler.toml\n"),
        (
            "the folders in /var/lib/hostler",
            "mkdir -p /var/lib/hostler\n\
             install -d -m 0700 -o hostler -g hostler /var/lib/hostler/broker\n\
             install -d -m 0700 -o hostler -g hostler /var/lib/hostler/gateway\n",
        ),
        (
            "the firewall (ufw)",
            "ufw allow 20001/udp comment 'hostler broker 20001/udp'\n\
             ufw allow 20002/tcp comment 'hostler broker 20002/tcp'\n\
             ufw allow 20002/udp comment 'hostler broker 20002/udp'\n\
             ufw allow 20003/udp comment 'hostler broker 20003/udp'\n\
             ufw allow 20030/udp comment 'hostler broker 20030/udp'\n\
             ufw allow 3389/tcp comment 'hostler gateway 3389/tcp'\n",
        ),
        (
            "joining as broker",
            "cd /\nsetpriv --reuid=hostler --regid=hostler --init-groups /usr/local/bin/hostler join - --config \
             /etc/hostler/hostler.toml --name 'b2 west'\n",
        ),
        (
            "the service hostler-broker.service",
            "write /etc/systemd/system/hostler-broker.service\nsystemctl daemon-reload\nsystemctl --quiet enable \
             hostler-broker.service\nsystemctl start hostler-broker.service\n",
        ),
        (
            "joining as gateway",
            "cd /\nsetpriv --reuid=hostler --regid=hostler --init-groups /usr/local/bin/hostler join - --config \
             /etc/hostler/hostler.toml --name 'b2 west'\n",
        ),
        (
            "the service hostler-gateway.service",
            "write /etc/systemd/system/hostler-gateway.service\nsystemctl daemon-reload\nsystemctl --quiet enable \
             hostler-gateway.service\nsystemctl start hostler-gateway.service\n",
        ),
    ];
    assert_eq!(to_do(&plan(&wanted, &facts)), want.map(|(name, text)| (name, text.to_string())));
    let names: Vec<String> = plan(&wanted, &facts).into_iter().map(|step| step.name).collect();
    assert_eq!(names[7], "waiting until the broker has caught up");
    assert_eq!(names[10], "waiting until the farm sees the gateway");
}

#[test]
fn nothing_is_done_twice() {
    let wanted = wanted(&[MemberRole::Broker, MemberRole::Gateway, MemberRole::Agent]);
    assert_eq!(to_do(&plan(&wanted, &finished(&wanted))), []);
}

#[test]
fn only_what_is_missing_is_done() {
    let wanted = wanted(&[MemberRole::Gateway]);
    type Change<'a> = &'a dyn Fn(&mut Facts, &mut RoleFacts);
    let restart = ("the service hostler-gateway.service", "systemctl restart hostler-gateway.service\n");
    let cases: [(Change<'_>, &[(&str, &str)]); 7] = [
        (&|f, _| f.program = Some("older".into()), &[("the program", "copy /usr/local/bin/hostler\n"), restart]),
        (&|_, r| r.outdated = true, &[restart]),
        (
            &|_, r| r.active = false,
            &[("the service hostler-gateway.service", "systemctl start hostler-gateway.service\n")],
        ),
        (
            &|_, r| r.unit = None,
            &[(
                "the service hostler-gateway.service",
                "write /etc/systemd/system/hostler-gateway.service\nsystemctl daemon-reload\nsystemctl restart \
                 hostler-gateway.service\n",
            )],
        ),
        (
            &|_, r| r.strangers = true,
            &[(
                "the folders in /var/lib/hostler",
                "mkdir -p /var/lib/hostler\nchown -R hostler:hostler /var/lib/hostler/gateway\n",
            )],
        ),
        (&|f, _| f.systemd = false, &[]),
        (
            &|f, _| f.config = Some("data_dir = \"/else\"\n".into()),
            &[("the configuration /etc/hostler/hostler.toml", "write /etc/hostler/hostler.toml\n")],
        ),
    ];
    for (change, want) in cases {
        let mut facts = finished(&wanted);
        let mut role = facts.role(MemberRole::Gateway);
        change(&mut facts, &mut role);
        facts.roles.insert(MemberRole::Gateway, role);
        let want: Vec<_> = want.iter().map(|(name, text)| (*name, text.to_string())).collect();
        assert_eq!(to_do(&plan(&wanted, &facts)), want);
    }
}

#[test]
fn a_gateway_that_joined_by_half_joins_under_a_new_key() {
    let joins = |role: MemberRole| {
        let mut facts = facts();
        facts.roles.insert(role, RoleFacts { key: true, ..RoleFacts::default() });
        let steps = plan(&wanted(&[role]), &facts);
        let actions = steps.into_iter().flat_map(|step| step.actions);
        actions
            .filter_map(|action| match action {
                Action::Join { half_joined, .. } => Some(half_joined),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let half = HalfJoined {
        who: "/usr/local/bin/hostler service status gateway --json --config /etc/hostler/hostler.toml\n".into(),
        forget: "rm -f /var/lib/hostler/gateway/key\n".into(),
    };
    assert_eq!(joins(MemberRole::Gateway), [Some(half)]);
    // A broker comes back with the key that it has.
    assert_eq!(joins(MemberRole::Broker), [None]);
}

#[test]
fn what_is_left_to_people() {
    let say = |wanted: &Wanted, facts: &Facts| -> Vec<String> {
        let actions = plan(wanted, facts).into_iter().flat_map(|step| step.actions);
        actions
            .filter_map(|action| match action {
                Action::ByHand { say } => Some(say),
                _ => None,
            })
            .collect()
    };
    let mut bare = facts();
    bare.systemd = false;
    assert_eq!(
        say(&wanted(&[MemberRole::Agent]), &bare),
        ["systemd does not run this machine; start the agent by hand, also after each start of the machine: \
          /usr/local/bin/hostler agent run --config /etc/hostler/hostler.toml"]
    );
    let local = Wanted { site: None, ..wanted(&[MemberRole::Broker]) };
    assert_eq!(
        say(&local, &facts()),
        ["the broker is no member of a farm yet: setpriv --reuid=hostler --regid=hostler --init-groups \
          /usr/local/bin/hostler join TOKEN --config /etc/hostler/hostler.toml, then: systemctl start \
          hostler-broker.service"]
    );
    assert_eq!(say(&local, &finished(&local)), [""; 0]);
}

#[test]
fn a_role_is_taken_off_a_machine() {
    let wanted = wanted(&[MemberRole::Broker]);
    let mut facts = finished(&wanted);
    facts.firewall = Firewall::Ufw(crate::firewall::Ufw::read(
        "ufw allow 22/tcp\nufw allow 20001/udp comment 'hostler broker 20001/udp'\n",
    ));
    let want = [
        (
            "the service hostler-broker.service",
            "systemctl --quiet disable --now hostler-broker.service\nrm -f \
             /etc/systemd/system/hostler-broker.service\nsystemctl daemon-reload\n",
        ),
        ("the firewall (ufw)", "ufw delete allow 20001/udp\n"),
    ]
    .map(|(name, text)| (name, text.to_string()));
    assert_eq!(to_do(&plan_removal(&wanted.roles, &facts, true)), want);
    assert_eq!(to_do(&plan_removal(&wanted.roles, &facts, false)), want[..1]);
    assert_eq!(to_do(&plan_removal(&wanted.roles, &crate::testing::facts(), true)), []);
}
