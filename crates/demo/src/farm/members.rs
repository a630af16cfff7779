//! All processes of the farm. They end together, in good order where they can.

use super::process::{Process, ProcessError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long they have to end in good order.
const END_WAIT: Duration = Duration::from_secs(3);
/// How often it is looked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The processes. Dropping them ends them.
#[derive(Default)]
pub(super) struct Members(Vec<Process>);

impl Members {
    pub(super) fn add(&mut self, process: Process) {
        self.0.push(process);
    }

    /// The process of a member.
    pub(super) fn named(&mut self, name: &str) -> Option<&mut Process> {
        self.0.iter_mut().find(|process| process.name == name)
    }

    /// The pid of a member that runs.
    pub(super) fn pid(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|process| process.name == name && process.is_expected_to_run()).map(Process::pid)
    }

    /// Those that have ended since the last look, although nobody wanted it.
    pub(super) fn ended(&mut self) -> Vec<ProcessError> {
        self.0.iter_mut().filter_map(|process| process.check().err()).collect()
    }

    /// An error where one has ended although nobody wanted it.
    pub(super) fn check(&mut self) -> Result<(), ProcessError> {
        self.0.iter_mut().try_for_each(Process::check)
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Process::ask_to_end);
        let deadline = Instant::now() + END_WAIT;
        // Whoever is not gone by then is killed when it is dropped.
        while !self.0.iter_mut().all(Process::is_gone) && Instant::now() < deadline {
            sleep(LOOK_EVERY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn they_end_together() {
        let folder = tempfile::tempdir().unwrap();
        let mut members = Members::default();
        for (name, script) in [("good", "exec sleep 600"), ("short", "echo bye")] {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            members.add(Process::start(name, command, folder.path().join(name)).unwrap());
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        let ended = loop {
            if let Err(ended) = members.check() {
                break ended.to_string();
            }
            assert!(Instant::now() < deadline, "the short one does not end");
        };
        assert!(ended.starts_with("short (pid ") && ended.ends_with("    bye"), "{ended}");
        assert!(members.ended().is_empty(), "it was told");
        assert_eq!(
            (members.pid("short"), members.pid("nobody"), members.named("nobody").is_none()),
            (None, None, true)
        );
        let pid = members.pid("good").unwrap();
        drop(members);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}
