//! What processes of a real xrdp host (0.9.21, Debian 12) show, at the moments of a session's life.

use std::collections::HashSet;

use super::sighting::{Candidate, Sighting, connected_displays, find_sessions, is_of_interest, sesman_pids};
use super::{Process, SessionKey};
use crate::sources::process::{parse_command_line, parse_uid};

/// The part of a stat line between the parent and the start time.
const MIDDLE: &str = "0 0 0 -1 4194560 156 0 0 0 0 0 0 0 20 0 1 0";
const XORG: &str = "-auth|.Xauthority|-config|xrdp/xorg.conf|-noreset|-nolisten|tcp|-logfile|.xorgxrdp.%s.log|";
const NOW_MS: u64 = 752_890;

/// pid, name, state, parent, user, start, command line with bars for zero bytes.
type Row<'a> = (u32, &'a str, &'a str, u32, u32, u64, &'a str);

/// What happens, the processes, the connected displays; then the sessions and logons in flight that must be found.
type Moment<'a> = (&'a str, Vec<Row<'a>>, &'a [u32], Vec<Sighting>, u32);

const SERVICE: Row<'_> = (11, "xrdp-sesman", "S", 1, 0, 63_183, "xrdp-sesman|-n|");
const DESKTOP: [Row<'_>; 4] = [
    (15, "xrdp-sesman", "S", 11, 0, 63_336, "xrdp-sesman|-n|"),
    (16, "openbox", "S", 15, 1001, 63_337, "openbox|"),
    (17, "Xorg", "S", 15, 1001, 63_338, "/usr/lib/xorg/Xorg|:10|XORG"),
    (25, "xrdp-chansrv", "S", 15, 1001, 63_363, "/usr/sbin/xrdp-chansrv|"),
];
const APPLICATION: [Row<'_>; 4] = [
    (188, "xrdp-sesman", "S", 11, 0, 74_635, "xrdp-sesman|-n|"),
    (189, "sh", "S", 188, 1002, 74_635, "sh|-c|xterm -e top|"),
    (190, "Xorg", "S", 188, 1002, 74_636, "/usr/lib/xorg/Xorg|:11|XORG"),
    (198, "xrdp-chansrv", "S", 188, 1002, 74_662, "/usr/sbin/xrdp-chansrv|"),
];

fn candidates(rows: &[Row<'_>]) -> Vec<Candidate> {
    rows.iter()
        .map(|(pid, name, state, parent, uid, start, line)| Candidate {
            process: Process::parse_stat(&format!("{pid} ({name}) {state} {parent} {MIDDLE} {start} 12484608 975\n"))
                .unwrap(),
            uid: parse_uid(&format!("Name:\t{name}\nUmask:\t0022\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")).unwrap(),
            args: parse_command_line(&line.replace("XORG", XORG).replace('|', "\0")),
        })
        .collect()
}

fn desktop(active: bool) -> Sighting {
    Sighting {
        key: SessionKey { leader: 15, start_ticks: 63_336 },
        uid: 1001,
        display: 10,
        active,
        window_manager: Some(16),
        command: Some("openbox".into()),
    }
}

fn application(active: bool) -> Sighting {
    Sighting {
        key: SessionKey { leader: 188, start_ticks: 74_635 },
        uid: 1002,
        display: 11,
        active,
        window_manager: Some(189),
        command: Some("xterm -e top".into()),
    }
}

#[test]
fn moments() {
    let leader = APPLICATION[0];
    let waiting = (189, "xrdp-sesman", "S", 188, 0, 74_635, "xrdp-sesman|-n|");
    let cases: Vec<Moment<'_>> = vec![
        ("no session", vec![SERVICE], &[], vec![], 0),
        ("no sesman at all", vec![], &[10], vec![], 0),
        ("the leader alone", vec![SERVICE, leader], &[], vec![], 1),
        ("its children have not started their programs", vec![SERVICE, leader, waiting], &[], vec![], 1),
        ("X runs, the window manager waits for it", vec![SERVICE, leader, waiting, APPLICATION[2]], &[], vec![], 1),
        ("complete", [&[SERVICE][..], &APPLICATION].concat(), &[11], vec![application(true)], 0),
        (
            "two, one of them without a client",
            [&APPLICATION[..], &[SERVICE], &DESKTOP].concat(),
            &[11, 12],
            vec![desktop(false), application(true)],
            0,
        ),
        ("one session, one logon", [&[SERVICE, leader, waiting][..], &DESKTOP].concat(), &[10], vec![desktop(true)], 1),
        (
            "an old session whose window manager has ended",
            vec![SERVICE, DESKTOP[0], (16, "openbox", "Z", 15, 1001, 63_337, ""), DESKTOP[2]],
            &[],
            vec![Sighting { window_manager: None, command: None, ..desktop(false) }],
            0,
        ),
        ("an old leader without X is stuck", vec![SERVICE, DESKTOP[0], DESKTOP[1]], &[], vec![], 0),
        (
            "the leader has ended",
            vec![SERVICE, (15, "xrdp-sesman", "Z", 11, 0, 63_336, ""), DESKTOP[1], DESKTOP[2]],
            &[10],
            vec![],
            0,
        ),
        (
            "a user's programs with borrowed names",
            vec![
                SERVICE,
                (300, "xrdp-sesman", "S", 1, 1001, 63_400, "xrdp-sesman|"),
                (301, "xrdp-sesman", "S", 300, 1001, 63_401, "xrdp-sesman|"),
                (302, "Xorg", "S", 301, 1001, 63_402, "Xorg|:10|XORG"),
                (303, "openbox", "S", 301, 1001, 63_403, "openbox|"),
            ],
            &[10],
            vec![],
            0,
        ),
        (
            "an X server that is not xrdp's, an unreadable display",
            vec![
                SERVICE,
                leader,
                (190, "Xorg", "S", 188, 1002, 74_636, "Xorg|:11|-config|other.conf|"),
                (191, "Xorg", "S", 188, 1002, 74_636, "Xorg|:x|XORG"),
                APPLICATION[1],
            ],
            &[11],
            vec![],
            1,
        ),
    ];
    for (what, rows, displays, sessions, in_flight) in cases {
        let displays: HashSet<u32> = displays.iter().copied().collect();
        assert_eq!(find_sessions(&candidates(&rows), &displays, NOW_MS, 100), (sessions, in_flight), "{what}");
    }
}

