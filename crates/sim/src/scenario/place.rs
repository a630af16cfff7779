//! Where in a file something is that was found to make no sense once the whole file had been read.

/// The complaint with the line that it is about, where one can be told: that of the first key or the first quoted value
/// that it names.
pub(super) fn with_line(text: &str, what: String) -> String {
    match line(text, &what) {
        Some(number) => format!("line {number}: {what}"),
        None => what,
    }
}

fn line(text: &str, what: &str) -> Option<usize> {
    let find = |is: &dyn Fn(&str) -> bool| text.lines().position(is).map(|at| at + 1);
    if let Some(quoted) = what.split('"').nth(1) {
        let quoted = format!("\"{quoted}\"");
        return find(&|line| line.contains(&quoted));
    }
    let named = what.split([' ', ':', ';']).find(|word| word.contains(['.', '_']) || *word == "format")?;
    let key = named.rsplit('.').next()?;
    find(&|line| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = "format = 1\n[cluster]\nbrokers = 12\n[expect]\ninvariants = [\"al\"]\n";
        for (what, want) in [
            ("cluster.brokers must be from 1 to 9", Some(3)),
            ("there is no invariant \"al\"; there are: all", Some(5)),
            ("format = 2; this program reads format 1", Some(1)),
            ("run.duration_ms must be from 1 to a year", None),
            ("nothing", None),
        ] {
            assert_eq!(line(text, what), want, "{what}");
        }
    }
}
