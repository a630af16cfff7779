//! Carries out a plan, step by step, and says how far it came.

use crate::farm::{Farm, Standing};
use crate::machine::Machine;
use crate::step::{Action, HalfJoined, Step};
use hostler_model::MemberRole;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// How long the farm may take to see a new member, in ms.
const SEEN_MS: u64 = 60_000;
/// How often it is asked, in ms.
const LOOK_MS: u64 = 300;

/// What came of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It was so already.
    Already,
    /// It was done.
    Done,
    /// It has to be done by hand.
    ByHand(String),
    /// It failed.
    Failed,
}

/// Whoever is shown what goes on.
pub trait Watch {
    /// A step begins.
    fn begin(&mut self, step: &Step);
    /// A step has ended.
    fn end(&mut self, step: &Step, ending: &Ending);
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The steps that changed something.
    pub done: Vec<String>,
    /// What is left for people.
    pub by_hand: Vec<String>,
}

/// A step failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunError {
    /// Which.
    pub step: String,
    /// Why.
    pub why: String,
    /// The steps before it.
    pub done: Vec<String>,
    /// The steps that were not done, this one first.
    pub not_done: Vec<String>,
    /// What to look at.
    pub resume: String,
}

impl std::error::Error for RunError {}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| if names.is_empty() { "nothing".to_string() } else { names.join("; ") };
        writeln!(f, "{} failed: {}", self.step, self.why)?;
        writeln!(f, "  done:       {}", list(&self.done))?;
        writeln!(f, "  not done:   {}", list(&self.not_done))?;
        write!(f, "  to resume:  {}; then give the same command again: what is done is not done twice", self.resume)
    }
}

/// Carries out a plan. `program` are the bytes of the program.
///
/// # Errors
/// [`RunError`] for the first step that fails.
pub async fn run<M: Machine, F: Farm, W: Watch>(
    machine: &M,
    farm: Option<&F>,
    program: &[u8],
    steps: &[Step],
    watch: &mut W,
) -> Result<Report, RunError> {
    let mut report = Report::default();
    let runner = Runner { machine, farm, program };
    for (nth, step) in steps.iter().enumerate() {
        watch.begin(step);
        match runner.step(step).await {
            Ok(ending) => {
                watch.end(step, &ending);
                match ending {
                    Ending::Done if !step.is_done() => report.done.push(step.name.clone()),
                    Ending::ByHand(say) => report.by_hand.push(say),
                    _ => {}
                }
            }
            Err(why) => {
                watch.end(step, &Ending::Failed);
                let names = |steps: &[Step]| steps.iter().map(|step| step.name.clone()).collect();
                return Err(RunError {
                    step: step.name.clone(),
                    why,
                    done: names(&steps[..nth]),
                    not_done: names(&steps[nth..]),
                    resume: step.resume.clone(),
                });
            }
        }
    }
    Ok(report)
}

struct Runner<'a, M, F> {
    machine: &'a M,
    farm: Option<&'a F>,
    program: &'a [u8],
}

impl<M: Machine, F: Farm> Runner<'_, M, F> {
    async fn step(&self, step: &Step) -> Result<Ending, String> {
        let mut ending = Ending::Already;
        for action in &step.actions {
            match action {
                Action::ByHand { say } => ending = Ending::ByHand(say.clone()),
                other => {
                    self.action(other).await?;
                    ending = Ending::Done;
                }
            }
        }
        Ok(ending)
    }

    async fn action(&self, action: &Action) -> Result<(), String> {
        match action {
            Action::Run { script } => self.machine.must(script, &[]).await.map(drop).map_err(text),
            Action::Write { path, mode, text: content, check } => {
                self.machine.copy(content.as_bytes(), path, *mode, check).await.map_err(text)
            }
            Action::CopyProgram { path } => {
                // Before it takes the place of one that works: that it starts at all there.
                let check = "\"$new\" --version >/dev/null";
                self.machine.copy(self.program, path, 0o755, check).await.map_err(text)
            }
            Action::Join { role, script, half_joined, .. } => self.join(*role, script, half_joined.as_ref()).await,
            Action::Wait { role, script, why } => self.wait(*role, script, why).await,
            Action::ByHand { .. } => Ok(()),
        }
    }

    fn farm(&self) -> Result<&F, String> {
        self.farm.ok_or_else(|| "no farm is known to join".to_string())
    }

    async fn join(&self, role: MemberRole, script: &str, half: Option<&HalfJoined>) -> Result<(), String> {
        let farm = self.farm()?;
        if let Some(half) = half {
            let id = self.id(&half.who).await?;
            if farm.standing(role, &id).await.map_err(text)? != Standing::Unknown {
                farm.remove(role, &id).await.map_err(text)?;
            }
            self.machine.must(&half.forget, &[]).await.map_err(text)?;
        }
        let token = farm.token(role).await.map_err(text)?;
        let joined = self.machine.must(script, token.text.as_bytes()).await;
        if joined.is_err() {
            // It may have been used all the same; then there is nothing to revoke, and what went wrong is told below.
            let _ = farm.revoke(&token).await;
        }
        joined.map(drop).map_err(text)
    }

    /// The machine's id in a role.
    async fn id(&self, script: &str) -> Result<String, String> {
        let told = self.machine.must(script, &[]).await.map_err(text)?;
        let id = serde_json::from_str::<Value>(&told).ok().and_then(|told| Some(told["id"].as_str()?.to_string()));
        id.ok_or_else(|| format!("the program there does not say who the machine is: {}", told.trim()))
    }

    async fn wait(&self, role: MemberRole, script: &str, why: &str) -> Result<(), String> {
        let farm = self.farm()?;
        let id = self.id(script).await?;
        let end = Instant::now() + Duration::from_millis(SEEN_MS);
        loop {
            let said = match farm.standing(role, &id).await {
                Ok(Standing::Up) => return Ok(()),
                Ok(Standing::Unknown) => format!("the farm does not know the {role} {id}: was it removed?"),
                Ok(Standing::Down) => format!("the farm does not hear from the {role} {id}"),
                Ok(Standing::Behind(events)) => format!("the broker {id} lacks {events} events"),
                Err(error) => error.to_string(),
            };
            if Instant::now() >= end {
                let last = self.machine.must(why, &[]).await.unwrap_or_default();
                return Err(format!("{said}, after {} s. Its last words:\n{}", SEEN_MS / 1_000, indent(&last)));
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect::<String>().trim_end().to_string()
}

#[cfg(test)]
mod tests;
