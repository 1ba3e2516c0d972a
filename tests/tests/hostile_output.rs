//! What a hostile agent prints reaches a person's terminal as a picture only: nothing is answered, set, or left behind.
#![forbid(unsafe_code)]

use std::{fs, process::Command};

use aether_tests::{Daemon, http, pty::Pty};

/// What an agent prints, and what of it a terminal must never see.
const ATTACKS: [(&str, &[u8], &[u8]); 29] = [
    ("the clipboard is set (OSC 52)", b"\x1b]52;c;ZXZpbA==\x07", b"]52"),
    ("the clipboard is asked for (OSC 52)", b"\x1b]52;c;?\x07", b";?\x07"),
    ("the font is asked for (OSC 50)", b"\x1b]50;?\x07", b"]50"),
    ("a file is written (OSC 1337)", b"\x1b]1337;File=name=eA==;inline=0:AAAA\x07", b"]1337"),
    ("the title is set (OSC 0)", b"\x1b]0;rm -rf ~\x07", b"]0;"),
    ("the title is set (OSC 2)", b"\x1b]2;rm -rf ~\x1b\\", b"]2;"),
    ("the title is reported (CSI 21 t)", b"\x1b[21t", b"[21t"),
    ("the window is resized (CSI 8 t)", b"\x1b[8;2;2t", b"[8;2;2t"),
    ("settings are asked for (DECRQSS)", b"\x1bP$q\"p\x1b\\", b"\x1bP"),
    ("terminfo is asked for (XTGETTCAP)", b"\x1bP+q544e\x1b\\", b"+q544e"),
    ("attributes are asked for (DA)", b"\x1b[c", b"[c"),
    ("attributes are asked for (DA2)", b"\x1b[>c", b"[>c"),
    ("attributes are asked for (DECID)", b"\x1bZ", b"\x1bZ"),
    ("the status is asked for (DSR)", b"\x1b[5n", b"[5n"),
    ("the cursor is asked for (CPR)", b"\x1b[6n", b"\x1b[6n"),
    ("a mode is asked for (DECRQM)", b"\x1b[?2026$p", b"$p"),
    ("a colour is asked for (OSC 11)", b"\x1b]11;?\x07", b"]11"),
    ("an answerback is asked for (ENQ)", b"\x05", b"\x05"),
    ("a picture fills the memory (sixel)", b"\x1bPq#0;2;0;0;0#0!9999999~~@@\x1b\\", b"~~@@"),
    ("a file is read (kitty)", b"\x1b_Gf=32,t=f;L2V0Yy9wYXNzd2Q=\x1b\\", b"L2V0"),
    ("eight bits: CSI", b"\x9b6n", b"\x9b"),
    ("eight bits: OSC", b"\x9d52;c;ZXZpbA==\x9c", b"\x9d"),
    ("eight bits: DCS", b"\x90$qm\x9c", b"\x90"),
    ("eight bits in UTF-8: CSI", b"\xc2\x9b6n", b"\xc2\x9b"),
    ("everything is reset (RIS)", b"\x1bc", b"\x1bc"),
    ("what scrolled away is forgotten (ED 3)", b"\x1b[3J", b"[3J"),
    ("pasting ends", b"\x1b[201~", b"[201~"),
    ("a key is programmed (DECUDK)", b"\x1bP1;1|17/726D\x1b\\", b"726D"),
    ("a link opens a file (OSC 8)", b"\x1b]8;;file:///etc/passwd\x07", b"file:"),
];

/// Leaves a terminal as badly as it can: alternate screen, mouse, focus and paste reports, no cursor, red.
const TRAP: &str = r"\033[?1049h\033[?1000h\033[?1004h\033[?2004h\033[?25l\033[31m";

fn hostile() -> Vec<u8> {
    ATTACKS.iter().flat_map(|(_, bytes, _)| bytes.iter().copied()).collect()
}

/// For `printf` of a shell.
fn printed(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}

/// Waits for a key, prints all attacks, counts what is typed to it within a second and a half, and leaves the terminal altered.
fn script() -> String {
    let attacks = printed(&hostile());
    format!(
        "stty raw -echo; printf 'rea''dy'; head -c1 >/dev/null; printf '{attacks}'; printf 'surv''ived'; \
         timeout --foreground 1.5 cat >heard; printf 'heard:%s:' $(wc -c <heard); printf '{TRAP}alt''ered'; exec sleep 600"
    )
}

fn contains(shown: &[u8], part: &[u8]) -> bool {
    shown.windows(part.len()).any(|window| window == part)
}

/// The attacks that a terminal saw.
fn seen(shown: &[u8]) -> Vec<&'static str> {
    ATTACKS.iter().filter(|(.., part)| contains(shown, part)).map(|(what, ..)| *what).collect()
}

