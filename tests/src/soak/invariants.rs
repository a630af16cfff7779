//! What must hold when all is whole again. Each error begins with the invariant's name.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::notes::Notes;
use super::report::Report;
use crate::farm::text;
use crate::netlab::NetFarm;

/// What the brokers say. They have the same views, and nobody changes anything meanwhile.
pub(super) fn over_rest(farm: &NetFarm, notes: &Notes, report: &mut Report) -> Result<()> {
    let brokers = farm.names("b");
    let mut said = Vec::new();
    for broker in &brokers {
        for kind in ["users", "groups"] {
            let there = names(&farm.get(broker, kind)?, "name");
            let lost: Vec<_> = notes.made(kind).difference(&there).cloned().collect();
            ensure!(lost.is_empty(), "acknowledged is present: {broker} lacks the {kind} {lost:?}");
        }
        let promotions = farm.get(broker, "log/promotions")?;
        one_automatic_master(&promotions).with_context(|| format!("as {broker} says"))?;
        let superseded = farm.get(broker, "log?lane=superseded&limit=1000")?;
        let listed = farm.get(broker, "log/superseded")?;
        let missing: Vec<_> = names(&superseded, "event").difference(&names(&listed, "event")).cloned().collect();
        ensure!(missing.is_empty(), "superseded is listed: {broker} does not list {missing:?}");
        report.promotions = rows(&promotions).count();
        report.superseded = rows(&listed).count();
        let master = farm.master(broker)?;
        ensure!(master.is_some(), "one master: {broker} sees none");
        said.push((master, names(&promotions, "event"), names(&listed, "event")));
    }
    ensure!(
        said.windows(2).all(|pair| pair[0] == pair[1]),
        "same events make same views: masters, promotions or superseded events differ: {said:#?}"
    );
    Ok(())
}

/// Of the promotions of one number, at most one is automatic: the voters vote once for each.
fn one_automatic_master(promotions: &Value) -> Result<()> {
    let mut automatic: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in rows(promotions).filter(|line| line["kind"] == "automatic") {
        let n = line["epoch"].as_u64().context("a promotion without an epoch")?;
        automatic.entry(n).or_default().push(text(line, "event")?);
    }
    let double: Vec<_> = automatic.iter().filter(|(_, events)| events.len() > 1).collect();
    ensure!(double.is_empty(), "at most one automatic master per epoch: {double:?}");
    Ok(())
}

/// What is on a stopped broker's disk, folded anew by another program, is what the broker said; its feeds have no gap.
pub(super) fn rebuilt(farm: &mut NetFarm, broker: &str, said: &str) -> Result<()> {
    farm.feeds(broker).with_context(|| format!("no gap in a feed: {broker}"))?;
    let data = farm.member(broker)?.data();
    let data = data.to_str().context("the folder's name is no text")?;
    let report = farm.cli.json(&["log", "verify", data]).with_context(|| format!("the log of {broker} is good"))?;
    let digest = text(&report, "digest")?;
    ensure!(digest == said, "rebuilt is what it was: {broker} said {said}, and its log says {digest}");
    Ok(())
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn names(list: &Value, key: &str) -> BTreeSet<String> {
    rows(list).filter_map(|row| row[key].as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn two_automatic_masters_of_one_epoch_are_found() {
        let line = |epoch: u64, kind: &str, event: &str| json!({ "epoch": epoch, "kind": kind, "event": event });
        let good = json!([
            line(1, "first", "a"),
            line(2, "automatic", "b"),
            line(2, "forced", "c"),
            line(3, "automatic", "d")
        ]);
        one_automatic_master(&good).unwrap();
        let bad = json!([line(2, "automatic", "b"), line(2, "automatic", "c")]);
        let error = one_automatic_master(&bad).unwrap_err().to_string();
        assert_eq!(error, "at most one automatic master per epoch: [(2, [\"b\", \"c\"])]");
    }
}
