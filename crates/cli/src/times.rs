//! Moments as people read and write them: how long ago, and the date and time in UTC.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, PrimitiveDateTime, format_description};

/// Dates and times without an offset; they are in UTC.
const FORMATS: &[&str] = &[
    "[year]-[month]-[day] [hour]:[minute]:[second] UTC",
    "[year]-[month]-[day] [hour]:[minute]:[second]",
    "[year]-[month]-[day] [hour]:[minute]",
];

/// Reads a moment: RFC 3339, a date and a time in UTC, "now", or how long ago: `90s`, `10m`, `2h`, `3d`. In ms since 1970.
pub(crate) fn parse(text: &str, now_ms: u64) -> Result<u64, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now_ms);
    }
    if let Some(ago_ms) = ago(text) {
        return now_ms.checked_sub(ago_ms).ok_or_else(|| format!("{text:?} ago is before 1970"));
    }
    let in_utc = |format: &&str| {
        let format = format_description::parse_borrowed::<2>(format).ok()?;
        PrimitiveDateTime::parse(text, &format).ok().map(PrimitiveDateTime::assume_utc)
    };
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| FORMATS.iter().find_map(in_utc));
    let moment = moment.ok_or_else(|| {
        format!(
            "{text:?} is no moment: write 2026-11-22T17:30:00Z, \"2026-11-22 17:30\" (UTC), or 10m for ten minutes ago"
        )
    })?;
    u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).map_err(|_| format!("{text:?} is before 1970"))
}

fn ago(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.trim().parse::<u64>().ok()?.checked_mul(factor)
}

/// "3 min ago (2026-11-22 15:24:10 UTC)".
pub(crate) fn moment(now_ms: u64, at_ms: u64) -> String {
    format!("{} ({})", relative(now_ms, at_ms), date(at_ms))
}

/// "3 min ago", "in 2 h", "now".
pub(crate) fn relative(now_ms: u64, at_ms: u64) -> String {
    let apart_ms = now_ms.abs_diff(at_ms);
    match (apart_ms < 1_000, at_ms <= now_ms) {
        (true, _) => "now".to_string(),
        (_, true) => format!("{} ago", duration(apart_ms)),
        (_, false) => format!("in {}", duration(apart_ms)),
    }
}

/// A length of time in its largest whole unit.
pub(crate) fn duration(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} days", s / 86_400),
    }
}

/// Date and time in UTC. The calendar is Howard Hinnant's `civil_from_days`.
pub(crate) fn date(ms: u64) -> String {
    let s = ms / 1_000;
    let (days, s) = (s / 86_400, s % 86_400);
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", s / 3_600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let now = 1_735_689_600_000;
        for (text, want) in [
            ("now", Ok(now)),
            ("10m", Ok(now - 600_000)),
            ("90 s", Ok(now - 90_000)),
            ("2h", Ok(now - 7_200_000)),
            ("1d", Ok(now - 86_400_000)),
            ("2025-01-01T00:00:00Z", Ok(now)),
            ("2025-01-01T01:00:00.250+01:00", Ok(now + 250)),
            ("2025-01-01 00:00", Ok(now)),
            ("2025-01-01 00:00:07", Ok(now + 7_000)),
            ("2025-01-01 00:00:07 UTC", Ok(now + 7_000)),
            ("1969-12-31 23:00", Err("is before 1970")),
            ("99999999999999d", Err("is no moment")),
            ("99999d", Err("ago is before 1970")),
            ("2025-13-01 00:00", Err("is no moment")),
            ("yesterday", Err("is no moment")),
            ("", Err("is no moment")),
            ("ä", Err("is no moment")),
        ] {
            match (parse(text, now), want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{text}"),
                (Err(why), Err(part)) => assert!(why.contains(part), "{text}: {why}"),
                (got, want) => panic!("{text}: {got:?}, not {want:?}"),
            }
            // What is printed can be typed.
            assert_eq!(parse(&date(now), 0), Ok(now));
        }
    }

    #[test]
    fn moments() {
        for (ms, want) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199_999, "2024-02-29 23:59:59 UTC"),
            (1_735_689_600_000, "2025-01-01 00:00:00 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(date(ms), want);
        }
        for (now, at, want) in [
            (5_000, 4_500, "now"),
            (65_000, 5_000, "1 min ago"),
            (0, 7_200_000, "in 2 h"),
            (400_000_000, 0, "4 days ago"),
        ] {
            assert_eq!(relative(now, at), want);
        }
        assert_eq!(moment(1_735_689_603_000, 1_735_689_600_000), "3 s ago (2025-01-01 00:00:00 UTC)");
        assert_eq!(duration(250), "250 ms");
    }
}
