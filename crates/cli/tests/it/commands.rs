//! The program `hostler` itself, run as people and scripts run it.

use crate::fake::{PASSWORD, SESSION};
use crate::server::Server;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

struct Shell {
    folder: TempDir,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Shell {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn logon(&self) -> std::path::PathBuf {
        self.folder.path().join("config").join("login.json")
    }

    fn run(&self, line: &str) -> Ran {
        self.run_with(line, &[])
    }

    fn run_with(&self, line: &str, variables: &[(&str, &str)]) -> Ran {
        let done = Command::new(env!("CARGO_BIN_EXE_hostler"))
            .args(line.split_whitespace())
            .env_clear()
            .env("HOSTLER_CONFIG_DIR", self.folder.path().join("config"))
            .env("HOSTLER_PASSWORD", PASSWORD)
            .envs(variables.iter().copied())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
    }

    fn must(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}: {}", ran.err);
        ran.out
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_day_of_an_administrator() {
    let server = Server::start();
    let shell = Shell::new();
    let fingerprint = server.fake.key.fingerprint();
    let out = shell.must(&format!("login --broker {} --fingerprint {fingerprint} --name anna", server.address));
    assert!(out.starts_with("Logged in to Office as anna, until ") && out.ends_with("1 broker is known.\n"), "{out}");
    assert_eq!((mode(&shell.logon()), mode(shell.logon().parent().unwrap())), (0o600, 0o700));
    let status: Value = serde_json::from_str(&shell.must("status --json")).unwrap();
    assert_eq!((&status["farm"], &status["hosts"]), (&json!("Office"), &json!({ "total": 1, "up": 0 })));
    for (line, want) in [
        ("user add bob", "User bob is known (on the disks of 1 of 1 broker)\n"),
        ("group add staff --members alice,bob", "Group staff is there (on the disks of 1 of 1 broker)\n"),
        ("group change staff --remove bob", "Group staff is changed (on the disks of 1 of 1 broker)\n"),
        ("host drain rdsh-1", "Host rdsh-1 takes nobody new (on the disks of 1 of 1 broker)\n"),
        ("host drain rdsh-1", "Host rdsh-1 takes nobody new: it was so already\n"),
        ("host set rdsh-1 --cap 50", "Host rdsh-1 is changed (on the disks of 1 of 1 broker)\n"),
        (
            "publish app Terminal --command xterm --groups staff",
            "Terminal is published (on the disks of 1 of 1 broker)\n",
        ),
        ("item set Terminal --everyone true", "Terminal is changed (on the disks of 1 of 1 broker)\n"),
        ("settings get seats.queue", "0s\n"),
        ("settings set seats.queue 30s", "seats.queue is 30s (on the disks of 1 of 1 broker)\n"),
        ("settings get seats.queue", "30s\n"),
        ("settings unset seats.queue", "seats.queue is at its default (on the disks of 1 of 1 broker)\n"),
        ("unpublish Terminal --yes", "Terminal is no longer published (on the disks of 1 of 1 broker)\n"),
        ("group remove staff -y", "Group staff is gone (on the disks of 1 of 1 broker)\n"),
    ] {
        assert_eq!(shell.must(line), want, "{line}");
    }
    let session = SESSION.to_string();
    assert_eq!(
        shell.must(&format!("session message {} hello", &session[..8])),
        format!("Session {} shows the message\n", &session[..8])
    );
    let sessions = shell.must("session list --user alice");
    assert!(sessions.contains("alice  rdsh-1  active  Desktop") && sessions.contains(&session), "{sessions}");
    let why = shell.must(&format!("why {session}"));
    assert!(why.starts_with("alice asked for Desktop and was seated on rdsh-1: it had the lowest score"), "{why}");
    let token = shell.must("token create agent");
    assert!(token.starts_with("hostler_a_") && token.lines().count() == 1, "alone, for scripts: {token}");
    for line in ["broker list", "host list", "host show rdsh-1", "gateway list", "user list", "group list", "items"]
        .into_iter()
        .chain(["admin list", "token list", "api-token list", "settings list", "log tail", "completion bash"])
    {
        assert!(!shell.must(line).is_empty(), "{line}");
    }
    shell.must("connect Desktop --user alice --out alice.rdp");
    let file = shell.folder.path().join("alice.rdp");
    assert_eq!(mode(&file), 0o600, "its bearer is let in");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("loadbalanceinfo:s:hostler1."), "{text}");
    assert!(shell.must("connect --user alice").contains("xfreerdp /v:gw-1:3389 /u:alice"));
    assert_eq!(shell.must("logout"), "The logon is forgotten.\n");
    assert_eq!(shell.run("status").code, 4);
}

#[test]
fn exit_codes_and_what_to_do() {
    let server = Server::start();
    let shell = Shell::new();
    let fingerprint = server.fake.key.fingerprint().to_string();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let wrong = "a".repeat(26);
    let at = &server.address;
    let case = |line: &str, variables: &[(&str, &str)], code: i32, says: &str| {
        let ran = shell.run_with(line, variables);
        assert!(ran.code == code && ran.err.contains(says), "{line}: {} {}", ran.code, ran.err);
    };
    case("status", &[], 4, "hostler login --broker ADDRESS");
    case("login", &[], 2, "hostler login --broker ADDRESS");
    case(&format!("login --broker {at} --name anna"), &[], 2, &format!("give --fingerprint {fingerprint}"));
    case(
        &format!("login --broker {at} --fingerprint {wrong} --name anna"),
        &[],
        3,
        &format!("shows the key {fingerprint}"),
    );
    case(&format!("login --broker {dead} --name anna --yes"), &[], 3, "does not answer");
    case(&format!("login --broker {at} --yes"), &[], 2, "give --name");
    let password = [("HOSTLER_PASSWORD", "wrong")];
    case(&format!("login --broker {at} --yes --name anna"), &password, 4, "name or password is wrong");
    assert!(!shell.logon().exists(), "nothing was stored so far");
    shell.must(&format!("login --broker {at} --yes --name anna"));
    case("host show nobody", &[], 1, "there is no host \"nobody\"");
    case("host remove rdsh-1", &[], 2, "give --yes");
    case("settings get no.such", &[], 2, "hostler settings list");
    case("connect --user nobody", &[], 1, "hostler user add NAME");
    case(&format!("status --broker {dead}"), &[], 3, "does not answer");
    case("status", &[("HOSTLER_TOKEN", "hostler_api_x_y")], 4, "hostler login");
    case("admin add bert --role auditor", &[], 2, "HOSTLER_NEW_PASSWORD");
    case("admin add bert --role auditor", &[("HOSTLER_NEW_PASSWORD", "short")], 1, "8 characters");
    case("admin add bert --role auditor", &[("HOSTLER_NEW_PASSWORD", "long enough")], 0, "");
    case("hosts", &[], 2, "Usage");
    std::fs::write(shell.logon(), "{").unwrap();
    case("status", &[], 1, "log in again");
}

#[test]
fn any_known_broker_will_do_and_programs_bring_their_own_token() {
    let server = Server::start();
    let shell = Shell::new();
    shell.must(&format!("login --broker {} --yes --name anna", server.address));
    let mut logon: Value = serde_json::from_str(&std::fs::read_to_string(shell.logon()).unwrap()).unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let silent = json!({ "address": dead, "fingerprint": "a".repeat(26) });
    logon["brokers"].as_array_mut().unwrap().insert(0, silent);
    std::fs::write(shell.logon(), logon.to_string()).unwrap();
    assert!(shell.must("status").starts_with("Farm         Office\n"));
    assert_eq!(shell.must("user add bob"), "User bob is known (on the disks of 1 of 1 broker)\n");
    let token = shell.must("api-token create monitoring --days 1");
    shell.must("logout");
    let line = format!("status --broker {} --fingerprint {}", server.address, server.fake.key.fingerprint());
    let ran = shell.run_with(&line, &[("HOSTLER_TOKEN", token.trim())]);
    assert_eq!((ran.code, ran.out.starts_with("Farm")), (0, true), "{}", ran.err);
}
