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
        ("alarm list", "Alarm(List)"),
        ("alarm show clock.off", "Alarm(Show { code: Some(ClockOff) })"),
        ("alarm show", "Alarm(Show { code: None })"),
        ("site add north", r#"Site(Add { name: "north" })"#),
        ("--site north broker up b1", r#"Broker(Ask(Up { broker: "b1" }))"#),
        ("token create broker --site north", "Token(Create { role: Broker })"),
        ("host drain rdsh-1", r#"Host(Ask(Drain { host: "rdsh-1" }))"#),
        (
            "host set rdsh-1 --cap 50 --slots auto",
            r#"Host(Ask(Set { host: "rdsh-1", change: HostChangeArgs { name: None, address: None, cap: Some(Figure(Some(50))), slots: Some(Figure(None)) } }))"#,
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
        ("key rotate agent", "Key(Rotate { role: Some(Agent) })"),
        ("key rotate", "Key(Rotate { role: None })"),
        (
            "log tail -f -n 5 --actor anna --type host.changed --since 2026-11-22T17:30:00Z",
            r#"Log(Tail { follow: true, limit: 5, only: TailFilter { actor: Some("anna"), thing: None, class: None, lane: None, what: Some("host.changed"), since: Some(Moment(1795368600000)), until: None } })"#,
        ),
        (
            "log diff 2026-11-22T17:30:00Z 2026-11-22T19:30:00+02:00 --from copy",
            r#"Log(Diff { earlier: Moment(1795368600000), later: Some(Moment(1795368600000)), from: FromArg { path: Some("copy") } })"#,
        ),
        ("log discard b1/12 --reason done", r#"Log(Discard { event: "b1/12", reason: "done" })"#),
        ("service status broker", "Service(Status { role: Some(Broker) })"),
        (
            "service uninstall agent --close-firewall",
            "Service(Uninstall { role: Agent, close_firewall: true, dry_run: false })",
        ),
        (
            "simulate fast a.toml --seed 7 --twice --jobs 2",
            r#"Simulate(SimulateArgs { paths: ["fast", "a.toml"], seeds: None, seed: Some(7), jobs: Some(2), twice: true, trace: false, plans: "." })"#,
        ),
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
        format!("--broker b1 --json -y --fingerprint {fingerprint} --site north host list"),
        format!("host list --broker b1:20002 --json --yes --site north --fingerprint {}", fingerprint.to_uppercase()),
        // The broker that is asked, beside the one that the command is about.
        format!("broker remove b3 --broker b1 --json --yes --site north --fingerprint {fingerprint}"),
        format!("broker promote b3 --broker b1 --json --yes --site north --fingerprint {fingerprint}"),
    ] {
        let cli = Cli::try_parse_from(["hostler"].into_iter().chain(line.split(' '))).expect(&line);
        let GlobalArgs { broker, fingerprint: found, json, yes, site, config: _ } = cli.global;
        assert_eq!(site.as_deref(), Some("north"));
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
        ("broker add", ErrorKind::MissingRequiredArgument),
        ("broker add b2 --from 10.0.0.0/8", ErrorKind::MissingRequiredArgument),
        ("broker add b2 --open-firewall --from 10.0.0.1/8", ErrorKind::ValueValidation),
        ("broker add b2 --rdp-port 443", ErrorKind::MissingRequiredArgument),
        ("gateway add g1 --print --dry-run", ErrorKind::ArgumentConflict),
        ("host add h1 --gateway", ErrorKind::UnknownArgument),
        ("service install host", ErrorKind::ValueValidation),
        ("log tail -n 0", ErrorKind::ValueValidation),
        ("status --broker b1:99999", ErrorKind::ValueValidation),
        ("status --fingerprint abc", ErrorKind::ValueValidation),
    ] {
        let words = ["hostler"].into_iter().chain(line.split_whitespace());
        assert_eq!(Cli::try_parse_from(words).map(|_| ()).map_err(|e| e.kind()), Err(kind), "{line:?}");
    }
}

#[test]
fn machines_that_shall_be_members() {
    let words = "broker add ann@b2 --gateway --rdp-port 3389,443 --port 2222 --open-firewall --from 10.0.0.0/8";
    let cli = Cli::try_parse_from(["hostler"].into_iter().chain(words.split(' '))).unwrap();
    let Command::Broker(BrokerCommand::Add(args)) = cli.command else { panic!("{:?}", cli.command) };
    let firewall = FirewallArgs { open_firewall: true, from: vec!["10.0.0.0/8".parse().unwrap()] };
    let add = AddArgs { machine: "ann@b2".into(), port: Some(2_222), firewall, ..AddArgs::default() };
    assert_eq!(*args, AddBrokerArgs { add, gateway: true, rdp_port: vec![3_389, 443] });
}

#[test]
fn the_broker_to_ask_is_not_the_one_that_it_is_about() {
    for words in ["broker up b3", "broker promote b3", "broker remove b3", "broker show b3", "status"] {
        for (added, asked) in [("", None), (" --broker 10.0.0.1", Some("10.0.0.1:20002"))] {
            let line = format!("hostler {words}{added}");
            let cli = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(cli.global.broker.map(|address| address.to_string()).as_deref(), asked, "{line}");
        }
    }
}

#[test]
fn what_the_book_says_can_be_typed() {
    let book = include_str!("../../../../docs/connection-brokers.md");
    let lines: Vec<&str> = book.lines().filter_map(|line| line.strip_prefix("$ hostler ")).collect();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        // Words in quotes are one word.
        let quoted = line.split('"').enumerate().flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().collect::<Vec<_>>(),
            _ => vec![part],
        });
        let typed = Cli::try_parse_from(["hostler"].into_iter().chain(quoted));
        assert!(typed.is_ok(), "hostler {line}: {}", typed.unwrap_err());
    }
}
