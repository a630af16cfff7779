//! The first packets of real clients (FreeRDP 2.11.7 where the line says xfreerdp), and what else may come.

use super::*;
use crate::negotiation::Protocols;
use hostler_model::limits;
use proptest::collection::vec;
use proptest::prelude::*;

const NO: Option<NegotiationRequest> = None;

fn offer(protocols: u32) -> Option<NegotiationRequest> {
    Some(NegotiationRequest::offering(protocols))
}

fn user(name: &str) -> Routing {
    Routing::UserName(name.into())
}

fn token(text: &str) -> Routing {
    Routing::Token(text.into())
}

fn complete(routing: Routing, negotiation: Option<NegotiationRequest>, consumed: usize) -> Parse {
    Parse::Complete { packet: FirstPacket { request: ConnectionRequest { routing, negotiation } }, consumed }
}

#[test]
fn what_xfreerdp_sends() {
    let restricted = Some(NegotiationRequest { flags: 1, protocols: Protocols(1), correlation_id: None });
    for (title, bytes, routing, negotiation) in [
        (
            "/u:alice",
            &b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n\x01\0\x08\0\x03\0\0\0"[..],
            user("alice"),
            offer(Protocols::TLS | Protocols::HYBRID),
        ),
        (
            "/u:alice /sec:tls, and the same with /d:CORP, with /u:CORP\\alice and with /admin",
            b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n\x01\0\x08\0\x01\0\0\0",
            user("alice"),
            offer(Protocols::TLS),
        ),
        ("/u:alice /sec:rdp", b"\x03\0\0\x23\x1e\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n", user("alice"), NO),
        (
            "/u:alice@example.org /sec:tls",
            b"\x03\0\0\x37\x32\xe0\0\0\0\0\0Cookie: mstshash=alice@example.org\r\n\x01\0\x08\0\x01\0\0\0",
            user("alice@example.org"),
            offer(Protocols::TLS),
        ),
        (
            "/u:jürgen /sec:tls",
            b"\x03\0\0\x2d\x28\xe0\0\0\0\0\0Cookie: mstshash=j\xc3\xbcrgen\r\n\x01\0\x08\0\x01\0\0\0",
            user("jürgen"),
            offer(Protocols::TLS),
        ),
        (
            "/restricted-admin /sec:tls",
            b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n\x01\x01\x08\0\x01\0\0\0",
            user("alice"),
            restricted,
        ),
        (
            "/load-balance-info:hostler1.QUJD /sec:tls",
            b"\x03\0\0\x22\x1d\xe0\0\0\0\0\0hostler1.QUJD\r\n\x01\0\x08\0\x01\0\0\0",
            token("hostler1.QUJD"),
            offer(Protocols::TLS),
        ),
        (
            "/load-balance-info:hostler1.QUJD /sec:rdp",
            b"\x03\0\0\x1a\x15\xe0\0\0\0\0\0hostler1.QUJD\r\n",
            token("hostler1.QUJD"),
            NO,
        ),
        (
            "/load-balance-info with a space at its end",
            b"\x03\0\0\x22\x1d\xe0\0\0\0\0\0hostler1.QUJ \r\n\x01\0\x08\0\x01\0\0\0",
            token("hostler1.QUJ "),
            offer(Protocols::TLS),
        ),
    ] {
        assert_eq!(FirstPacket::parse(bytes), complete(routing, negotiation, bytes.len()), "{title}");
        let more = [bytes, b"\x16\x03\x01"].concat();
        assert!(matches!(FirstPacket::parse(&more), Parse::Complete { consumed, .. } if consumed == bytes.len()));
        for n in 0..bytes.len() {
            assert_eq!(FirstPacket::parse(&bytes[..n]), Parse::Incomplete, "{n} bytes of {title}");
        }
    }
}