#[test]
fn a_logon_counts_for_a_minute() {
    let rows = candidates(&[SERVICE, APPLICATION[0]]);
    for (now_ms, expected) in [(746_350, 1), (806_350, 1), (806_351, 0), (0, 1)] {
        assert_eq!(find_sessions(&rows, &HashSet::new(), now_ms, 100), (vec![], expected), "{now_ms}");
    }
}

#[test]
fn commands_are_one_short_line() {
    let long = "a".repeat(300);
    for (line, expected) in [
        ("sh|-c|xterm\n -e\ttop|", Some("xterm  -e top".to_owned())),
        ("/bin/sh|-c|x|", Some("/bin/sh -c x".to_owned())),
        ("startplasma-x11|--a b|", Some("startplasma-x11 --a b".to_owned())),
        (&long, Some("a".repeat(200))),
        ("", None),
    ] {
        let wm = (189, "wm", "S", 188, 1002, 74_635, line);
        let (sessions, _) =
            find_sessions(&candidates(&[SERVICE, APPLICATION[0], wm, APPLICATION[2]]), &HashSet::new(), NOW_MS, 100);
        assert_eq!(sessions, [Sighting { command: expected, ..application(false) }], "{line}");
    }
}

#[test]
fn only_sesman_and_its_children_are_looked_at() {
    let all: Vec<Process> =
        candidates(&[SERVICE, DESKTOP[0], DESKTOP[1], (87, "xterm", "S", 16, 1001, 63_382, "xterm|")])
            .into_iter()
            .map(|candidate| candidate.process)
            .collect();
    let pids = sesman_pids(&all);
    assert_eq!(pids, HashSet::from([11, 15]));
    assert_eq!(all.iter().map(|process| is_of_interest(process, &pids)).collect::<Vec<_>>(), [true, true, true, false]);
}

#[test]
fn sockets() {
    let text = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000058d7d9ed: 00000003 00000000 00000000 0001 03 23401
000000002bbbba51: 00000003 00000000 00000000 0001 03 21935 @/tmp/.X11-unix/X10
00000000a3071112: 00000002 00000000 00010000 0001 01 23367 /run/xrdp/sockdir/xrdp_display_10
00000000a3177d06: 00000002 00000000 00000000 0002 01 23368 /run/xrdp/sockdir/xrdp_disconnect_display_10
0000000005dc58e1: 00000002 00000000 00010000 0001 01 23381 /run/xrdp/sockdir/xrdpapi_10
000000009d449ada: 00000002 00000000 00010000 0001 01 28561 /run/xrdp/sockdir/xrdp_display_11
000000006dc04cd3: 00000003 00000000 00000000 0001 03 26065 /run/xrdp/sockdir/xrdp_display_11
00000000aefb0f7c: 00000003 00000000 00000000 0001 03 28585 /run/xrdp/sockdir/xrdp_chansrv_socket_12
00000000aefb0f7d: 00000003 00000000 00000000 0001 03 28586 /run/xrdp/sockdir/xrdp_display_x
00000000aefb0f7e: 00000003 00000000 00000000 0001 03
garbage
";
    assert_eq!(connected_displays(text), HashSet::from([11]));
    assert_eq!(connected_displays(""), HashSet::new());
}
