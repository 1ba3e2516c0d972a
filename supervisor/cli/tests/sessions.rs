//! Programs joined to our standard streams.

mod fake;

use std::{io::Read as _, os::fd::OwnedFd, process::Stdio};

use fake::{Fake, Reply, Step, agent, end, hello, output, ran};
use nix::{
    pty::{Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, tcgetattr},
    },
    unistd::Pid,
};
use serde_json::json;

const ATTACH: &str = "GET /api/v1/attach/abcdefghijkl";

fn program(steps: Vec<Step>) -> Fake {
    let fake = Fake::start();
    fake.on("POST /api/v1/agents", Reply::Json(201, format!("{{\"data\":{}}}", agent("a", json!({})))));
    fake.data("GET /api/v1/agents/a", &agent("a", json!({})));
    fake.on(ATTACH, Reply::Channel(steps));
    fake
}

#[test]
fn output_and_status_pass_through() {
    let fake = program(vec![hello(false), output(0, 0, b"out\xff\x1b]52;c;x\x07"), output(1, 0, b"err\n"), end(42, "")]);
    let output = fake.command(&["run", "--rm", "--name", "a", "--", "sh", "-c", "x"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(42));
    assert_eq!(output.stdout, b"out\xff\x1b]52;c;x\x07", "a pipe gets every byte");
    assert_eq!(output.stderr, b"err\n");
    let seen = fake.seen();
    assert_eq!(seen[1], "GET /api/v1/attach/abcdefghijkl?from=0&stdin=false");
    let spec: serde_json::Value = serde_json::from_str(seen[0].strip_prefix("POST /api/v1/agents ").unwrap()).unwrap();
    assert_eq!(
        spec["program"],
        json!({"type": "command", "argv": ["sh", "-c", "x"], "tty": false, "stdin": false, "cols": null, "rows": null})
    );
    assert_eq!((spec["ephemeral"].clone(), spec["name"].clone()), (json!(true), json!("a")));
}

#[test]
fn standard_input_is_forwarded_only_when_asked() {
    let fake = program(vec![hello(false), Step::Await(0), Step::Await(1), end(0, "")]);
    assert_eq!(fake.run_with(&["run", "-i", "--", "cat"], b"hello"), ran(0, "", ""));
    assert!(fake.seen().contains(&"frame \"\\0hello\"".to_owned()), "{:?}", fake.seen());
    let fake = program(vec![hello(false), end(0, "")]);
    assert_eq!(fake.run_with(&["run", "--", "cat"], b"hello"), ran(0, "", ""));
    assert!(!fake.seen().iter().any(|line| line.starts_with("frame")));
}

#[test]
fn much_output_is_acknowledged() {
    const PIECE: usize = 200 * 1024;
    let mut steps = vec![hello(false)];
    for n in 0..8 {
        steps.push(output(0, n * PIECE as u64, &vec![b'x'; PIECE]));
        if n % 2 == 1 {
            steps.push(Step::Await(3));
        }
    }
    steps.push(end(0, ""));
    let fake = program(steps);
    assert_eq!(fake.run(&["run", "--", "x"]).stdout.len(), 8 * PIECE);
}

#[test]
fn our_failures_are_125() {
    let fake = Fake::start();
    fake.error("POST /api/v1/agents", 409, "CONFLICT", "the name is taken", "choose another");
    let error = "error: the name is taken\nhint: choose another\n";
    assert_eq!(fake.run(&["run", "--name", "a", "--", "true"]), ran(125, "", error));
    assert_eq!(fake.run(&["run", "-d", "--name", "a", "--", "true"]), ran(5, "", error));
    let missing = "error: cannot lend the directory /nowhere: No such file or directory\nhint: check the path\n";
    assert_eq!(fake.run(&["run", "--mount", "/nowhere:/x", "--", "true"]), ran(125, "", missing));
}

#[test]
fn a_program_that_does_not_start_says_why() {
    let fake = program(vec![hello(false), end(127, "")]);
    fake.data("GET /api/v1/agents/abcdefghijkl/wait", r#"{"code":127,"reason":"nothing: no such program in PATH"}"#);
    assert_eq!(fake.run(&["run", "--", "nothing"]), ran(127, "", "error: nothing: no such program in PATH\n"));
}

#[test]
fn a_broken_connection_is_made_again_without_a_seam() {
    let fake = program(vec![hello(false), output(0, 0, b"hello "), output(1, 0, b"e"), Step::Break]);
    fake.on(ATTACH, Reply::Channel(vec![hello(false), output(0, 5, b" world"), output(1, 0, b"err"), end(0, "")]));
    assert_eq!(fake.run(&["run", "--", "x"]), ran(0, "hello world", "err"));
    assert_eq!(fake.seen()[2], "GET /api/v1/attach/abcdefghijkl?from=6&stdin=false");
}

#[test]
fn nobody_reading_stops_the_agent_quietly() {
    let fake = program(vec![hello(false), Step::Await(0), output(0, 0, b"y\n"), Step::Linger]);
    fake.data("POST /api/v1/agents/abcdefghijkl/stop", &agent("a", json!({})));
    let mut child = fake
        .command(&["run", "-i", "--", "yes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"go").unwrap();
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(141), ""));
    assert!(fake.seen().iter().any(|line| line.starts_with("POST /api/v1/agents/abcdefghijkl/stop")));
}

#[test]
fn signals_go_to_the_program_and_the_second_interrupt_kills() {
    let fake =
        program(vec![hello(false), Step::Tell("up"), Step::Await(4), Step::Tell("first"), Step::Await(4), end(130, "SIGINT")]);
    let child = fake.command(&["run", "--", "x"]).stdin(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    assert_eq!(fake.told(), "up");
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(fake.told(), "first");
    kill(pid, Signal::SIGINT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(fake.seen().contains(&"frame \"\\u{4}\\u{f}\\0\\0\\0\"".to_owned()), "{:?}", fake.seen());

    let fake = program(vec![hello(false), Step::Tell("up"), Step::Await(4), Step::Tell("first"), Step::Linger]);
    fake.error("POST /api/v1/agents/abcdefghijkl/kill", 409, "CONFLICT", "it has ended", "");
    let child = fake.command(&["run", "--", "x"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    assert_eq!(fake.told(), "up");
    kill(pid, Signal::SIGINT).unwrap();
    assert_eq!(fake.told(), "first");
    kill(pid, Signal::SIGINT).unwrap();
    assert_eq!(fake::Ran::from(child.wait_with_output().unwrap()), ran(125, "", "error: it has ended\n"));
}

#[test]
fn exec_passes_status_and_words() {
    let fake = program(vec![]);
    fake.on("POST /api/v1/agents/a/exec", Reply::Json(201, r#"{"data":{"ttyId":"abcdefghijkl.3"}}"#.into()));
    fake.on("GET /api/v1/attach/abcdefghijkl.3", Reply::Channel(vec![hello(false), output(0, 0, b"hi\n"), end(7, "")]));
    assert_eq!(fake.run(&["exec", "--env", "A=b=c", "--workdir", "/tmp", "a", "--", "echo", "hi"]), ran(7, "hi\n", ""));
    let body =
        r#"POST /api/v1/agents/a/exec {"argv":["echo","hi"],"env":{"A":"b=c"},"workdir":"/tmp","tty":false,"stdin":false}"#;
    assert_eq!(fake.seen()[0], body);
    assert_eq!(fake.run(&["exec", "nobody", "--", "x"]).status, 125);
    for (status, code, cause, exit) in [
        (404, "NOT_FOUND", "x: execve: No such file or directory", 127),
        (403, "DENIED", "x: execve: Permission denied", 126),
        (404, "NOT_FOUND", "/nowhere: chdir: No such file or directory", 125),
    ] {
        let fake = Fake::start();
        fake.error("POST /api/v1/agents/a/exec", status, code, cause, "");
        assert_eq!(fake.run(&["exec", "a", "--", "x"]), ran(exit, "", &format!("error: {cause}\n")));
    }
}

/// A terminal, the client on it, and the settings from before.
fn on_terminal(fake: &Fake, args: &[&str]) -> (OwnedFd, OwnedFd, std::process::Child) {
    let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(&size, None).unwrap();
    let stream = || Stdio::from(pty.slave.try_clone().unwrap());
    let child = fake.command(args).stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
    (pty.master, pty.slave, child)
}

fn is_raw(fd: &OwnedFd) -> bool {
    !tcgetattr(fd).unwrap().local_flags.contains(LocalFlags::ICANON)
}

#[test]
fn the_terminal_is_raw_meanwhile_and_whole_afterwards() {
    let steps = vec![
        hello(true),
        output(0, 0, b"$ \x1b[?1049h\x1b]52;c;eA==\x07"),
        // The size is sent once the terminal is raw.
        Step::Await(2),
        Step::Tell("up"),
        Step::Await(0),
        Step::Tell("typed"),
        Step::Linger,
    ];
    let fake = program(steps);
    let (master, slave, mut child) = on_terminal(&fake, &["run", "-it", "--", "sh"]);
    let before = tcgetattr(&slave).unwrap();
    assert_eq!(fake.told(), "up");
    // Ctrl-C is a key for the program, not a signal for the client.
    nix::unistd::write(&master, b"\x03").unwrap();
    assert_eq!(fake.told(), "typed");
    assert!(is_raw(&slave));
    nix::unistd::write(&master, b"\x10").unwrap();
    nix::unistd::write(&master, b"\x11").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let after = tcgetattr(&slave).unwrap();
    assert_eq!(
        (before.local_flags, before.input_flags, before.output_flags),
        (after.local_flags, after.input_flags, after.output_flags)
    );
    let mut shown = vec![0; 4096];
    let read = nix::unistd::read(&master, &mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown[..read]).into_owned();
    assert!(shown.contains("$ \x1b[?1049h") && !shown.contains("]52;"), "{shown:?}");
    assert!(fake.seen().contains(&"frame \"\\0\\u{3}\"".to_owned()), "{:?}", fake.seen());
    assert!(fake.seen().contains(&"frame \"\\u{2}d\\0(\\0\"".to_owned()), "{:?}", fake.seen());
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let fake = program(vec![]);
    fake.on("GET /api/v1/attach/a", Reply::Channel(vec![hello(true), Step::Await(0), Step::Tell("typed"), Step::Linger]));
    let (master, slave, mut child) = on_terminal(&fake, &["attach", "a"]);
    nix::unistd::write(&master, b"x\n").unwrap();
    assert_eq!(fake.told(), "typed");
    assert!(is_raw(&slave));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!is_raw(&slave));
}

#[test]
fn the_end_of_the_program_gives_the_terminal_back() {
    let fake = program(vec![hello(true), Step::Await(0), end(3, "")]);
    let (master, slave, mut child) = on_terminal(&fake, &["run", "-it", "--", "sh"]);
    nix::unistd::write(&master, b"x\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(!is_raw(&slave));
}

#[test]
fn stats_take_keys_without_showing_them_and_q_ends() {
    let fake = Fake::start();
    let name = "a-name-that-is-long-and-has-to-be-cut-somewhere";
    let body = format!("{{\"data\":[{}],\"meta\":{{\"total\":1,\"limit\":500,\"offset\":0}}}}", agent(name, json!({})));
    fake.on("GET /api/v1/agents", Reply::Json(200, body));
    let (master, slave, mut child) = on_terminal(&fake, &["stats"]);
    let mut shown = String::new();
    while !shown.ends_with("\x1b[?7h") {
        let mut piece = vec![0; 4096];
        let read = nix::unistd::read(&master, &mut piece).unwrap();
        shown.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    // A line that is too long is cut by the terminal, so that the next picture is drawn over this one.
    assert!(shown.starts_with("\x1b[?7l") && shown.contains("q ends"), "{shown:?}");
    let flags = tcgetattr(&slave).unwrap().local_flags;
    assert!(!flags.intersects(LocalFlags::ECHO | LocalFlags::ICANON) && flags.contains(LocalFlags::ISIG));
    nix::unistd::write(&master, b"xq").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(tcgetattr(&slave).unwrap().local_flags.contains(LocalFlags::ECHO | LocalFlags::ICANON));
}

#[test]
fn a_queued_agent_is_waited_for() {
    let fake = Fake::start();
    let queued = agent("a", json!({"state": "queued", "phase": "booting", "queuePosition": 2}));
    fake.on("POST /api/v1/agents", Reply::Json(201, format!("{{\"data\":{queued}}}")));
    fake.data("GET /api/v1/agents/abcdefghijkl", &queued).data("GET /api/v1/agents/abcdefghijkl", &agent("a", json!({})));
    let started = json!({"seq": 1, "at": "2026-01-01T00:00:00.000Z", "agentId": "abcdefghijkl", "owner": "root",
        "type": "process.dequeued", "pid": 7, "priority": 3});
    fake.on("GET /api/v1/events", Reply::Events { data: vec![started.to_string()], stays_open: true });
    fake.on(ATTACH, Reply::Channel(vec![hello(false), output(0, 0, b"now\n"), end(0, "")]));
    assert_eq!(fake.run(&["run", "--", "x"]), ran(0, "now\n", "a waits in the queue (place 2)\n"));
}
