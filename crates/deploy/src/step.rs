//! A step of a plan: plain data.

use hostler_model::{MemberRole, Name};

/// One thing to do on a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Run a script as root.
    Run {
        /// The script.
        script: String,
    },
    /// Write a file, all or not at all.
    Write {
        /// Where.
        path: String,
        /// Its permission bits.
        mode: u32,
        /// What is in it.
        text: String,
        /// A shell command that must succeed before the file is put in its place, where it is `$new`; or nothing.
        check: String,
    },
    /// Copy the program.
    CopyProgram {
        /// Where to.
        path: String,
    },
    /// Make a token and join the farm with it. The token travels over standard input.
    Join {
        /// As what.
        role: MemberRole,
        /// Under which name; the machine's own unless given.
        name: Option<Name>,
        /// The command that joins.
        script: String,
        /// The command that says who the machine is, and the folder with its key: for one that joined, and was
        /// interrupted before it could keep what it was told.
        half_joined: Option<HalfJoined>,
    },
    /// Wait until the farm has seen the member, and a broker has all events.
    Wait {
        /// As what.
        role: MemberRole,
        /// The command that says who the machine is.
        script: String,
        /// The command that says why a service does not come up.
        why: String,
    },
    /// Something that has to be done by hand.
    ByHand {
        /// What to do.
        say: String,
    },
}

impl Action {
    /// Whether it changes something. To wait changes nothing.
    #[must_use]
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Wait { .. } | Self::ByHand { .. })
    }
}

/// A machine has a key and no membership: a join before this one was interrupted, perhaps after the farm took it in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HalfJoined {
    /// The command that says who the machine is.
    pub who: String,
    /// The command that removes the key.
    pub forget: String,
}

/// A step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What it is about.
    pub name: String,
    /// What to do; nothing where it is done.
    pub actions: Vec<Action>,
    /// What to look at where it fails, before the whole command is given again.
    pub resume: String,
}

impl Step {
    /// Whether nothing on the machine has to change, at least not by this program.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.actions.iter().any(Action::changes)
    }
}
