//! A table for people: columns as wide as they need to be.

/// Lays out a table. Rows may be shorter than the headings.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    let letters = |cell: &String| cell.chars().count();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).chain(headings.get(column));
        cells.map(letters).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_string()
    };
    [&headings].into_iter().chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns() {
        let row = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (headings, rows, want) in [
            (&["a", "bc"][..], vec![], "a  bc"),
            (
                &["what", "pid"],
                vec![row(&["broker", "1"]), row(&["é", "12345"])],
                "what    pid\nbroker  1\né       12345",
            ),
            (&["a", "b", "c"], vec![row(&["1"]), row(&["", "", "3"])], "a  b  c\n1\n      3"),
        ] {
            assert_eq!(table(headings, &rows), want);
        }
    }
}
