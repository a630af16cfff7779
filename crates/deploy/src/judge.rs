//! Whether a machine can become what is wanted: what speaks against it, and what people should know.

use crate::firewall::{Firewall, Rule};
use crate::survey::Facts;
use crate::wanted::{PROGRAM, Wanted};
use hostler_model::{MemberRole, limits};

/// Room for keys, a log and its growth for a while, in KiB.
const DATA_ROOM_KIB: u64 = 256 * 1_024;
/// How far a clock may be off, in ms, before a broker would refuse to author or its events be held.
const CLOCK_REFUSE_MS: u64 = limits::CLOCK_REFUSE_AHEAD_MS;

/// What is to be said about a machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Judgement {
    /// What it is, in one line.
    pub summary: String,
    /// What must be put right before.
    pub problems: Vec<String>,
    /// What people should know.
    pub warnings: Vec<String>,
}

/// Judges a machine.
#[must_use]
pub fn judge(wanted: &Wanted, facts: &Facts) -> Judgement {
    let mut judgement = Judgement { summary: summary(facts), ..Judgement::default() };
    let Judgement { problems, warnings, .. } = &mut judgement;
    hardware(wanted, facts, problems);
    clock(facts, problems, warnings);
    for role in &wanted.roles {
        membership(wanted, facts, role.role, problems);
        if role.role == MemberRole::Agent {
            warnings.extend(role.openings.iter().filter(|port| !facts.listening.contains(port)).map(|port| {
                format!(
                    "nothing listens on {port}, where sessions are expected: install xrdp, or say --address HOST:PORT"
                )
            }));
        } else if !facts.role(role.role).active {
            problems.extend(role.openings.iter().filter(|port| facts.listening.contains(port)).map(|port| {
                format!("port {port} is taken, and the {} needs it: see who has it with `ss -lnp`", role.role)
            }));
        }
    }
    firewall(wanted, facts, problems, warnings);
    judgement
}

fn summary(facts: &Facts) -> String {
    let (ahead, maybe) = facts.clock_ahead_ms;
    format!(
        "{}, {}, {} MiB free, clock {ahead:+} ms (±{maybe})",
        facts.system,
        facts.architecture,
        facts.data_room_kib / 1_024
    )
}

fn hardware(wanted: &Wanted, facts: &Facts, problems: &mut Vec<String>) {
    if facts.architecture != wanted.program.architecture {
        problems.push(format!(
            "the machine is {}, and the program {} is for {}: give one for it with --program FILE",
            facts.architecture,
            wanted.program.path.display(),
            wanted.program.architecture
        ));
    }
    let program_kib = wanted.program.bytes / 1_024 + 1;
    let there = facts.program.as_deref() == Some(&wanted.program.sha256);
    if !there && facts.program_room_kib < program_kib {
        problems.push(format!("{PROGRAM} needs {program_kib} KiB, and there are {}", facts.program_room_kib));
    }
    if facts.data_room_kib < DATA_ROOM_KIB {
        problems.push(format!(
            "{} needs {} MiB, and there are {}",
            wanted.config.data_dir,
            DATA_ROOM_KIB / 1_024,
            facts.data_room_kib / 1_024
        ));
    }
}

fn clock(facts: &Facts, problems: &mut Vec<String>, warnings: &mut Vec<String>) {
    let (ahead, maybe) = facts.clock_ahead_ms;
    let off = ahead.unsigned_abs().saturating_sub(maybe);
    let how = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!("its clock is {} ms {how} this machine's: set up NTP on both", ahead.unsigned_abs());
    if off > CLOCK_REFUSE_MS {
        problems.push(text);
    } else if off > limits::CLOCK_WARN_MS {
        warnings.push(text);
    }
}

fn membership(wanted: &Wanted, facts: &Facts, role: MemberRole, problems: &mut Vec<String>) {
    let (Some(site), Some(member)) = (&wanted.site, facts.role(role).member) else { return };
    if *site != member.site {
        problems.push(format!(
            "it is a {role} of another farm or site already ({}, as {}): take that away first (hostler service \
             uninstall {role}; then move {}/{role} away)",
            member.farm,
            member.name,
            wanted.config.data_dir.trim_end_matches('/')
        ));
    }
}

