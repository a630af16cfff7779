//! firewalld: ports and rich rules of the default zone, now and for the next start.

use super::Rule;
use crate::opening::Opening;
use crate::shell::quote;
use crate::step::Action;

/// firewalld, while it runs. Each list is told twice: as it is now, and as it will be after the next start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Firewalld {
    /// `--list-ports`.
    pub(crate) ports: [Vec<String>; 2],
    /// `--list-rich-rules`.
    pub(crate) rich: [Vec<String>; 2],
}

/// What chooses the configuration that is meant.
const NOW: &str = "";
const LATER: &str = " --permanent";

impl Firewalld {
    /// From what the two lists print, each now and for the next start.
    pub(crate) fn read(ports: [&str; 2], rich: [&str; 2]) -> Self {
        Self {
            ports: ports.map(|text| text.split_whitespace().map(str::to_string).collect()),
            rich: rich.map(|text| text.lines().map(str::to_string).filter(|line| !line.is_empty()).collect()),
        }
    }

    pub(super) fn open(&self, rules: &[Rule]) -> Vec<Action> {
        calls(|nth| {
            let missing = rules.iter().filter_map(|rule| match rule.from {
                None if covers(&self.ports[nth], rule.opening) => None,
                None => Some(format!(" --add-port={}", rule.opening)),
                Some(_) if self.rich[nth].contains(&rich(rule)) => None,
                Some(_) => Some(format!(" --add-rich-rule={}", quote(&rich(rule)))),
            });
            vec![missing.collect()]
        })
    }

    pub(super) fn close(&self, openings: &[Opening]) -> Vec<Action> {
        calls(|nth| {
            let ports = openings.iter().filter(|opening| covers(&self.ports[nth], **opening));
            let ours = |rule: &&String| {
                rule.contains(" source address=") && openings.iter().any(|opening| rule.ends_with(&tail(*opening)))
            };
            let rich = self.rich[nth].iter().filter(ours);
            vec![
                ports.map(|opening| format!(" --remove-port={opening}")).collect(),
                rich.map(|rule| format!(" --remove-rich-rule={}", quote(rule))).collect(),
            ]
        })
    }
}

/// One call for each list of options that is not empty, first for the next start, then for now: each takes a second.
fn calls(options: impl Fn(usize) -> Vec<String>) -> Vec<Action> {
    let mut script = String::new();
    for (nth, when) in [(1, LATER), (0, NOW)] {
        for options in options(nth).into_iter().filter(|options| !options.is_empty()) {
            script.push_str(&format!("firewall-cmd --quiet{when}{options}\n"));
        }
    }
    if script.is_empty() { Vec::new() } else { vec![Action::Run { script }] }
}

/// A rule with a source, as firewalld prints it.
fn rich(rule: &Rule) -> String {
    let Some(from) = rule.from else { return String::new() };
    let family = if from.is_v6() { "ipv6" } else { "ipv4" };
    format!("rule family=\"{family}\" source address=\"{from}\"{}", tail(rule.opening))
}

fn tail(opening: Opening) -> String {
    format!(" port port=\"{}\" protocol=\"{}\" accept", opening.port, opening.protocol)
}

/// Whether a port is in the list, alone or in a range: firewalld joins neighbours.
fn covers(ports: &[String], opening: Opening) -> bool {
    let suffix = format!("/{}", opening.protocol);
    ports.iter().filter_map(|entry| entry.strip_suffix(&suffix)).any(|numbers| {
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&opening.port),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_model::MemberRole;

    fn script(actions: Vec<Action>) -> String {
        match actions.as_slice() {
            [] => String::new(),
            [Action::Run { script }] => script.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_missing_is_added() {
        let openings = [Opening::udp(20_003), Opening::tcp(20_002)];
        let everybody = Rule::all(MemberRole::Broker, &openings, &[]);
        let some = Rule::all(MemberRole::Broker, &openings[1..], &["10.0.0.0/8".parse().unwrap()]);
        let rich = "rule family=\"ipv4\" source address=\"10.0.0.0/8\" port port=\"20002\" protocol=\"tcp\" accept";
        let there = Firewalld::read(["20001-20003/udp 20002/tcp", "20003/udp"], [rich, ""]);
        for (firewalld, rules, want) in [
            (
                &Firewalld::default(),
                &everybody,
                "firewall-cmd --quiet --permanent --add-port=20003/udp --add-port=20002/tcp\n\
                 firewall-cmd --quiet --add-port=20003/udp --add-port=20002/tcp\n",
            ),
            (&there, &everybody, "firewall-cmd --quiet --permanent --add-port=20002/tcp\n"),
            (
                &there,
                &some,
                "firewall-cmd --quiet --permanent --add-rich-rule='rule family=\"ipv4\" source address=\"10.0.0.0/8\" \
                 port port=\"20002\" protocol=\"tcp\" accept'\n",
            ),
        ] {
            assert_eq!(script(firewalld.open(rules)), want);
        }
        assert_eq!(
            script(there.close(&openings)),
            "firewall-cmd --quiet --permanent --remove-port=20003/udp\n\
             firewall-cmd --quiet --remove-port=20003/udp --remove-port=20002/tcp\n\
             firewall-cmd --quiet --remove-rich-rule='rule family=\"ipv4\" source address=\"10.0.0.0/8\" port \
             port=\"20002\" protocol=\"tcp\" accept'\n"
        );
    }
}
