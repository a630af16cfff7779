//! What can be typed, and what it means.

use super::*;
use clap::CommandFactory;
use clap::error::ErrorKind;

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn what_is_typed_is_what_is_meant() {
    let cases: &[(&str, &str)] = &[
        ("status", "Status"),
        ("host drain rdsh-1", r#"Host(Drain { host: "rdsh-1" })"#),
        (
            "host set rdsh-1 --cap 50 --slots auto",
            r#"Host(Set { host: "rdsh-1", change: HostChangeArgs { name: None, address: None, cap: Some(Figure(Some(50))), slots: Some(Figure(None)) } })"#,
        ),
        ("user add alice bob", r#"User(Add { names: ["alice", "bob"] })"#),
        ("group add staff --members alice,bob", r#"Group(Add { name: "staff", members: ["alice", "bob"] })"#),
        (
            "group change staff --add carol --remove bob",
            r#"Group(Change { group: "staff", add: ["carol"], remove: ["bob"] })"#,
        ),
        (
            "admin role bert help-desk operator@main",
            r#"Admin(Role { admin: "bert", roles: [RoleArg(GrantRow { role: HelpDesk, site: None }), RoleArg(GrantRow { role: Operator, site: Some("main") })] })"#,
        ),
        ("token create agent", "Token(Create { role: Agent })"),
        ("api-token create backup --days 30", r#"ApiToken(Create { label: "backup", days: Some(30) })"#),
        ("settings set seats.queue 30s", r#"Settings(Set { key: "seats.queue", value: "30s" })"#),
        (
            "publish app Terminal --command xterm --groups staff --hosts a,b",
            r#"Publish(App { item: PublishArgs { name: "Terminal", users: [], groups: ["staff"], everyone: false, hosts: ["a", "b"], default: false }, command: "xterm" })"#,
        ),
        (
            "publish desktop Desktop --everyone --default",
            r#"Publish(Desktop { item: PublishArgs { name: "Desktop", users: [], groups: [], everyone: true, hosts: [], default: true } })"#,
        ),
        ("session list --user alice", r#"Session(List { user: Some("alice"), host: None })"#),
        ("why abcdef", r#"Why { session: "abcdef" }"#),
        (
            "connect Desktop --user alice --out a.rdp",
            r#"Connect(ConnectArgs { item: Some("Desktop"), user: "alice", gateway: None, out: Some("a.rdp") })"#,
        ),
        ("log tail -f -n 5", "Log(Tail { follow: true, limit: 5 })"),
        ("completion bash", "Completion { shell: Bash }"),
    ];
    for (line, want) in cases {
        let cli = Cli::try_parse_from(["hostler"].into_iter().chain(line.split(' '))).expect(line);
        assert_eq!(format!("{:?}", cli.command), *want, "{line}");
    }
}

#[test]
fn what_goes_with_every_command_may_stand_anywhere() {
    let fingerprint = "4iqwj4epde4thqkiiz3ucxnzzq";
    for line in [
        format!("--broker b1 --json -y --fingerprint {fingerprint} host list"),
        format!("host list --broker b1:20002 --json --yes --fingerprint {}", fingerprint.to_uppercase()),
    ] {
        let cli = Cli::try_parse_from(["hostler"].into_iter().chain(line.split(' '))).expect(&line);
        let GlobalArgs { broker, fingerprint: found, json, yes, config: _ } = cli.global;
        let (broker, found) = (broker.map(|b| b.to_string()), found.map(|f| f.to_string()));
        assert_eq!((broker.as_deref(), found.as_deref(), json, yes), (Some("b1:20002"), Some(fingerprint), true, true));
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (line, kind) in [
        ("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("host", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("hosts", ErrorKind::InvalidSubcommand),
        ("host set rdsh-1", ErrorKind::MissingRequiredArgument),
        ("host set rdsh-1 --cap many", ErrorKind::ValueValidation),
        ("group change staff", ErrorKind::MissingRequiredArgument),
        ("user add", ErrorKind::MissingRequiredArgument),
        ("admin add bert", ErrorKind::MissingRequiredArgument),
        ("admin role bert king", ErrorKind::ValueValidation),
        ("token create host", ErrorKind::ValueValidation),
        ("publish app Terminal", ErrorKind::MissingRequiredArgument),
        ("publish desktop Desktop --command xterm", ErrorKind::UnknownArgument),
        ("item set Desktop", ErrorKind::MissingRequiredArgument),
        ("item set Desktop --hosts a --all-hosts", ErrorKind::ArgumentConflict),
        ("connect Desktop", ErrorKind::MissingRequiredArgument),
        ("log tail -n 0", ErrorKind::ValueValidation),
        ("status --broker b1:99999", ErrorKind::ValueValidation),
        ("status --fingerprint abc", ErrorKind::ValueValidation),
    ] {
        let words = ["hostler"].into_iter().chain(line.split_whitespace());
        assert_eq!(Cli::try_parse_from(words).map(|_| ()).map_err(|e| e.kind()), Err(kind), "{line:?}");
    }
}
