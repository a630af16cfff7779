//! In which machine each fault is planted.

use hostler_node::Fault as InNode;
use hostler_seating::Fault as InSeating;
use hostler_views::Fault as InViews;

/// The machine, and what it does wrong.
pub(super) enum Place {
    /// A broker's log, elections and commands.
    Node(InNode),
    /// What its events add up to.
    Views(InViews),
    /// Finding a seat, and admitting to one.
    Seating(InSeating),
}

/// Where a fault is; `None` for those of a shell, which does what it does here itself.
pub(super) fn of(name: &str) -> Option<Place> {
    Some(match name {
        "answered_unstored" => Place::Node(InNode::AnsweredUnstored),
        "clock_ahead_ignored" => Place::Node(InNode::ClockAheadIgnored),
        "epoch_reused" => Place::Node(InNode::EpochReused),
        "forgot_but_votes" => Place::Node(InNode::ForgotButVotes),
        "frontier_short" => Place::Node(InNode::FrontierShort),
        "future_folded" => Place::Node(InNode::FutureFolded),
        "halt_ignored" => Place::Node(InNode::HaltIgnored),
        "heads_ignored" => Place::Node(InNode::HeadsIgnored),
        "incarnation_reused" => Place::Node(InNode::IncarnationReused),
        "no_majority" => Place::Node(InNode::NoMajority),
        "one_disk_too_many" => Place::Node(InNode::OneDiskTooMany),
        "removal_ignored" => Place::Node(InNode::RemovalIgnored),
        "resume_unwritten" => Place::Node(InNode::ResumeUnwritten),
        "seal_ignored" => Place::Node(InNode::SealIgnored),
        "sent_unstored" => Place::Node(InNode::SentUnstored),
        "stored_said_early" => Place::Node(InNode::StoredSaidEarly),
        "too_early" => Place::Node(InNode::TooEarly),
        "vote_sent_unstored" => Place::Node(InNode::VoteSentUnstored),
        "voted_twice" => Place::Node(InNode::VotedTwice),
        "late_at_end" => Place::Views(InViews::LateAtEnd),
        "revokes_all" => Place::Views(InViews::RevokesAll),
        "superseded_applied" => Place::Views(InViews::SupersededApplied),
        "tie_by_arrival" => Place::Views(InViews::TieByArrival),
        "cap_ignored" => Place::Seating(InSeating::CapIgnored),
        "seat_handed_out_again" => Place::Seating(InSeating::SeatHandedOutAgain),
        "seat_kept" => Place::Seating(InSeating::SeatKept),
        "session_overlooked" => Place::Seating(InSeating::SessionOverlooked),
        "ticket_taken_twice" => Place::Seating(InSeating::TicketTakenTwice),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_place() {
        let without: Vec<&str> = super::super::NAMES.iter().copied().filter(|name| of(name).is_none()).collect();
        // The home broker's check is the shell's, which is the simulation itself.
        assert_eq!(without, ["stale_home"]);
    }
}
