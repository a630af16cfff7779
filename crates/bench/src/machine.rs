//! What the figures were measured on, and with which versions.

use crate::usage;
use std::fmt;
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine and the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Names and what stands for them.
    facts: Vec<(&'static str, String)>,
}

impl Machine {
    /// Looks.
    #[must_use]
    pub(crate) fn look() -> Self {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, key: &str, by: char| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(by));
            line.map(|rest| rest.trim().trim_matches('"').to_owned()).unwrap_or_default()
        };
        let memory = value(&file("/proc/meminfo"), "MemTotal", ':');
        let gib = memory.split(' ').next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / f64::from(1 << 20);
        let facts = vec![
            ("Day", today()),
            ("CPU", format!("{}, {} cores", value(&file("/proc/cpuinfo"), "model name", ':'), usage::cores())),
            ("Memory", format!("{gib:.0} GiB")),
            ("System", value(&file("/etc/os-release"), "PRETTY_NAME", '=')),
            ("Kernel", file("/proc/sys/kernel/osrelease").trim().to_owned()),
            ("Hostler", env!("CARGO_PKG_VERSION").to_owned()),
            ("HAProxy", first_line("haproxy", "-v")),
            ("etcd", first_line("etcd", "--version")),
        ];
        Self { facts }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("| | |\n| --- | --- |")?;
        self.facts.iter().try_for_each(|(name, fact)| write!(f, "\n| {name} | {fact} |"))
    }
}

/// The first line that a program prints.
fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    match text.lines().next() {
        Some(line) => line.trim_end_matches(" - https://haproxy.org/").to_owned(),
        None => "not installed".to_owned(),
    }
}

/// The day, in UTC.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// The date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (days, date) in
            [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (20_779, (2026, 11, 22)), (20_819, (2027, 1, 1))]
        {
            assert_eq!(civil(days), date);
        }
    }
}
