//! Terminals and byte channels: size, several watchers, scrollback, and flow control instead of loss.
#![forbid(unsafe_code)]

use std::{process::Command, time::Duration};

use aether_tests::{
    Agent, Daemon, cli, http,
    terminal::{Said, Terminal},
};
use serde_json::json;

/// Starts a process in an agent and gives its terminal id.
#[track_caller]
fn exec(daemon: &Daemon, agent: &str, body: &serde_json::Value) -> String {
    let answer = http::unix(&daemon.socket(), "POST", &format!("/api/v1/agents/{agent}/exec")).json(body).send();
    answer.data()["ttyId"].as_str().expect("ttyId").to_owned()
}

#[test]
fn a_shell_knows_its_size_and_hears_of_changes() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "box"], "exec sleep 600");
    let id = exec(&daemon, "box", &json!({ "argv": ["bash", "--norc"], "tty": true, "stdin": true, "cols": 90, "rows": 30 }));
    let mut terminal = Terminal::attach(&daemon, &id, "?stdin=true");
    terminal.types("stty size; tty\n");
    let shown = terminal.until("/dev/pts/");
    assert!(shown.contains("30 90"), "{shown}");
    terminal.resize(132, 43);
    terminal.types("stty size\n");
    terminal.until("43 132");
    terminal.types("exit 6\n");
    let end = loop {
        match terminal.hear() {
            Said::End(code, signal) => break (code, signal),
            Said::Closed => panic!("closed without an end"),
            _ => {}
        }
    };
    assert_eq!(end, (6, String::new()));
}

#[test]
fn several_people_watch_one_terminal_and_newcomers_get_the_scrollback() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "box"], "exec sleep 600");
    let id = exec(&daemon, "box", &json!({ "argv": ["sh"], "tty": true, "stdin": true }));
    let mut first = Terminal::attach(&daemon, &id, "?stdin=true");
    let mut second = Terminal::attach(&daemon, &id, "?stdin=true");
    first.types("echo one-$((1+1))\n");
    assert!(first.until("one-2").contains("one-2"));
    second.until("one-2");
    second.types("echo two-$((2+2))\n");
    first.until("two-4");
    drop((first, second));
    let mut third = Terminal::attach(&daemon, &id, "?from=0");
    let scrollback = third.until("two-4");
    assert!(scrollback.contains("one-2"), "{scrollback}");
    let list = http::unix(&daemon.socket(), "GET", "/api/v1/agents/box/terminals").send().data();
    assert!(list.as_array().expect("a list").iter().any(|tty| tty["ttyId"] == json!(id)), "{list}");
}

#[test]
fn a_stalled_reader_holds_the_program_back_and_loses_nothing() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "box"], "exec sleep 600");
    let id = exec(&daemon, "box", &json!({ "argv": ["seq", "1", "2600000"], "tty": false }));
    let mut reader = Terminal::attach(&daemon, &id, "?from=0");
    reader.prompt = false;
    while !reader.is_quiet(Duration::from_millis(400)) {}
    let ahead = reader.offset;
    assert!(ahead > 0 && ahead <= (1 << 20) + (256 << 10), "{ahead} bytes without an acknowledgement");

    // What was skipped by `is_quiet` is read again from the start by a second, prompt reader.
    drop(reader);
    let id = exec(&daemon, "box", &json!({ "argv": ["seq", "1", "2600000"], "tty": false }));
    let mut reader = Terminal::attach(&daemon, &id, "?from=0");
    let expected: Vec<u8> = (1..=2_600_000u32).flat_map(|i| format!("{i}\n").into_bytes()).collect();
    let mut got = Vec::with_capacity(expected.len());
    let end = loop {
        match reader.hear() {
            Said::Out(offset, data) => {
                assert_eq!(offset, got.len() as u64, "a gap");
                got.extend(data);
            }
            Said::End(code, _) => break code,
            Said::Hello(_) | Said::Err(..) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(end, 0);
    assert!(got == expected, "{} of {} bytes", got.len(), expected.len());
}

#[test]
fn the_client_gives_a_terminal_when_asked_for_one() {
    let daemon = Daemon::start();
    // script(1) gives the client a terminal of its own to stand on.
    let run = |words: &str| {
        let mut command = Command::new("script");
        let client = aether_tests::daemon::bin_dir().join("aether");
        command.args(["-qec", &format!("{} {words}", client.display()), "/dev/null"]).env("AETHER_SOCKET", daemon.socket());
        cli::spawn(command, b"").end(Duration::from_secs(30))
    };
    let outcome = run("run --rm -it -- sh -c 'test -t 0 && test -t 1 && tty && exit 5'");
    assert_eq!(outcome.code, 5, "{outcome}");
    assert!(outcome.text().contains("/dev/pts/"), "{outcome}");
}

#[test]
fn terminal_agents_show_their_screen() {
    let daemon = Daemon::start();
    let script = "printf '\\033[2J\\033[3;5HHello, \\033[1mscreen\\033[0m'; exec sleep 600";
    let id = daemon.aether(["run", "-d", "-t", "--name", "painter", "--", "sh", "-c", script]).ok().text();
    let agent = Agent::new(&daemon, id.trim());
    let screen = aether_tests::eventually("the picture", Duration::from_secs(10), || {
        let screen = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{}/screen", agent.id)).send().data();
        screen["lines"][2].as_str().is_some_and(|line| line.contains("screen")).then_some(screen)
    });
    assert_eq!(screen["lines"][2], "    Hello, screen");
}
