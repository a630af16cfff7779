//! `schemas/scenario.json` is what the program reads, so that editors complete scenario files. `HOSTLER_WRITE_GOLDEN=1`
//! writes it.

#![allow(clippy::unwrap_used, missing_docs)]

use hostler_sim::Scenario;

#[test]
fn editors_know_the_format() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/scenario.json");
    let schema = format!("{}\n", serde_json::to_string_pretty(&Scenario::schema()).unwrap());
    if std::env::var_os("HOSTLER_WRITE_GOLDEN").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == schema, "schemas/scenario.json is not what the program reads: cargo xtask schemas --write");
}
