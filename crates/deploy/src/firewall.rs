//! Opening a machine's firewall for exactly the ports of its roles, with whatever rules the machine.

mod cidr;
mod firewalld;
mod nftables;
mod ufw;

pub use cidr::{Cidr, CidrError};
pub(crate) use firewalld::Firewalld;
pub(crate) use nftables::{FILE as NFT_FILE, Nftables, OWN_CONFIGURATIONS};
pub(crate) use ufw::Ufw;

use crate::opening::Opening;
use crate::step::Action;
use hostler_model::MemberRole;

/// What rules a machine's network.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Firewall {
    /// Nothing: all ports are open.
    #[default]
    None,
    /// Nobody has looked.
    Unknown,
    /// ufw.
    Ufw(Ufw),
    /// firewalld.
    Firewalld(Firewalld),
    /// nftables, by the machine's own rules.
    Nftables(Nftables),
    /// Something that this program can't change in a way that lasts.
    Foreign {
        /// What it is.
        what: String,
    },
}

/// One thing to let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rule {
    pub(crate) role: MemberRole,
    pub(crate) opening: Opening,
    /// From where; from everywhere unless given.
    pub(crate) from: Option<Cidr>,
}

impl Rule {
    /// All rules for a role.
    pub(crate) fn all(role: MemberRole, openings: &[Opening], from: &[Cidr]) -> Vec<Self> {
        let mut sources: Vec<Option<Cidr>> = from.iter().copied().map(Some).collect();
        if sources.is_empty() {
            sources.push(None);
        }
        let rule = |opening: &Opening, from| Self { role, opening: *opening, from };
        openings.iter().flat_map(|opening| sources.iter().map(move |from| rule(opening, *from))).collect()
    }

    /// What marks it among the machine's other rules.
    pub(crate) fn comment(&self) -> String {
        let from = self.from.map(|from| format!(" from {from}")).unwrap_or_default();
        format!("{}{}{from}", comment_of(self.role), self.opening)
    }
}

/// What the comments of all rules of a role begin with.
fn comment_of(role: MemberRole) -> String {
    format!("hostler {role} ")
}

impl Firewall {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::None => "nothing",
            Self::Unknown => "something unknown",
            Self::Ufw(_) => "ufw",
            Self::Firewalld(_) => "firewalld",
            Self::Nftables(_) => "nftables",
            Self::Foreign { what } => what,
        }
    }

    /// What has to be done so that these are let in; nothing where they are.
    pub(crate) fn open(&self, rules: &[Rule]) -> Vec<Action> {
        match self {
            Self::None | Self::Foreign { .. } => Vec::new(),
            Self::Unknown => by_hand(rules),
            Self::Ufw(ufw) => ufw.open(rules),
            Self::Firewalld(firewalld) => firewalld.open(rules),
            Self::Nftables(nftables) => nftables.open(rules),
        }
    }

    /// What has to be done so that nothing is let in any more for this role.
    pub(crate) fn close(&self, role: MemberRole, openings: &[Opening]) -> Vec<Action> {
        match self {
            Self::None | Self::Unknown | Self::Foreign { .. } => Vec::new(),
            Self::Ufw(ufw) => ufw.close(role),
            Self::Firewalld(firewalld) => firewalld.close(openings),
            Self::Nftables(nftables) => nftables.close(role),
        }
    }
}

/// The same for each firewall that may be there, for people to choose from.
fn by_hand(rules: &[Rule]) -> Vec<Action> {
    let script = |actions: Vec<Action>| -> String {
        let scripts = actions.into_iter().map(|action| match action {
            Action::Run { script } => script,
            _ => String::new(),
        });
        scripts.map(|script| script.lines().map(|line| format!("    {line}\n")).collect::<String>()).collect()
    };
    let lines: String =
        rules.iter().map(|rule| format!("    #   {}\n", nftables::line("inet filter input", rule))).collect();
    let text = format!(
        "if ufw status 2>/dev/null | grep -q '^Status: active'; then\n{}\
         elif firewall-cmd --state >/dev/null 2>&1; then\n{}\
         else\n    # Where nftables drops what comes in, put these lines behind the rules in /etc/nftables.conf, with the\n    \
         # family, the table and the chain that are there, and load it: systemctl reload nftables\n{lines}    :\nfi\n",
        script(Ufw::default().open(rules)),
        script(Firewalld::default().open(rules)),
    );
    vec![Action::Run { script: text }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule_for_each_port_and_source() {
        let from = |text: &str| text.parse::<Cidr>().unwrap();
        let rules = |from: &[Cidr]| -> Vec<String> {
            Rule::all(MemberRole::Gateway, &[Opening::tcp(3_389), Opening::tcp(443)], from)
                .iter()
                .map(Rule::comment)
                .collect()
        };
        assert_eq!(rules(&[]), ["hostler gateway 3389/tcp", "hostler gateway 443/tcp"]);
        assert_eq!(
            rules(&[from("10.0.0.0/8"), from("2001:db8::1")]),
            [
                "hostler gateway 3389/tcp from 10.0.0.0/8",
                "hostler gateway 3389/tcp from 2001:db8::1/128",
                "hostler gateway 443/tcp from 10.0.0.0/8",
                "hostler gateway 443/tcp from 2001:db8::1/128",
            ]
        );
    }
}
