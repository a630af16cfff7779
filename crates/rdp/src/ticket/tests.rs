//! Tickets: one golden text, round trips, and that nothing damaged passes.

use super::*;
use hostler_model::limits;
use proptest::prelude::*;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn ticket() -> Ticket {
    Ticket {
        id: TicketId([1; 16]),
        user: UserTag::of(&"alice".parse().unwrap()),
        item: ItemId([3; 16]),
        host: HostId([4; 16]),
        seat: SeatId([5; 16]),
        issuer: BrokerId([6; 16]),
        issued_at: Wall(1_700_000_000_000),
    }
}

/// What may never change while tickets of version 1 are about.
const GOLDEN: &str = "hostler1.AQEBAQEBAQEBAQEBAQEBAQF2A_-WKjmLOpihvxeh-3_iAwMDAwMDAwMDAwMDAwMDAwQEBAQEBAQEBAQEBAQEBAQFBQUFBQUFBQUFBQUFBQUFBgYGBgYGBgYGBgYGBgYGBgAAAYvP5WgA_lgdvxx2W5Kk3gLdn1Ie0f6KsHddrjWyBS7a86lt-KLDOfWuitT_UY1aTW_qn7Oo56uiHbYSclKRlSrfz811DA.";

#[test]
fn the_golden_ticket() {
    let signed = ticket().sign(&key());
    assert_eq!(signed.to_string(), GOLDEN);
    let parsed = Ticket::parse(GOLDEN.as_bytes()).unwrap();
    assert_eq!(parsed.verify(&key().verifying_key()), Ok(&ticket()));
    assert_eq!((GOLDEN.len(), GOLDEN.len() % 2), (TICKET_TOKEN_BYTES, 0));
    assert!(GOLDEN.len() <= limits::ROUTING_TOKEN_BYTES);
    assert!(!format!("{signed:?}").contains("signature"));
}

#[test]
fn other_keys_and_other_prefixes_fail() {
    let issuer = ticket().issuer;
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let by_stranger = ticket().sign(&stranger);
    assert_eq!(by_stranger.verify(&key().verifying_key()), Err(TicketError::Signature(issuer)));
    let without_prefix = key().sign(&ticket().claims()).to_bytes();
    let signed = SignedTicket { ticket: ticket(), signature: without_prefix };
    assert_eq!(signed.verify(&key().verifying_key()), Err(TicketError::Signature(issuer)));
}

#[test]
fn what_is_not_a_ticket() {
    let with = |from: usize, text: &str| {
        let mut t = GOLDEN.to_string();
        t.replace_range(from..from + text.len(), text);
        t
    };
    for (token, want) in [
        ("", TicketError::Foreign),
        ("Cookie: msts=218103935.15629.0000", TicketError::Foreign),
        (&with(7, "2"), TicketError::Foreign),
        ("hostler1.", TicketError::Length(9)),
        (&GOLDEN[..235], TicketError::Length(235)),
        (&format!("{GOLDEN} "), TicketError::Length(237)),
        (&with(235, "A"), TicketError::Damaged),
        (&with(20, "+"), TicketError::Damaged),
        (&with(20, "="), TicketError::Damaged),
        (&with(234, "B"), TicketError::Damaged),
        (&with(9, "Ag"), TicketError::Version(2)),
    ] {
        assert_eq!(Ticket::parse(token.as_bytes()), Err(want), "{token}");
    }
}

#[test]
fn user_tags() {
    let tag = |name: &str| UserTag::of(&name.parse().unwrap());
    assert_eq!(tag("Alice"), tag("alice"), "user names have no case");
    assert_ne!(tag("alice"), tag("alicf"));
    assert_eq!(format!("{:?}", tag("alice")), "UserTag(7603ff96)");
}

fn tickets() -> impl Strategy<Value = Ticket> {
    any::<([u8; 16], [u8; 16], [u8; 16], [u8; 16], [u8; 16], [u8; 16], u64)>().prop_map(|(a, b, c, d, e, f, at)| {
        Ticket {
            id: TicketId(a),
            user: UserTag(b),
            item: ItemId(c),
            host: HostId(d),
            seat: SeatId(e),
            issuer: BrokerId(f),
            issued_at: Wall(at),
        }
    })
}

proptest! {
    #[test]
    fn a_round_trip_is_exact(ticket in tickets()) {
        let signed = ticket.sign(&key());
        let text = signed.to_string();
        prop_assert_eq!(text.len(), TICKET_TOKEN_BYTES);
        prop_assert_eq!(Ticket::parse(text.as_bytes()), Ok(signed));
        prop_assert_eq!(signed.verify(&key().verifying_key()), Ok(&ticket));
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..300), begin: bool) {
        let begin: &[u8] = if begin { TEXT_BEGIN } else { b"" };
        let token = [begin, &bytes].concat();
        prop_assert!(Ticket::parse(&token).is_err());
    }

    #[test]
    fn any_text_of_the_right_length_is_judged(text in "[A-Za-z0-9_-]{226}") {
        if let Ok(signed) = Ticket::parse(format!("hostler1.{text}.").as_bytes()) {
            prop_assert!(signed.verify(&key().verifying_key()).is_err());
        }
    }
}

#[test]
fn any_flipped_bit_fails() {
    let good = GOLDEN.as_bytes();
    for bit in 0..good.len() * 8 {
        let mut bad = good.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        let passed = Ticket::parse(&bad).is_ok_and(|t| t.verify(&key().verifying_key()).is_ok());
        assert!(!passed, "bit {bit}");
    }
    let signed = ticket().sign(&key());
    for bit in 0..SIGNATURE_BYTES * 8 {
        let mut signature = signed.signature;
        signature[bit / 8] ^= 1 << (bit % 8);
        assert!(SignedTicket { signature, ..signed }.verify(&key().verifying_key()).is_err(), "signature bit {bit}");
    }
    for bit in 0..CLAIM_BYTES * 8 {
        let mut bytes = [&signed.ticket.claims()[..], &signed.signature].concat();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let text = format!("hostler1.{}.", BASE64URL_NOPAD.encode(&bytes));
        let passed = Ticket::parse(text.as_bytes()).is_ok_and(|t| t.verify(&key().verifying_key()).is_ok());
        assert!(!passed, "claim bit {bit}");
    }
}
