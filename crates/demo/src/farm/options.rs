//! What can be asked of the demo farm.

use clap::Args;

/// The most brokers: a site has no more.
const BROKERS: i64 = hostler_model::limits::BROKERS_PER_SITE as i64;
/// The most session hosts on one machine.
const HOSTS: i64 = 50;
/// The most simulated users: each has a thread and a connection.
const USERS: i64 = 999;

/// A farm on this machine, on loopback addresses only, gone without a trace when it ends.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct FarmOptions {
    /// Bring the farm up, try it (a logon, a broker killed, further logons), and end with 0 where all of it worked
    #[arg(long, conflicts_with = "load")]
    pub once: bool,
    /// Keep this many simulated users coming and going
    #[arg(long, value_name = "USERS", value_parser = clap::value_parser!(u16).range(1..=USERS))]
    pub load: Option<u16>,
    /// Session hosts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=HOSTS))]
    pub hosts: u8,
    /// Brokers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=BROKERS))]
    pub brokers: u8,
    /// Leave the folder with the members' files and logs when the farm ends
    #[arg(long)]
    pub keep: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Line {
        #[command(flatten)]
        options: FarmOptions,
    }

    #[test]
    fn what_can_be_typed() {
        let usual = FarmOptions { once: false, load: None, hosts: 5, brokers: 3, keep: false };
        for (line, want) in [
            ("", Some(usual.clone())),
            ("--once", Some(FarmOptions { once: true, ..usual.clone() })),
            ("--load 20 --keep", Some(FarmOptions { load: Some(20), keep: true, ..usual.clone() })),
            ("--hosts 50 --brokers 9", Some(FarmOptions { hosts: 50, brokers: 9, ..usual })),
            ("--once --load 1", None),
            ("--load 0", None),
            ("--load 1000", None),
            ("--hosts 0", None),
            ("--hosts 51", None),
            ("--brokers 10", None),
            ("--host 5", None),
        ] {
            let got = Line::try_parse_from(["demo"].into_iter().chain(line.split_whitespace()));
            assert_eq!(got.ok().map(|line| line.options), want, "{line:?}");
        }
    }
}
