//! The site at a glance.

use super::alarms;
use crate::context::{Context, now_ms};
use crate::failure::Failure;
use crate::table::Details;
use hostler_broker::rest::Labelled;
use hostler_broker::rest::status::{Count, Status};

/// Shows the site at a glance.
pub(super) async fn status(context: &Context) -> Result<(), Failure> {
    context.one(context.get(&["status"]).await?, |status: Status| text(&status, now_ms()))
}

fn text(status: &Status, now_ms: u64) -> String {
    let name = |thing: &Labelled| thing.name.clone().unwrap_or_else(|| thing.id.clone());
    let count = |Count { total, up }| format!("{up} of {total} answer");
    let mut details = Details::new();
    details.line("Farm", status.farm.as_deref().unwrap_or("–"));
    details.line("Site", name(&status.site));
    details.line("Answered by", format!("{} (Hostler {})", name(&status.broker), status.version));
    let master = match (&status.master, status.epoch) {
        (Some(master), Some(epoch)) => format!("{} (epoch {epoch})", name(master)),
        _ => "not known here".to_string(),
    };
    details.line("Master", master);
    details.line("Brokers", count(status.brokers));
    details.line("Hosts", count(status.hosts));
    details.line("Gateways", count(status.gateways));
    details.line("Sessions", status.sessions);
    details.line("Log", format!("{} events, views {:.8}", status.events, status.digest));
    format!("{details}{}", alarms::text(&status.alarms, now_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_broker::rest::alarms::AlarmRow;

    #[test]
    fn a_site_at_a_glance() {
        let labelled = |name: &str| Labelled { kind: "broker".into(), id: "abc".into(), name: Some(name.into()) };
        let status = Status {
            version: "0.1.0".into(),
            farm: Some("Office".into()),
            site: labelled("main"),
            broker: labelled("b2"),
            master: Some(labelled("b1")),
            epoch: Some(3),
            digest: "0123456789abcdef".into(),
            events: 42,
            brokers: Count { total: 3, up: 2 },
            hosts: Count { total: 5, up: 5 },
            gateways: Count { total: 1, up: 1 },
            sessions: 17,
            removed: None,
            alarms: vec![AlarmRow {
                code: "clock.off".into(),
                severity: "warning".into(),
                since_ms: 1_000,
                about: None,
                text: "the clock of b3 is 0.7 s behind the other brokers'".into(),
                advice: "set that machine's clock by NTP".into(),
            }],
        };
        assert_eq!(
            text(&status, 61_000),
            "Farm         Office\n\
             Site         main\n\
             Answered by  b2 (Hostler 0.1.0)\n\
             Master       b1 (epoch 3)\n\
             Brokers      2 of 3 answer\n\
             Hosts        5 of 5 answer\n\
             Gateways     1 of 1 answer\n\
             Sessions     17\n\
             Log          42 events, views 01234567\n\
             \n\
             WARNING  clock.off, 1 min ago\n  \
               the clock of b3 is 0.7 s behind the other brokers'\n  \
               → set that machine's clock by NTP\n\
             \n\
             More about each: hostler alarm show CODE\n"
        );
    }
}
