//! The pages of `docs/alarms`, which the program has with it: in an outage the book may be out of reach.

use hostler_node::AlarmCode;

macro_rules! pages {
    ($($code:ident => $file:literal,)*) => {
        /// The page about an alarm.
        pub(super) fn page(code: AlarmCode) -> &'static str {
            match code {
                $(AlarmCode::$code => include_str!(concat!("../../../../../docs/alarms/", $file, ".md")),)*
            }
        }
    };
}

pages! {
    Isolated => "broker.isolated",
    Removed => "broker.removed",
    Unreachable => "broker.unreachable",
    MasterUnreachable => "master.unreachable",
    Lagging => "broker.lagging",
    OneActive => "brokers.one_active",
    Many => "brokers.many",
    ClockOff => "clock.off",
    ClockAhead => "clock.ahead",
    EpochFenced => "epoch.fenced",
    PromotionUnfinished => "promotion.unfinished",
    PromotionFailed => "promotion.failed",
    PromotionDisarmed => "promotion.disarmed",
    PromotionAbstains => "promotion.abstains",
    DualPromotion => "promotion.dual",
    PromotionHeld => "promotion.held",
    EventsWaiting => "events.waiting",
    EventsHeld => "event.held",
    EventUnknown => "event.unknown",
    EventForged => "event.forged",
    EventUnreadable => "event.unreadable",
    Forked => "feed.forked",
    Copied => "broker.copied",
    ViewsDiffer => "views.differ",
    SessionStranger => "session.stranger",
    SessionDuplicate => "session.duplicate",
    HostNonsense => "host.nonsense",
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_node::Lasts;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// What a page begins with, out of the table of codes.
    fn head(code: AlarmCode) -> String {
        let lasts = match code.lasts() {
            Lasts::WithItsCause(0) => "lasts as long as its cause".to_string(),
            Lasts::WithItsCause(ms) => {
                format!("raised once its cause has been there for {} s; lasts as long as its cause", ms / 1_000)
            }
            Lasts::ForADay => {
                "lasts for a day since it happened last, or until the broker that shows it restarts".to_string()
            }
        };
        let (severity, advice) = (code.severity().name(), code.advice());
        format!("# {code}\n\nSeverity: {severity}; {lasts}.\n\nFirst: {advice}.\n\n## What it means\n\n")
    }

    #[test]
    fn every_code_has_its_page() {
        for code in AlarmCode::ALL {
            let page = page(*code);
            let head = head(*code);
            assert!(page.starts_with(&head), "docs/alarms/{code}.md must begin with:\n{head}");
            for heading in ["## What to do", "## Example"] {
                assert_eq!(page.matches(&format!("\n{heading}\n")).count(), 1, "{heading} in docs/alarms/{code}.md");
            }
        }
    }

    #[test]
    fn every_page_has_its_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/alarms");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let files: BTreeSet<String> = files.collect();
        let codes: BTreeSet<String> = AlarmCode::ALL.iter().map(|code| format!("{code}.md")).collect();
        assert_eq!(files, codes);
    }
}