fn firewall(wanted: &Wanted, facts: &Facts, problems: &mut Vec<String>, warnings: &mut Vec<String>) {
    let ports = || {
        let all = wanted.roles.iter().flat_map(|role| role.openings.iter().map(ToString::to_string));
        all.collect::<Vec<_>>().join(", ")
    };
    let name = facts.firewall.name();
    if let Firewall::Foreign { .. } = &facts.firewall {
        let text =
            format!("{name} may drop what comes in, and this program can't change that for good: open {}", ports());
        if wanted.open_firewall { problems.push(text) } else { warnings.push(text) }
    } else if !wanted.open_firewall {
        let closed = |role: &crate::wanted::RoleWanted| {
            !facts.firewall.open(&Rule::all(role.role, &role.openings, &[])).is_empty()
        };
        if wanted.roles.iter().any(closed) {
            warnings
                .push(format!("{name} rules its network: where you have not opened {}, give --open-firewall", ports()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opening::Opening;
    use crate::survey::{Member, RoleFacts};
    use crate::testing::{facts, wanted};

    #[test]
    fn a_fit_machine() {
        let judgement = judge(&wanted(&[MemberRole::Broker]), &facts());
        let summary = "Debian GNU/Linux 12 (bookworm), x86_64, 4096 MiB free, clock +3 ms (±1)".to_string();
        assert_eq!(judgement, Judgement { summary, ..Judgement::default() });
    }

    #[test]
    fn what_speaks_against_a_machine() {
        let broker = |facts: &mut Facts, role: RoleFacts| drop(facts.roles.insert(MemberRole::Broker, role));
        let member = |site: &str| Some(Member { farm: "Other".into(), site: site.into(), name: "b9".into() });
        type Change<'a> = &'a dyn Fn(&mut Facts);
        let cases: [(Change<'_>, &[&str], &[&str]); 11] = [
            (
                &|f| f.architecture = "aarch64".into(),
                &[
                    "the machine is aarch64, and the program /opt/hostler is for x86_64: give one for it with --program FILE",
                ],
                &[],
            ),
            (&|f| f.program_room_kib = 10, &["/usr/local/bin/hostler needs 20001 KiB, and there are 10"], &[]),
            (
                &|f| {
                    f.program_room_kib = 10;
                    f.program = Some("5ha".into());
                },
                &[],
                &[],
            ),
            (&|f| f.data_room_kib = 2_048, &["/var/lib/hostler needs 256 MiB, and there are 2"], &[]),
            (
                &|f| f.clock_ahead_ms = (-61_000, 2),
                &["its clock is 61000 ms behind this machine's: set up NTP on both"],
                &[],
            ),
            (
                &|f| f.clock_ahead_ms = (600, 2),
                &[],
                &["its clock is 600 ms ahead of this machine's: set up NTP on both"],
            ),
            (&|f| f.clock_ahead_ms = (600, 200), &[], &[]),
            (
                &|f| f.listening = [Opening::udp(20_030), Opening::tcp(20_030)].into(),
                &["port 20030/udp is taken, and the broker needs it: see who has it with `ss -lnp`"],
                &[],
            ),
            (
                &|f| {
                    f.listening = [Opening::udp(20_030)].into();
                    broker(f, RoleFacts { active: true, member: member("site"), ..RoleFacts::default() });
                },
                &[],
                &[],
            ),
            (
                &|f| broker(f, RoleFacts { member: member("elsewhere"), ..RoleFacts::default() }),
                &[
                    "it is a broker of another farm or site already (Other, as b9): take that away first (hostler service \
                   uninstall broker; then move /var/lib/hostler/broker away)",
                ],
                &[],
            ),
            (
                &|f| f.firewall = Firewall::Ufw(crate::firewall::Ufw::default()),
                &[],
                &["ufw rules its network: where you have not opened 20001/udp, 20002/tcp, 20002/udp, 20003/udp, \
                   20030/udp, give --open-firewall"],
            ),
        ];
        for (change, problems, warnings) in cases {
            let mut facts = facts();
            change(&mut facts);
            let judgement = judge(&wanted(&[MemberRole::Broker]), &facts);
            assert_eq!((judgement.problems, judgement.warnings), (strings(problems), strings(warnings)));
        }
    }

    #[test]
    fn what_depends_on_what_is_wanted() {
        let agent = judge(&wanted(&[MemberRole::Agent]), &facts());
        assert_eq!(
            agent.warnings,
            ["nothing listens on 3389/tcp, where sessions are expected: install xrdp, or say --address HOST:PORT"]
        );
        let mut facts = facts();
        facts.firewall = Firewall::Foreign { what: "iptables".into() };
        let text = "iptables may drop what comes in, and this program can't change that for good: open 3389/tcp";
        let mut wanted = wanted(&[MemberRole::Gateway]);
        assert_eq!(judge(&wanted, &facts).warnings, [text]);
        wanted.open_firewall = true;
        assert_eq!(judge(&wanted, &facts).problems, [text]);
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }
}