/// A packet whose variable part is this; the length indicator wraps as xfreerdp's does.
fn packet(rest: &[u8]) -> Vec<u8> {
    let total = u16::try_from(11 + rest.len()).unwrap().to_be_bytes();
    let indicator = u8::try_from((6 + rest.len()) % 256).unwrap();
    [&[3, 0, total[0], total[1], indicator, 0xE0, 0, 0, 0, 0, 0], rest].concat()
}

#[test]
fn the_longest_token_of_xfreerdp() {
    // It sends 238 bytes with the length indicator 254, 239 with the reserved 255; from 240 on the indicator wraps.
    let fits = "t".repeat(limits::ROUTING_TOKEN_BYTES);
    let tls = "\r\n\x01\0\x08\0\x01\0\0\0";
    let bytes = packet(format!("{fits}{tls}").as_bytes());
    assert_eq!((bytes[4], FirstPacket::parse(&bytes)), (254, complete(token(&fits), offer(1), 259)));
    for (indicator, more) in [(255, "x"), (0, "xy")] {
        let bytes = packet(format!("{fits}{more}{tls}").as_bytes());
        let malformed = Parse::Rejected(Rejection::Malformed("its two lengths disagree"));
        assert_eq!((bytes[4], FirstPacket::parse(&bytes)), (indicator, malformed));
    }
}

#[test]
fn what_others_send() {
    let correlated = Some(NegotiationRequest { flags: 0, protocols: Protocols(0x0B), correlation_id: Some([7; 16]) });
    let correlation = [&b"\x01\x08\x08\0\x0b\0\0\0\x06\0\x24\0"[..], &[7; 16], &[0; 16]].concat();
    for (title, rest, routing, negotiation) in [
        ("nothing but the header", &b""[..], Routing::Nothing, NO),
        ("no cookie", b"\x01\0\x08\0\x0b\0\0\0", Routing::Nothing, offer(0x0B)),
        ("a correlation id", &correlation, Routing::Nothing, correlated),
        ("an empty name", b"Cookie: mstshash=\r\n", Routing::Nothing, NO),
        ("an empty line", b"\r\n", Routing::Nothing, NO),
        ("a name in a code page", b"Cookie: mstshash=\xfc1\r\n", user("ü1"), NO),
        ("Microsoft's token", b"Cookie: msts=1.2\r\n", token("Cookie: msts=1.2"), NO),
        (
            "Microsoft's collection",
            b"tsv://MS Terminal Services Plugin.1.A\r\n",
            token("tsv://MS Terminal Services Plugin.1.A"),
            NO,
        ),
    ] {
        let bytes = packet(rest);
        assert_eq!(FirstPacket::parse(&bytes), complete(routing, negotiation, bytes.len()), "{title}");
    }
    let reference = b"\x03\0\0\x0b\x06\xe0\0\0\x12\x34\0";
    assert_eq!(FirstPacket::parse(reference), complete(Routing::Nothing, NO, 11), "a reference of the client's own");
}

#[test]
fn what_is_rejected() {
    for (bytes, want) in [
        // xfreerdp /pcb:hello and /pcid:7
        (
            &b"\x20\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x07\0h\0e\0l\0l\0o\0\0\0\0\0\x03\0\0\x2b\x26\xe0"[..],
            Rejection::Preconnection,
        ),
        (b"\x12\0\0\0\0\0\0\0\x02\0\0\0\x07\0\0\0\0\0\x03\0\0\x2b\x26\xe0", Rejection::Preconnection),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", Rejection::Tls),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Rejection::Http),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Rejection::Ssh),
        (b"\0\0\0\0", Rejection::NotRdp),
        (b"\x03\x01\0\x2b", Rejection::NotRdp),
        (b"\x03\0\x10\x01", Rejection::TooLong(4097)),
        (b"\x03\0\xff\xff", Rejection::TooLong(65535)),
        (b"\x03\0\0\x0a", Rejection::Malformed("it is too short")),
        (b"\x03\0\x10\0\xff", Rejection::Malformed("its two lengths disagree")),
        (b"\x03\0\0\x0b\x05", Rejection::Malformed("its two lengths disagree")),
        (b"\x03\0\0\x0b\x06\xd0", Rejection::Malformed("it is another kind of X.224 packet")),
        (b"\x03\0\0\x0e\x09\xe0\0\0\0\0\0abc", Rejection::Malformed("its token or cookie has no end")),
        (&packet(b"a\r\nb\r\n"), Rejection::Malformed("its negotiation request is cut off")),
        (&packet(b"a\r\nCookie: b\r\n"), Rejection::Malformed("what follows the cookie is no negotiation request")),
    ] {
        assert_eq!(FirstPacket::parse(bytes), Parse::Rejected(want), "{bytes:?}");
    }
}

