//! Plans on a machine that only writes down what it is told.

use super::*;
use crate::farm::{FarmError, JoinSecret};
use crate::machine::{MachineError, Ran};
use crate::plan::plan;
use crate::testing::{facts, wanted};
use std::sync::Mutex;

/// Writes down scripts and what they were given; fails where a script has a certain text.
#[derive(Default)]
struct Paper {
    told: Mutex<Vec<(String, usize)>>,
    fails_at: &'static str,
}

impl Machine for Paper {
    fn name(&self) -> &str {
        "b2"
    }

    async fn run(&self, script: &str, stdin: &[u8]) -> Result<Ran, MachineError> {
        self.told.lock().unwrap().push((script.to_string(), stdin.len()));
        if !self.fails_at.is_empty() && script.contains(self.fails_at) {
            return Ok(Ran { code: Some(1), out: String::new(), err: "no space left\n".into() });
        }
        let out = if script.contains(" service status ") { r#"{"id":"me"}"# } else { "" };
        Ok(Ran { code: Some(0), out: out.into(), err: String::new() })
    }
}

/// A farm that sees everybody after a while.
#[derive(Default)]
struct Everybody {
    calls: Mutex<Vec<String>>,
    seen: Mutex<Vec<Standing>>,
}

impl Everybody {
    fn note(&self, text: String) {
        self.calls.lock().unwrap().push(text);
    }
}

impl Farm for Everybody {
    async fn token(&self, role: MemberRole) -> Result<JoinSecret, FarmError> {
        self.note(format!("token {role}"));
        Ok(JoinSecret { id: "t1".into(), text: "hostler_secret".into() })
    }

    async fn revoke(&self, token: &JoinSecret) -> Result<(), FarmError> {
        self.note(format!("revoke {token:?}"));
        Ok(())
    }

    async fn standing(&self, role: MemberRole, id: &str) -> Result<Standing, FarmError> {
        self.note(format!("standing {role} {id}"));
        Ok(self.seen.lock().unwrap().pop().unwrap_or(Standing::Up))
    }

    async fn remove(&self, role: MemberRole, id: &str) -> Result<(), FarmError> {
        self.note(format!("remove {role} {id}"));
        Ok(())
    }
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Watch for Lines {
    fn begin(&mut self, step: &Step) {
        self.0.push(format!("{} …", step.name));
    }

    fn end(&mut self, _: &Step, ending: &Ending) {
        self.0.push(format!("{ending:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_done_and_shown() {
    let (paper, farm, mut lines) = (Paper::default(), Everybody::default(), Lines::default());
    *farm.seen.lock().unwrap() = vec![Standing::Up, Standing::Behind(7), Standing::Down, Standing::Unknown];
    let mut facts = facts();
    facts.user = true;
    let steps = plan(&wanted(&[MemberRole::Broker]), &facts);
    let report = run(&paper, Some(&farm), b"the program", &steps, &mut lines).await.unwrap();
    assert_eq!(
        report.done,
        [
            "the program",
            "the configuration /etc/hostler/hostler.toml",
            "the folders in /var/lib/hostler",
            "joining as broker",
            "the service hostler-broker.service"
        ]
    );
    assert_eq!(lines.0[..4], ["the account hostler …", "Already", "the program …", "Done"]);
    let told = paper.told.lock().unwrap();
    // The token goes over standard input and is in no script.
    let (join, given) = told.iter().find(|(script, _)| script.contains(" join - ")).unwrap();
    assert_eq!((*given, told.iter().any(|(script, _)| script.contains("hostler_secret"))), (14, false), "{join}");
    let standing = "standing broker me".to_string();
    assert_eq!(
        *farm.calls.lock().unwrap(),
        ["token broker".to_string(), standing.clone(), standing.clone(), standing.clone(), standing]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_how_to_go_on() {
    let paper = Paper { fails_at: " join - ", ..Paper::default() };
    let farm = Everybody::default();
    let steps = plan(&wanted(&[MemberRole::Agent]), &facts());
    let error = run(&paper, Some(&farm), b"", &steps, &mut Lines::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "joining as agent failed: no space left\n  \
           done:       the program; the configuration /etc/hostler/hostler.toml; the folders in /var/lib/hostler\n  \
           not done:   joining as agent; the service hostler-agent.service; waiting until the farm sees the agent\n  \
           to resume:  see that the machine reaches the broker that gives out the tokens on 20001/udp, and that both \
         clocks are right; then give the same command again: what is done is not done twice"
    );
    assert_eq!(*farm.calls.lock().unwrap(), ["token agent", "revoke JoinSecret(t1, …)"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_never_comes_up_is_told_with_its_last_words() {
    let farm = Everybody::default();
    *farm.seen.lock().unwrap() = vec![Standing::Down; 1_000];
    let steps = plan(&wanted(&[MemberRole::Gateway]), &facts());
    let error = run(&Paper::default(), Some(&farm), b"", &steps, &mut Lines::default()).await.unwrap_err();
    assert_eq!(error.why, "the farm does not hear from the gateway me, after 60 s. Its last words:\n");
    assert_eq!(error.not_done, ["waiting until the farm sees the gateway"]);
}

#[tokio::test]
async fn one_that_joined_by_half_is_removed_first() {
    let (paper, farm) = (Paper::default(), Everybody::default());
    let mut facts = facts();
    facts.roles.insert(MemberRole::Gateway, crate::survey::RoleFacts { key: true, ..Default::default() });
    let steps = plan(&wanted(&[MemberRole::Gateway]), &facts);
    run(&paper, Some(&farm), b"", &steps, &mut Lines::default()).await.unwrap();
    assert_eq!(
        *farm.calls.lock().unwrap(),
        ["standing gateway me", "remove gateway me", "token gateway", "standing gateway me"]
    );
    let told = paper.told.lock().unwrap();
    assert!(told.iter().any(|(script, _)| script == "rm -f /var/lib/hostler/gateway/key\n"));
}
