//! What the terminal shows: what is being measured now, and the tables of what is done.

use crate::figures::{Chapter, Row};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often the display moves.
const TICK: Duration = Duration::from_millis(200);

/// The display while it runs. Without a terminal each step is a line.
#[derive(Debug)]
pub(crate) struct Show {
    bar: Option<ProgressBar>,
    begun: Instant,
}

impl Show {
    /// For so many chapters.
    #[must_use]
    pub(crate) fn new(chapters: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(chapters as u64);
            // The template is a constant; where it were wrong, the display would be plain.
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed_precise}] {bar:20} {pos}/{len} {msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, begun: Instant::now() }
    }

    /// Says what is done now.
    pub(crate) fn step(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => eprintln!("[{:>4} s] {what}", self.begun.elapsed().as_secs()),
        }
    }

    /// A chapter is done: its table stays.
    pub(crate) fn done(&self, chapter: &Chapter) {
        match &self.bar {
            Some(bar) => {
                bar.inc(1);
                bar.println(table(chapter));
            }
            None => println!("{}", table(chapter)),
        }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A chapter's rows, for a terminal.
#[must_use]
pub(crate) fn table(chapter: &Chapter) -> String {
    let head = Row::head(&chapter.peer);
    let lines: Vec<[String; 6]> = std::iter::once(head).chain(chapter.rows.iter().map(Row::cells)).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let columns: Vec<(usize, usize)> = (0..6).map(|at| (at, width(at))).filter(|(_, width)| *width > 0).collect();
    let mut text = format!("\n{}\n", chapter.title);
    for line in &lines {
        let cells: Vec<String> = columns.iter().map(|(at, width)| format!("{:width$}", line[*at])).collect();
        text += &format!("  {}\n", cells.join("  ").trim_end());
    }
    for remark in &chapter.remarks {
        text += &format!("  – {remark}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Goal;
    use crate::samples::Samples;

    #[test]
    fn tables_are_aligned() {
        let both = Row::beside("short", Samples::exactly(2.0), Samples::exactly(1.0)).wants(Goal::RatioAtLeast(1.0));
        let rows = vec![both, Row::alone("rather long", Samples::exactly(10.0))];
        let chapter =
            Chapter { title: "T".into(), peer: "P".into(), rows, remarks: vec!["r".into()], ..Chapter::default() };
        assert_eq!(
            table(&chapter),
            "\nT\n               Hostler  P     ratio  goal\n  short        2.00     1.00  2.00×  ≥ 1×  reached\n  rather long  10.0\n  – r\n"
        );
    }
}
