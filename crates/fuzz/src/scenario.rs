//! Scenario files, as people write them.

use crate::memory::bounded;
use hostler_sim::Scenario;

/// What can be read can be written, and is read as the same scenario; what can't be has a message that says why.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match bounded(data.len(), || Scenario::parse(text)) {
        Ok(scenario) => {
            let written = scenario.to_toml().unwrap_or_else(|e| panic!("what was read can't be written: {e}"));
            match Scenario::parse(&written) {
                Ok(again) => assert!(again == scenario, "it is read as another one:\n{written}"),
                Err(error) => panic!("what was written can't be read: {error}\n{written}"),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
