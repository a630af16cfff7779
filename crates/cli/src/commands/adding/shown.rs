//! Steps, shown as they go. With `--json` they go to standard error, and the report to standard output.

use crate::context::{print, print_json};
use crate::failure::Failure;
use crate::table::clean;
use hostler_deploy::{Ending, Judgement, Report, Step, Watch};
use std::io::Write;

/// Shows steps.
pub(in crate::commands) struct Shown {
    json: bool,
}

impl Shown {
    pub(in crate::commands) fn new(json: bool) -> Self {
        Self { json }
    }

    /// What was seen before the first step.
    pub(super) fn checked(&mut self, machine: &str, judgement: &Judgement) {
        self.show(&format!("{machine}: {}\n", clean(&judgement.summary)));
        for warning in &judgement.warnings {
            eprintln!("warning: {}", clean(warning));
        }
    }

    /// Whoever reads it may have gone; the steps go on all the same.
    fn show(&self, text: &str) {
        let _ = if self.json {
            std::io::stderr().lock().write_all(text.as_bytes())
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
    }
}

impl Watch for Shown {
    fn begin(&mut self, step: &Step) {
        self.show(&format!("  {} … ", step.name));
    }

    fn end(&mut self, step: &Step, ending: &Ending) {
        let text = match ending {
            Ending::Already => "is there",
            // Waiting does nothing.
            Ending::Done if step.is_done() => "it is so",
            Ending::Done => "done",
            Ending::ByHand(_) => "by hand",
            Ending::Failed => "failed",
        };
        self.show(&format!("{text}\n"));
    }
}

/// Says what came of it.
pub(in crate::commands) fn finish(json: bool, machine: &str, report: &Report) -> Result<(), Failure> {
    if json {
        return print_json(&serde_json::json!({ "machine": machine, "done": report.done, "by_hand": report.by_hand }));
    }
    let mut text: String = report.by_hand.iter().map(|say| format!("Left to do: {say}\n")).collect();
    match report.done.len() {
        0 => text.push_str(&format!("Nothing to do on {machine}.\n")),
        n => text.push_str(&format!("{machine}: {n} {} done.\n", if n == 1 { "step was" } else { "steps were" })),
    }
    print(&text)
}