#[test]
fn clean_packets_for_hosts() {
    let bytes = b"\x03\0\0\x22\x1d\xe0\0\0\0\0\0hostler1.QUJD\r\n\x01\x01\x08\0\x0b\0\0\0";
    let Parse::Complete { packet, .. } = FirstPacket::parse(bytes) else { panic!("it is complete") };
    assert_eq!(packet.without_token(), b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\x01\x08\0\x0b\0\0\0");
    let cookie = b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n\x01\x01\x08\0\x0b\0\0\0";
    assert_eq!(packet.with_cookie("alice").as_deref(), Ok(&cookie[..]));
    assert_eq!(packet.with_cookie("a\r\nb"), Err(EncodeError::LineBreak));
    assert_eq!(packet.with_cookie(&"u".repeat(222)), Err(EncodeError::TooLong(222)));
    let mut request = packet.request;
    request.negotiation = request.negotiation.map(|n| NegotiationRequest { correlation_id: Some([7; 16]), ..n });
    let correlated = FirstPacket { request };
    assert_eq!(correlated.without_token(), b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\x01\x08\0\x0b\0\0\0");
}

fn requests() -> impl Strategy<Value = ConnectionRequest> {
    let routing = prop_oneof![
        Just(Routing::Nothing),
        // A line that begins like a negotiation request would be one only with that length and those bytes.
        "[ -~]{1,150}".prop_filter("no cookie", |t| !t.starts_with("Cookie: mstshash=")).prop_map(|t| token(&t)),
        "[a-zäöü@._-]{1,60}".prop_map(|n| user(&n)),
    ];
    let negotiation = (any::<u8>(), any::<u32>(), proptest::option::of(any::<[u8; 16]>()))
        .prop_map(|(f, p, id)| NegotiationRequest { flags: f & !8, protocols: Protocols(p), correlation_id: id });
    (routing, proptest::option::of(negotiation))
        .prop_map(|(routing, negotiation)| ConnectionRequest { routing, negotiation })
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in vec(any::<u8>(), 0..600)) {
        let _judged = FirstPacket::parse(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_header_are_judged(rest in vec(any::<u8>(), 0..248)) {
        let bytes = packet(&rest);
        match FirstPacket::parse(&bytes) {
            Parse::Complete { packet, consumed } => {
                prop_assert_eq!(consumed, bytes.len());
                prop_assert!(!packet.without_token().is_empty());
            }
            Parse::Rejected(Rejection::Malformed(_)) => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_full_buffer_is_never_incomplete(tpkt: bool, byte: u8, mut bytes in vec(any::<u8>(), FIRST_PACKET_BYTES)) {
        bytes[2] = byte % 17;
        if tpkt {
            bytes[..2].copy_from_slice(&[3, 0]);
        }
        prop_assert_ne!(FirstPacket::parse(&bytes), Parse::Incomplete);
    }

    #[test]
    fn what_was_encoded_is_read_again(request in requests(), cut in any::<proptest::sample::Index>()) {
        let Ok(bytes) = request.encode() else { return Ok(()) };
        let consumed = bytes.len();
        prop_assert_eq!(FirstPacket::parse(&bytes[..cut.index(consumed)]), Parse::Incomplete);
        prop_assert_eq!(FirstPacket::parse(&bytes), Parse::Complete { packet: FirstPacket { request }, consumed });
    }
}
