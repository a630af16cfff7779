//! What must hold, whatever happens: one file for each invariant. Each sees what happens as it happens, is asked again
//! when everything is mended and the farm is one, and says what is wrong.

mod acknowledged;
mod alarms;
mod automatic;
mod converges;
mod disabled;
mod epochs;
mod feeds;
mod future;
mod hard_cap;
mod logons;
mod one_session;
mod planned;
mod rebuilt;
mod resumes;
mod same_views;
mod shut_out;
mod superseded;
mod tickets;
mod told;
mod votes;

use crate::world::{Fact, World};

/// An invariant.
pub(crate) trait Check {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Something has happened. `Err` says what is wrong.
    fn see(&mut self, _world: &mut World, _fact: &Fact) -> Result<(), String> {
        Ok(())
    }

    /// Everything is mended, and the farm had the time to become one.
    fn healed(&mut self, _world: &mut World) -> Result<(), String> {
        Ok(())
    }
}

/// The names of all invariants.
pub const NAMES: &[&str] = &[
    "acknowledged-is-kept",
    "converges",
    "disabled-seats-nobody",
    "epochs-count-up",
    "feeds-have-no-gap",
    "hard-cap",
    "logons-succeed",
    "masters-resume",
    "no-false-alarm",
    "nothing-from-the-future",
    "one-automatic-master",
    "one-session",
    "planned-loses-nothing",
    "rebuilt-equals-incremental",
    "same-events-same-views",
    "shut-out-decides-nothing",
    "superseded-is-listed",
    "ticket-is-taken-once",
    "told-is-stored",
    "votes-are-kept",
];

/// The invariants of these names; `all` stands for all of them.
pub(crate) fn of(names: &[String]) -> Vec<Box<dyn Check>> {
    let all: Vec<Box<dyn Check>> = vec![
        Box::new(acknowledged::Acknowledged::default()),
        Box::new(converges::Converges),
        Box::new(disabled::Disabled),
        Box::new(epochs::Epochs),
        Box::new(feeds::Feeds),
        Box::new(hard_cap::HardCap),
        Box::new(logons::Logons),
        Box::new(resumes::Resumes),
        Box::new(alarms::Alarms),
        Box::new(future::Future::default()),
        Box::new(automatic::Automatic::default()),
        Box::new(one_session::OneSession),
        Box::new(planned::Planned),
        Box::new(rebuilt::Rebuilt),
        Box::new(same_views::SameViews::default()),
        Box::new(shut_out::ShutOut::default()),
        Box::new(superseded::Superseded),
        Box::new(tickets::Tickets::default()),
        Box::new(told::Told),
        Box::new(votes::Votes::default()),
    ];
    let wanted = |check: &dyn Check| names.iter().any(|n| n == "all" || n == check.name());
    all.into_iter().filter(|check| wanted(check.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_names() {
        let names: Vec<&str> = of(&["all".to_owned()]).iter().map(|check| check.name()).collect();
        assert_eq!(names, NAMES);
        assert_eq!(of(&["hard-cap".to_owned()]).len(), 1);
    }
}
