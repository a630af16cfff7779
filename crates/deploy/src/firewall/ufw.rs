//! ufw: its rules are told by `ufw show added`, in the words in which they were given.

use super::{Rule, comment_of};
use crate::shell::quote;
use crate::step::Action;
use hostler_model::MemberRole;

/// ufw, while it is active.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ufw {
    /// The lines of `ufw show added` that are rules.
    pub(crate) added: Vec<String>,
}

impl Ufw {
    /// From what `ufw show added` prints.
    pub(crate) fn read(text: &str) -> Self {
        Self {
            added: text.lines().map(str::trim).filter(|line| line.starts_with("ufw ")).map(str::to_string).collect(),
        }
    }

    pub(super) fn open(&self, rules: &[Rule]) -> Vec<Action> {
        let missing = rules.iter().filter(|rule| !self.has(rule));
        let script: String =
            missing.map(|rule| format!("{} comment {}\n", words(rule), quote(&rule.comment()))).collect();
        run(script)
    }

    pub(super) fn close(&self, role: MemberRole) -> Vec<Action> {
        let mark = format!(" comment '{}", comment_of(role));
        let ours = self.added.iter().filter_map(|line| line.split_once(&mark));
        run(ours.map(|(rule, _)| format!("{}\n", rule.replacen("ufw ", "ufw delete ", 1))).collect())
    }

    /// Whether it is there, with whatever comment: ufw takes two that differ in it for one.
    fn has(&self, rule: &Rule) -> bool {
        let words = words(rule);
        self.added.iter().any(|line| line.split_once(" comment ").map_or(line.as_str(), |(rule, _)| rule) == words)
    }
}

fn words(rule: &Rule) -> String {
    match rule.from {
        None => format!("ufw allow {}", rule.opening),
        Some(from) => {
            // As ufw prints it: an address alone has no length.
            let from = from.to_string();
            let from = from.strip_suffix("/32").or_else(|| from.strip_suffix("/128")).unwrap_or(&from);
            format!("ufw allow from {from} to any port {} proto {}", rule.opening.port, rule.opening.protocol)
        }
    }
}

fn run(script: String) -> Vec<Action> {
    if script.is_empty() { Vec::new() } else { vec![Action::Run { script }] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opening::Opening;

    const ADDED: &str = "Added user rules (see 'ufw status' for running firewall):\n\
        ufw allow 22/tcp\n\
        ufw allow 20001/udp comment 'hostler broker 20001/udp'\n\
        ufw allow from 10.0.0.0/8 to any port 20002 proto tcp comment 'hostler broker 20002/tcp from 10.0.0.0/8'\n\
        ufw allow 3389/tcp comment 'hostler gateway 3389/tcp'\n";

    #[test]
    fn only_what_is_missing_is_added() {
        let rules = |from: &[super::super::Cidr]| {
            Rule::all(MemberRole::Broker, &[Opening::udp(20_001), Opening::tcp(20_002)], from)
        };
        let net = "10.0.0.0/8".parse().unwrap();
        let one = "10.0.0.7".parse().unwrap();
        let script = |actions: Vec<Action>| match actions.as_slice() {
            [] => String::new(),
            [Action::Run { script }] => script.clone(),
            other => panic!("{other:?}"),
        };
        let ufw = Ufw::read(ADDED);
        for (ufw, rules, want) in [
            (
                &Ufw::default(),
                rules(&[]),
                "ufw allow 20001/udp comment 'hostler broker 20001/udp'\nufw allow 20002/tcp comment 'hostler broker 20002/tcp'\n",
            ),
            (&ufw, rules(&[]), "ufw allow 20002/tcp comment 'hostler broker 20002/tcp'\n"),
            (
                &ufw,
                rules(&[net]),
                "ufw allow from 10.0.0.0/8 to any port 20001 proto udp comment 'hostler broker 20001/udp from 10.0.0.0/8'\n",
            ),
            (
                &ufw,
                rules(&[one])[1..].to_vec(),
                "ufw allow from 10.0.0.7 to any port 20002 proto tcp comment 'hostler broker 20002/tcp from 10.0.0.7/32'\n",
            ),
            (&ufw, Rule::all(MemberRole::Gateway, &[Opening::tcp(3_389)], &[]), ""),
        ] {
            assert_eq!(script(ufw.open(&rules)), want);
        }
        assert_eq!(
            script(ufw.close(MemberRole::Broker)),
            "ufw delete allow 20001/udp\nufw delete allow from 10.0.0.0/8 to any port 20002 proto tcp\n"
        );
        assert_eq!(ufw.close(MemberRole::Agent), []);
    }
}
