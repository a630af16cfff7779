//! Moments as people read them: how long ago, and the date and time in UTC.

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
