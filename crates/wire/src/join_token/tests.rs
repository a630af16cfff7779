use super::*;
use proptest::prelude::*;

fn token(address: &str) -> JoinToken {
    JoinToken {
        role: MemberRole::Gateway,
        site: SiteId([1; 16]),
        id: TokenId([2; 16]),
        expires: Wall(1_800_000_000_000),
        issuer: Fingerprint([3; 16]),
        address: address.parse().unwrap(),
        secret: JoinSecret::new([4; 16]),
    }
}

/// Made by hand, with a right checksum.
fn sealed(letter: char, body: &[u8]) -> String {
    let bytes = [body, &checksum(letter, body)].concat();
    format!("{START}{letter}_{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

#[test]
fn a_token_never_changes_its_form() {
    let text = token("10.0.0.1:20001").reveal();
    assert_eq!(
        text,
        "hostler_g_aeafwaibaeaqcaibaeaqcaibaeaqcaicaibaeaqcaibaeaqcaibaeaqcaaaadiyylriaaaydambqgaydambqgaydambqgayeaqcaibaeaqcaibaeaqcaibaeaahdcmbogaxdalrrhizdambqgh4vuggk7u"
    );
    assert_eq!(text.parse(), Ok(token("10.0.0.1:20001")));
    assert_eq!(format!("{:?}", token("10.0.0.1:20001")), "JoinToken(aibaeaqc for a gateway at 10.0.0.1:20001)");
    let broken_up: String = text.chars().flat_map(|c| [c, '\n', ' ']).collect();
    assert_eq!(broken_up.parse(), Ok(token("10.0.0.1:20001")), "white space does not matter");
}

#[test]
fn what_is_wrong_is_told() {
    let good = token("10.0.0.1:20001").reveal();
    let chars = good.len() - 10;
    let mut newer = vec![2, 0, 9];
    newer.extend([0; 6]);
    let mut contradiction = vec![1, 0, (FIXED_BYTES + 4) as u8];
    contradiction.extend([0; FIXED_BYTES + 1]);
    let mut no_address = vec![1, 0, (FIXED_BYTES + 3) as u8];
    no_address.extend([0; 16 + 16 + 8 + 16 + 16]);
    no_address.extend(b"\0\x03abc");
    for (text, expected) in [
        (String::new(), JoinTokenError::NotAToken),
        ("hostler_x_aaaa".into(), JoinTokenError::NotAToken),
        (good.to_uppercase(), JoinTokenError::NotAToken),
        ("hostler_g_".into(), JoinTokenError::CutOff { have: 0, want: None }),
        (good[..15].into(), JoinTokenError::CutOff { have: 5, want: None }),
        (good[..good.len() - 1].into(), JoinTokenError::CutOff { have: chars - 1, want: Some(chars) }),
        (good[..20].into(), JoinTokenError::CutOff { have: 10, want: Some(chars) }),
        (good.clone() + "a", JoinTokenError::TooLong { have: chars + 1, want: chars }),
        (good.replacen("_g_", "_b_", 1), JoinTokenError::Checksum),
        (good.replacen(&good[40..41], "1", 1), JoinTokenError::Character { at: good.find(&good[40..41]).unwrap() + 1 }),
        (sealed('g', &newer), JoinTokenError::Version(2)),
        (sealed('g', &contradiction), JoinTokenError::Content("its lengths contradict each other".into())),
        (
            sealed('g', &no_address),
            JoinTokenError::Content("\"abc\" has no port: write HOST:PORT, and [ADDRESS]:PORT for IPv6".into()),
        ),
    ] {
        assert_eq!(text.parse::<JoinToken>(), Err(expected), "{text}");
    }
    let token = token("h:1");
    assert_eq!(token.check_role(MemberRole::Gateway), Ok(()));
    assert_eq!(
        token.check_role(MemberRole::Agent).unwrap_err().to_string(),
        "the join token is for the role gateway, not for the role agent: ask for one with `hostler token create agent`"
    );
    assert_eq!(token.check_time(Wall(1_799_999_999_999)), Ok(()));
    assert_eq!(token.check_time(Wall(1_800_000_002_000)), Err(JoinTokenError::Expired(2)));
}

#[test]
fn any_other_character_anywhere_is_noticed() {
    let good = token("rdsh-broker.example:20001").reveal();
    for at in 0..good.len() {
        for other in (b' '..=b'~').map(char::from).chain(['ä', '\0']) {
            let mut bent = good.clone();
            bent.replace_range(at..=at, &other.to_string());
            if bent != good {
                assert!(bent.parse::<JoinToken>().is_err(), "{other:?} at {at}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,300}", code in "[a-z2-7]{0,400}", letter in "[bga]", cut in 0usize..200) {
        let _ = text.parse::<JoinToken>();
        let _ = format!("hostler_{letter}_{code}").parse::<JoinToken>();
        let good = token("10.0.0.1:20001").reveal();
        let _ = format!("{}{code}", good.get(..cut).unwrap_or_default()).parse::<JoinToken>();
    }

    #[test]
    fn any_sealed_bytes_are_read_without_a_panic(mut body in proptest::collection::vec(any::<u8>(), 3..400), known: bool) {
        let length = (body.len() as u16).to_be_bytes();
        body[1..3].copy_from_slice(&length);
        if known {
            body[0] = VERSION;
        }
        let _ = sealed('a', &body).parse::<JoinToken>();
    }

    #[test]
    fn one_other_character_is_noticed_in_any_token(
        (site, id, issuer, secret) in any::<([u8; 16], [u8; 16], [u8; 16], [u8; 16])>(),
        expires in any::<u64>(),
        at in 10usize..150,
        to in "[a-z2-7]",
    ) {
        let token = JoinToken {
            role: MemberRole::Agent,
            site: SiteId(site),
            id: TokenId(id),
            expires: Wall(expires),
            issuer: Fingerprint(issuer),
            address: "127.0.0.2:20001".parse().unwrap(),
            secret: JoinSecret::new(secret),
        };
        let good = token.reveal();
        prop_assert_eq!(good.parse(), Ok(token));
        let mut bent = good.clone();
        bent.replace_range(at..=at, &to);
        prop_assert!(bent == good || bent.parse::<JoinToken>().is_err());
    }
}
