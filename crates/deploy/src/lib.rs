//! Makes a machine a member of a farm: looks at it, says what has to be done, and does it, here or over SSH.
//!
//! `survey` looks, once, with one script: what it finds are [`Facts`]. `plan` turns what is wanted and the facts into
//! steps, which are plain data: they can be shown ([`dry_run`], [`by_hand`]) as well as carried out ([`run`]). A step
//! that needs nothing has no actions, so to run a plan again is safe, and a plan that was carried out leaves one in which
//! nothing is left to do.
//!
//! What must not be here: the configuration file's form, the REST client and questions to people. They are the command
//! line's, which hands in texts and a [`Farm`].

mod farm;
mod firewall;
mod judge;
mod machine;
mod opening;
mod plan;
mod program;
mod run;
mod shell;
mod show;
mod ssh_machine;
mod step;
mod survey;
#[cfg(test)]
mod testing;
mod this_machine;
mod unit;
mod wanted;

pub use farm::{Farm, FarmError, JoinSecret, Standing};
pub use firewall::{Cidr, CidrError, Firewall};
pub use judge::{Judgement, judge};
pub use machine::{Machine, MachineError, Ran};
pub use opening::{Opening, Protocol};
pub use plan::{plan, plan_removal};
pub use program::{Program, ProgramError};
pub use run::{Ending, Report, RunError, Watch, run};
pub use shell::quote;
pub use show::{by_hand, dry_run};
pub use ssh_machine::{SshMachine, SshOptions};
pub use step::{Action, Step};
pub use survey::{Facts, Member, RoleFacts, SurveyError, survey};
pub use this_machine::ThisMachine;
pub use unit::{unit_name, unit_text};
pub use wanted::{Config, RoleWanted, Wanted};
