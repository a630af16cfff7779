//! Tables for people: aligned columns, a line of headings, nothing around them.

use std::fmt;

/// To which side a column's cells go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Left,
    Right,
}

/// A table.
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
    empty: &'static str,
}

impl Table {
    /// A table with these headings; one that begins with `>` is a column of numbers. `empty` is said where there are
    /// no rows.
    pub(crate) fn new(headings: &[&'static str], empty: &'static str) -> Self {
        let column = |heading: &&'static str| match heading.strip_prefix('>') {
            Some(numbers) => (numbers, Side::Right),
            None => (*heading, Side::Left),
        };
        Self { columns: headings.iter().map(column).collect(), rows: Vec::new(), empty }
    }

    /// Adds a row, one cell for each heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return writeln!(f, "{}", self.empty);
        }
        let headings: Vec<String> = self.columns.iter().map(|(heading, _)| (*heading).to_string()).collect();
        let lines = || std::iter::once(&headings).chain(&self.rows);
        let width = |n| lines().filter_map(|line| line.get(n)).map(|cell: &String| cell.chars().count()).max();
        let widths: Vec<usize> = (0..self.columns.len()).map(|n| width(n).unwrap_or(0)).collect();
        for line in lines() {
            let mut text = String::new();
            for ((cell, (_, side)), width) in line.iter().zip(&self.columns).zip(&widths) {
                if !text.is_empty() {
                    text.push_str("  ");
                }
                match side {
                    Side::Left => text.push_str(&format!("{cell:<width$}")),
                    Side::Right => text.push_str(&format!("{cell:>width$}")),
                }
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Names and values, one a line.
pub(crate) struct Details(Vec<(&'static str, String)>);

impl Details {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, name: &'static str, value: impl fmt::Display) {
        self.0.push((name, clean(&value.to_string())));
    }
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "{name:<width$}  {value}"))
    }
}

/// A text in one line that can't command the terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A list in one cell.
pub(crate) fn joined(values: &[String]) -> String {
    if values.is_empty() { "–".to_string() } else { values.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["NAME", ">SESSIONS", "STATE"], "There are no hosts.");
        assert_eq!(table.to_string(), "There are no hosts.\n");
        table.row(["rdsh-1".into(), "7".into(), "ready".into()]);
        table.row(["Büro".into(), "1200".into(), String::new()]);
        table.row(["a\x1b[31m\nb".into(), "0".into(), "down".into()]);
        assert_eq!(
            table.to_string(),
            "NAME      SESSIONS  STATE\n\
             rdsh-1           7  ready\n\
             Büro          1200\n\
             a\u{fffd}[31m\u{fffd}b         0  down\n"
        );
        let mut details = Details::new();
        details.line("Farm", "Office");
        details.line("Sessions", 12);
        assert_eq!(details.to_string(), "Farm      Office\nSessions  12\n");
        assert_eq!((joined(&[]), joined(&["a".into(), "b".into()])), ("–".into(), "a, b".into()));
    }
}
