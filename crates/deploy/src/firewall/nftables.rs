//! nftables, by the machine's own rules.
//!
//! An accept in a table of ours would not help: a packet has to pass every chain that sees it. So the rules go into the
//! machine's own chains, those that can drop what comes in; and a file of ours with the same rules, which the machine's
//! configuration includes at its end, brings them back at the next start and after each reload.

use super::{Rule, comment_of};
use crate::step::Action;
use hostler_model::MemberRole;
use serde::Deserialize;
use serde_json::Value;

/// The file with our rules.
pub(crate) const FILE: &str = "/etc/hostler/firewall.nft";
/// Where machines keep their own rules: Debian, Red Hat.
pub(crate) const OWN_CONFIGURATIONS: [&str; 2] = ["/etc/nftables.conf", "/etc/sysconfig/nftables.conf"];
const HEAD: &str = "# Written by hostler: what must be open for its roles on this machine.\n";

/// nftables with chains that can drop what comes in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Nftables {
    chains: Vec<Chain>,
    /// The machine's own configuration: its path, its permission bits and its text.
    configuration: (String, u32, String),
    /// Our file, where it is there.
    file: Option<String>,
}

/// A chain that sees what comes in, and can drop it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Chain {
    family: String,
    table: String,
    name: String,
    /// Rules of ours: their handles and comments.
    ours: Vec<(u64, String)>,
}

#[derive(Deserialize)]
struct ChainJson {
    family: String,
    table: String,
    name: String,
    #[serde(default)]
    hook: String,
    #[serde(default)]
    policy: String,
}

#[derive(Deserialize)]
struct RuleJson {
    family: String,
    table: String,
    chain: String,
    #[serde(default)]
    handle: u64,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    expr: Vec<Value>,
}

impl Nftables {
    /// From what `nft -j list ruleset` prints. `None` where nothing can drop what comes in.
    pub(crate) fn read(
        ruleset: &str,
        configuration: (String, u32, String),
        file: Option<String>,
    ) -> Result<Option<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Ruleset {
            nftables: Vec<Value>,
        }
        let mut chains = Vec::new();
        let mut rules = Vec::new();
        for mut entry in serde_json::from_str::<Ruleset>(ruleset)?.nftables {
            if let Some(chain) = entry.get_mut("chain") {
                chains.push(serde_json::from_value::<ChainJson>(chain.take())?);
            } else if let Some(rule) = entry.get_mut("rule") {
                rules.push(serde_json::from_value::<RuleJson>(rule.take())?);
            }
        }
        let inputs = chains
            .into_iter()
            .filter(|chain| chain.hook == "input" && ["ip", "ip6", "inet"].contains(&chain.family.as_str()));
        let chains: Vec<Chain> = inputs
            .filter_map(|chain| {
                let inside: Vec<&RuleJson> = rules
                    .iter()
                    .filter(|r| (&r.family, &r.table, &r.chain) == (&chain.family, &chain.table, &chain.name))
                    .collect();
                let drops = chain.policy == "drop" || inside.iter().any(|rule| may_drop(&rule.expr));
                let ours = inside.iter().filter(|rule| rule.comment.starts_with("hostler "));
                let ours = ours.map(|rule| (rule.handle, rule.comment.clone())).collect();
                drops.then_some(Chain { family: chain.family, table: chain.table, name: chain.name, ours })
            })
            .collect();
        Ok((!chains.is_empty()).then_some(Self { chains, configuration, file }))
    }

    pub(super) fn open(&self, rules: &[Rule]) -> Vec<Action> {
        let mut now = Vec::new();
        let mut text = self.file.clone().unwrap_or_else(|| HEAD.to_string());
        for chain in &self.chains {
            for rule in rules.iter().filter(|rule| chain.takes(rule)) {
                let line = line(&chain.place(), rule);
                if !text.lines().any(|there| there == line) {
                    text.push_str(&format!("{line}\n"));
                }
                if !chain.ours.iter().any(|(_, comment)| *comment == rule.comment()) {
                    now.push(line);
                }
            }
        }
        let mut actions = self.write(text);
        actions.extend(load(&now));
        actions
    }

    pub(super) fn close(&self, role: MemberRole) -> Vec<Action> {
        let mark = comment_of(role);
        let ours = |chain: &Chain| -> Vec<String> {
            let handles = chain.ours.iter().filter(|(_, comment)| comment.starts_with(&mark));
            handles.map(|(handle, _)| format!("delete rule {} handle {handle}", chain.place())).collect()
        };
        let now: Vec<String> = self.chains.iter().flat_map(ours).collect();
        let mark = format!(" comment \"{mark}");
        let lines = self.file.iter().flat_map(|text| text.lines());
        let left: String = lines.filter(|line| !line.contains(&mark)).map(|line| format!("{line}\n")).collect();
        let mut actions = match &self.file {
            Some(_) => self.write(left),
            None => Vec::new(),
        };
        actions.extend(load(&now));
        actions
    }

    /// Our file, and its mention in the machine's configuration, which is tried before it is put in its place.
    fn write(&self, text: String) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.file.as_deref() != Some(&text) {
            actions.push(Action::Write { path: FILE.to_string(), mode: 0o644, text, check: String::new() });
        }
        let (path, mode, configuration) = &self.configuration;
        let include = format!("include \"{FILE}\"");
        if !configuration.lines().any(|line| line.trim() == include) {
            let end = if configuration.is_empty() || configuration.ends_with('\n') { "" } else { "\n" };
            let text = format!("{configuration}{end}{include}\n");
            let check = "nft -c -f \"$new\"".to_string();
            actions.push(Action::Write { path: path.clone(), mode: *mode, text, check });
        }
        actions
    }
}