/// Goes through the script as a person would and leaves with the detach keys: what the terminal saw, heard and is after it.
#[track_caller]
fn visit(command: &Command) {
    let mut pty = Pty::start(command);
    let before = pty.settings();
    pty.until("ready");
    assert_ne!(pty.settings(), before, "the keys go to the agent");
    pty.types(b"g");
    pty.until("survived");
    let shown = pty.until("heard:");
    pty.until("altered");
    pty.types(b"\x10\x11");
    assert_eq!(pty.end(), Some(0));
    let all = pty.shown();
    assert_eq!(seen(&shown), Vec::<&str>::new(), "{}", shown.escape_ascii());
    assert_eq!(pty.answers(), 0, "{}", shown.escape_ascii());
    assert!(contains(&all, b"heard:0:"), "something was typed to the agent: {}", all.escape_ascii());
    let text = std::str::from_utf8(&shown).expect("UTF-8");
    assert!(!text.chars().any(|c| ('\u{80}'..='\u{9f}').contains(&c)), "{text:?}");
    // What the agent turned on is turned off again, after its last byte.
    let at = all.windows(7).rposition(|window| window == b"altered").expect("shown");
    for undone in ["\x1b[?1049l", "\x1b[?1000l", "\x1b[?1004l", "\x1b[?2004l", "\x1b[?25h", "\x1b[0m"] {
        assert!(contains(&all[at..], undone.as_bytes()), "{undone:?} is missing in {}", all[at..].escape_ascii());
    }
    assert_eq!(pty.settings(), before, "the line is as it was");
}

#[test]
fn a_terminal_that_is_shown_the_bytes_themselves_obeys() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("hostile");
    fs::write(&file, [hostile(), b"survived".to_vec()].concat()).expect("write");
    let mut cat = Command::new("cat");
    cat.arg(&file);
    let mut pty = Pty::start(&cat);
    let shown = pty.until("survived");
    assert_eq!(pty.end(), Some(0));
    assert_eq!(seen(&shown).len(), ATTACKS.len(), "the harness sees only {:?}", seen(&shown));
    assert!(pty.answers() >= 14, "{} answers", pty.answers());
}

#[test]
fn an_agents_terminal_only_draws_on_the_persons() {
    let daemon = Daemon::start();
    daemon.aether(["run", "-d", "-it", "--name", "attached", "--", "sh", "-c", &script()]).ok();
    visit(&daemon.command(["attach", "attached"]));
    visit(&daemon.command(["run", "-it", "--name", "run", "--", "sh", "-c", &script()]));
    visit_exec(&daemon);
}

/// As [`visit`], in a second terminal of an agent.
fn visit_exec(daemon: &Daemon) {
    daemon.agent(&["--name", "host"], "exec sleep 600");
    visit(&daemon.command(["exec", "-it", "host", "--", "sh", "-c", &script()]));
}

#[test]
fn without_a_terminal_of_its_own_it_only_draws_as_well() {
    let daemon = Daemon::start();
    let attacks = printed(&hostile());
    let script = format!("printf '{attacks}'; printf '{attacks}' >&2; echo; echo survived");
    let mut pty = Pty::start(&daemon.command(["run", "--rm", "--", "sh", "-c", &script]));
    let shown = pty.until("survived");
    assert_eq!((pty.end(), pty.answers(), seen(&shown)), (Some(0), 0, Vec::new()), "{}", shown.escape_ascii());
}

#[test]
fn logs_show_text_and_colours_only() {
    let daemon = Daemon::start();
    let attacks = printed(&hostile());
    let script = format!("printf '{attacks}'; printf '\\033[31mred\\033[0m\\tone\\rtwo\\nsurvived\\n'; printf '{attacks}' >&2");
    let agent = daemon.agent(&[], &script);
    agent.prints("survived");
    agent.reaches("dead");
    let mut pty = Pty::start(&daemon.command(["logs", &agent.id]));
    assert_eq!(pty.end(), Some(0));
    let shown = pty.until("survived");
    assert_eq!((pty.answers(), seen(&shown)), (0, Vec::new()), "{}", shown.escape_ascii());
    let text = agent.logs();
    assert!(text.contains("\x1b[31mred\x1b[0m\tone\ntwo\n"), "{text:?}");
    let rest = text.replace("\x1b[31m", "").replace("\x1b[0m", "");
    assert!(!rest.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{rest:?}");
    // The control: the bytes are kept as they were printed, for whoever asks for bytes.
    let kept = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{}/logs?stream=all", agent.id)).send();
    assert!(contains(&kept.body, b"\x1b]52;c;ZXZpbA==\x07"), "{kept}");
}
