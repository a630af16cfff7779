//! Reading how many tests passed, and which failed, from what the programs that run them print.

use std::collections::BTreeSet;

use crate::report::Counts;

/// Whose output it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reader {
    Nextest,
    Libtest,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) counts: Counts,
    /// The names of the tests that failed.
    pub(super) failed: BTreeSet<String>,
}

impl Tally {
    /// Takes in one line of output.
    pub(super) fn read(&mut self, reader: Reader, line: &str) {
        let (counts, failed) = match reader {
            Reader::Nextest => (nextest_summary(line), nextest_failure(line)),
            Reader::Libtest => (libtest_summary(line), libtest_failure(line)),
        };
        self.counts.add(counts.unwrap_or_default());
        self.failed.extend(failed.map(str::to_owned));
    }
}

/// `Summary [   1.2s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
fn nextest_summary(line: &str) -> Option<Counts> {
    let (_, rest) = line.trim_start().strip_prefix("Summary [")?.split_once("run: ")?;
    Some(count(without_parentheses(rest).split(',')))
}

/// `FAIL [   0.005s] ( 3/22) hostler-model limits::tests::small`; also for a time limit or a signal.
fn nextest_failure(line: &str) -> Option<&str> {
    let (word, rest) = line.trim_start().split_once(" [")?;
    let (_, name) = rest.split_once("s] ")?;
    // The running number, "( 3/22)", is not printed where there is no room for it.
    let name = if name.starts_with('(') { name.split_once(") ")?.1 } else { name };
    let failed = matches!(word, "FAIL" | "TIMEOUT" | "ABORT") || word.starts_with("SIG");
    failed.then(|| name.trim())
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …; finished in 0.00s`.
fn libtest_summary(line: &str) -> Option<Counts> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(count(rest.split(';')))
}

/// `test limits::tests::small ... FAILED`.
fn libtest_failure(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

fn count<'a>(parts: impl Iterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::default();
    for part in parts {
        let Some((number, word)) = part.trim().split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match word.trim() {
            "passed" => counts.passed += number,
            "failed" | "exec failed" | "timed out" => counts.failed += number,
            "skipped" | "ignored" => counts.skipped += number,
            // "measured" and "filtered out" are no tests that someone expects here.
            _ => {}
        }
    }
    counts
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::new();
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_and_failures_are_read() {
        type Numbers = (u64, u64, u64);
        let cases: [(Reader, &str, Numbers, Option<&str>); 11] = [
            (Reader::Nextest, "     Summary [   0.005s] 1 test run: 1 passed, 0 skipped", (1, 0, 0), None),
            (
                Reader::Nextest,
                "     Summary [  61.2s] 9 tests run: 5 passed (1 slow, 1 flaky), 1 failed, 1 exec failed, 2 timed out, 3 skipped",
                (5, 4, 3),
                None,
            ),
            (Reader::Nextest, "     Summary [  1s] 2/9 tests run: 1 passed, 1 failed, 0 skipped", (1, 1, 0), None),
            (Reader::Nextest, "        PASS [   0.005s] ( 1/22) a tests::summary", (0, 0, 0), None),
            (Reader::Nextest, "        FAIL [   0.005s] ( 2/22) a tests::bad", (0, 0, 0), Some("a tests::bad")),
            (Reader::Nextest, "     TIMEOUT [ 120.005s] a::end tests::slow", (0, 0, 0), Some("a::end tests::slow")),
            (
                Reader::Libtest,
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                (3, 0, 1),
                None,
            ),
            (
                Reader::Libtest,
                "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s",
                (3, 2, 0),
                None,
            ),
            (Reader::Libtest, "test result_is_read ... ok", (0, 0, 0), None),
            (Reader::Libtest, "test tests::bad ... FAILED", (0, 0, 0), Some("tests::bad")),
            (Reader::Libtest, "running 3 tests", (0, 0, 0), None),
        ];
        for (reader, line, (passed, failed, skipped), failure) in cases {
            let mut tally = Tally::default();
            tally.read(reader, line);
            assert_eq!(tally.counts, Counts { passed, failed, skipped }, "{line}");
            assert_eq!(tally.failed.iter().map(String::as_str).collect::<Vec<_>>(), Vec::from_iter(failure), "{line}");
        }
    }
}