impl Chain {
    /// As nft names it.
    fn place(&self) -> String {
        format!("{} {} {}", self.family, self.table, self.name)
    }

    /// Whether the chain sees what the rule lets in.
    fn takes(&self, rule: &Rule) -> bool {
        match (self.family.as_str(), rule.from) {
            ("ip", Some(from)) => !from.is_v6(),
            ("ip6", Some(from)) => from.is_v6(),
            _ => true,
        }
    }
}

/// The command for a rule, as it stands in a file. It comes first in its chain, before anything that drops.
pub(super) fn line(place: &str, rule: &Rule) -> String {
    let from = rule.from.map(|from| format!("{} saddr {from} ", if from.is_v6() { "ip6" } else { "ip" }));
    format!(
        "insert rule {place} {}{} dport {} accept comment \"{}\"",
        from.unwrap_or_default(),
        rule.opening.protocol,
        rule.opening.port,
        rule.comment()
    )
}

/// All of them at once, or none.
fn load(lines: &[String]) -> Option<Action> {
    let script = format!("nft -f - <<'END'\n{}\nEND\n", lines.join("\n"));
    (!lines.is_empty()).then_some(Action::Run { script })
}

/// Whether a rule drops everything that reaches it, or sends it to a chain that may.
fn may_drop(expr: &[Value]) -> bool {
    let is = |name: &str| expr.iter().any(|part| part.get(name).is_some());
    let conditional = is("match") || is("limit");
    is("jump") || is("goto") || ((is("drop") || is("reject")) && !conditional)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opening::Opening;

    /// A chain with a policy, and two rules: one of the machine's own, one of ours.
    fn ruleset(policy: &str, own: &str, ours: &str) -> String {
        let ours = if ours.is_empty() {
            String::new()
        } else {
            format!(
                r#",{{"rule":{{"family":"inet","table":"filter","chain":"input","handle":7,"comment":"{ours}","expr":[{{"accept":null}}]}}}}"#
            )
        };
        format!(
            r#"{{"nftables":[{{"metainfo":{{"version":"1.0.6"}}}},{{"table":{{"family":"inet","name":"filter","handle":1}}}},
            {{"chain":{{"family":"inet","table":"filter","name":"input","handle":1,"type":"filter","hook":"input","prio":0,"policy":"{policy}"}}}},
            {{"chain":{{"family":"inet","table":"filter","name":"forward","handle":2,"type":"filter","hook":"forward","prio":0,"policy":"drop"}}}},
            {{"rule":{{"family":"inet","table":"filter","chain":"input","handle":4,"expr":[{own}]}}}}{ours}]}}"#
        )
    }

    fn read(ruleset: &str, configuration: &str, file: Option<&str>) -> Option<Nftables> {
        let configuration = ("/etc/nftables.conf".to_string(), 0o755, configuration.to_string());
        Nftables::read(ruleset, configuration, file.map(str::to_string)).unwrap()
    }

    #[test]
    fn only_chains_that_can_drop_matter() {
        for (policy, own, want) in [
            ("drop", r#"{"accept":null}"#, true),
            ("accept", r#"{"accept":null}"#, false),
            ("accept", r#"{"match":{}},{"drop":null}"#, false),
            ("accept", r#"{"counter":{}},{"drop":null}"#, true),
            ("accept", r#"{"reject":{"type":"icmpx"}}"#, true),
            ("accept", r#"{"jump":{"target":"more"}}"#, true),
        ] {
            assert_eq!(read(&ruleset(policy, own, ""), "", None).is_some(), want, "{policy} {own}");
        }
        assert_eq!(read(r#"{"nftables":[]}"#, "", None), None);
    }

    #[test]
    fn only_what_is_missing_is_added() {
        let rules = Rule::all(MemberRole::Gateway, &[Opening::tcp(3_389)], &[]);
        let some = Rule::all(MemberRole::Gateway, &[Opening::tcp(3_389)], &["10.0.0.0/8".parse().unwrap()]);
        let line = "insert rule inet filter input tcp dport 3389 accept comment \"hostler gateway 3389/tcp\"";
        let file = format!("{HEAD}{line}\n");
        let included = "flush ruleset\ninclude \"/etc/hostler/firewall.nft\"\n";
        let accept = r#"{"accept":null}"#;
        let write = |path: &str, mode, text: &str, check: &str| Action::Write {
            path: path.into(),
            mode,
            text: text.into(),
            check: check.into(),
        };
        let now = |line: &str| Action::Run { script: format!("nft -f - <<'END'\n{line}\nEND\n") };
        let fresh = read(&ruleset("drop", accept, ""), "flush ruleset", None).unwrap();
        assert_eq!(
            fresh.open(&rules),
            [
                write(FILE, 0o644, &file, ""),
                write("/etc/nftables.conf", 0o755, included, "nft -c -f \"$new\""),
                now(line),
            ]
        );
        let there = read(&ruleset("drop", accept, "hostler gateway 3389/tcp"), included, Some(&file)).unwrap();
        assert_eq!(there.open(&rules), []);
        let narrow = "insert rule inet filter input ip saddr 10.0.0.0/8 tcp dport 3389 accept comment \"hostler gateway 3389/tcp from 10.0.0.0/8\"";
        assert_eq!(there.open(&some), [write(FILE, 0o644, &format!("{file}{narrow}\n"), ""), now(narrow)]);
        // Somebody loaded the machine's own rules by hand, without ours.
        let lost = read(&ruleset("drop", accept, ""), included, Some(&file)).unwrap();
        assert_eq!(lost.open(&rules), [now(line)]);
        assert_eq!(
            there.close(MemberRole::Gateway),
            [write(FILE, 0o644, HEAD, ""), now("delete rule inet filter input handle 7")]
        );
        assert_eq!(there.close(MemberRole::Broker), []);
    }
}
