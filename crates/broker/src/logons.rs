//! How many logons this broker decided within the last hour: a window that slides by the minute.

use hostler_model::Mono;

/// Parts of the window; each is a minute.
const PARTS: u64 = 60;
/// A part, in ms.
const PART_MS: u64 = 60_000;

/// Counts the logons of the last hour.
#[derive(Clone, Debug)]
pub(crate) struct Logons {
    /// The count of each minute, at the minute's number modulo their number.
    parts: [u32; PARTS as usize],
    /// The number of the latest minute in it.
    latest: u64,
}

impl Default for Logons {
    fn default() -> Self {
        Self { parts: [0; PARTS as usize], latest: 0 }
    }
}

impl Logons {
    /// Somebody got a seat.
    pub(crate) fn count(&mut self, now: Mono) {
        self.slide(now);
        if let Some(part) = self.parts.get_mut(place(self.latest)) {
            *part = part.saturating_add(1);
        }
    }

    /// The logons of the last 59 minutes and of the present one.
    pub(crate) fn last_hour(&mut self, now: Mono) -> u32 {
        self.slide(now);
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }

    /// Minutes that have begun since are empty.
    fn slide(&mut self, now: Mono) {
        let minute = now.0 / PART_MS;
        for passed in 1..=minute.saturating_sub(self.latest).min(PARTS) {
            if let Some(part) = self.parts.get_mut(place(self.latest + passed)) {
                *part = 0;
            }
        }
        self.latest = self.latest.max(minute);
    }
}

fn place(minute: u64) -> usize {
    // Less than 60.
    usize::try_from(minute % PARTS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_slides() {
        const MINUTE: u64 = 60_000;
        // When logons are counted, when it is asked, what it says.
        for (counted, asked, want) in [
            (&[][..], 0, 0),
            (&[0, 1, MINUTE - 1], 0, 3),
            (&[0, 30 * MINUTE], 59 * MINUTE, 2),
            (&[0, 30 * MINUTE], 60 * MINUTE, 1),
            (&[59 * MINUTE, 60 * MINUTE], 60 * MINUTE, 2),
            (&[5, 5, 61 * MINUTE], 61 * MINUTE, 1),
            (&[5, 90 * MINUTE], 90 * MINUTE + 59 * MINUTE, 1),
            (&[5, 90 * MINUTE], 90 * MINUTE + 60 * MINUTE, 0),
            (&[5], 10_000 * MINUTE, 0),
            // A stopwatch does not go back; were it to, nothing is lost.
            (&[10 * MINUTE, 5 * MINUTE], 10 * MINUTE, 2),
        ] {
            let mut logons = Logons::default();
            counted.iter().for_each(|at| logons.count(Mono(*at)));
            assert_eq!(logons.last_hour(Mono(asked)), want, "{counted:?} at {asked}");
        }
    }
}
