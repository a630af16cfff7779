//! Writes docs/figures.md and the plots beside it: a run replaces all. Only what limits the figures is written by hand,
//! in limits.md beside this file.

use crate::figures::{Chapter, Row};
use crate::machine::Machine;
use crate::plan::Plan;
use crate::plot;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The file, and the folder of its plots beside it.
const FILE: &str = "figures.md";
const PLOTS: &str = "figures";
/// What profiles have shown.
const LIMITS: &str = include_str!("limits.md");

/// Writes everything into the folder `docs`.
pub(crate) fn write(docs: &Path, machine: &Machine, plan: &Plan, chapters: &[Chapter]) -> Result<()> {
    let plots = docs.join(PLOTS);
    fs::create_dir_all(&plots).with_context(|| format!("can't make {}", plots.display()))?;
    for chapter in chapters {
        chapter.plots.iter().try_for_each(|plot| plot::draw(plot, &plots))?;
    }
    let file = docs.join(FILE);
    fs::write(&file, text(machine, plan, chapters)).with_context(|| format!("can't write {}", file.display()))
}

fn text(machine: &Machine, plan: &Plan, chapters: &[Chapter]) -> String {
    let rounds = plan.rounds;
    let mut text = format!(
        "# Figures\n\n\
         Hostler beside what people would use instead, on one machine, in one run. Reproduce it with\n\n    \
         cargo xtask bench peers\n\n\
         which installs the peers from Debian's packages, builds in release, starts everything on loopback, lets both\n\
         sides run in turn ({rounds} rounds: ours, the peer's, ours, …), stops everything and writes this file. The\n\
         generators of load are the same program for both sides; it runs on the same machine, and its CPU is counted\n\
         apart. A cell is the median with the least and the most of the rounds; a ratio is that of the medians.\n\n\
         {machine}\n"
    );
    for chapter in chapters {
        let Chapter { title, how, peer, rows, plots, remarks } = chapter;
        let _ = write!(text, "\n## {title}\n\n{how}\n\n");
        text += &table(peer, rows);
        for plot in plots {
            let _ = write!(text, "\n![{}]({PLOTS}/{}.svg)\n", plot.title, plot.file);
        }
        if !remarks.is_empty() {
            text.push('\n');
        }
        for remark in remarks {
            let _ = writeln!(text, "- {remark}");
        }
    }
    text.push('\n');
    text + LIMITS
}

fn table(peer: &str, rows: &[Row]) -> String {
    let mut text = String::new();
    let columns: &[usize] = if peer.is_empty() { &[0, 1, 4, 5] } else { &[0, 1, 2, 3, 4, 5] };
    let head = Row::head(peer);
    let rule = ["---", "---:", "---:", "---:", "---:", "---"].map(str::to_owned);
    for cells in [head, rule].into_iter().chain(rows.iter().map(Row::cells)) {
        let cells: Vec<&str> = columns.iter().map(|at| cells[*at].as_str()).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Samples;

    #[test]
    fn tables_of_one_and_of_two_sides() {
        let alone = [Row::alone("x", Samples::exactly(1.0))];
        assert_eq!(table("", &alone), "|  | Hostler | goal |  |\n| --- | ---: | ---: | --- |\n| x | 1.00 |  |  |\n");
        let both = [Row::beside("x", Samples::exactly(1.0), Samples::exactly(2.0))];
        assert_eq!(
            table("etcd", &both),
            "|  | Hostler | etcd | ratio | goal |  |\n| --- | ---: | ---: | ---: | ---: | --- |\n\
             | x | 1.00 | 2.00 | 0.50× |  |  |\n"
        );
    }
}
