//! `make run`, as a person sees it: a link, an agent that reaches its goal, and a clean end on Ctrl-C.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use aether_tests::{daemon::bin_dir, eventually, http, proc};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

#[test]
fn from_one_command_to_an_agent_at_work_and_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let dir = tempfile::Builder::new().prefix("aether-t-").tempdir().expect("tempdir");
    let state = dir.path().join("state-of-a-person");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let mut script = Command::new(root.join("scripts/run.sh"))
        .env("AETHER_BIN_DIR", bin_dir())
        .env("AETHER_STATE_DIR", &state)
        .env("AETHER_PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("scripts/run.sh");
    let (tell, said) = mpsc::channel();
    let output = BufReader::new(script.stdout.take().expect("piped"));
    std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    let ended = || said.recv_timeout(Duration::from_secs(90)).expect("the script says more");

    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.starts_with("Ctrl-C")) {
        lines.push(ended());
    }
    let text = lines.join("\n");
    let path = text.split_once(&format!("http://127.0.0.1:{port}")).expect("a link").1.split_whitespace().next().expect("a path");
    let signed_in = http::tcp(port, "GET", path).send();
    assert_eq!(signed_in.status, 303, "{signed_in}");
    let session = signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
    let get = |path: &str| http::tcp(port, "GET", path).header("cookie", &session).send();
    assert!(get("/").header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    eventually("the first agent to complete", Duration::from_secs(60), || {
        (get("/api/v1/agents/first-agent").data()["phase"] == "completed").then_some(())
    });
    let report = get("/api/v1/agents/first-agent/files?path=/home/agent/report.md");
    assert!(report.status == 200 && report.body.starts_with(b"#"), "{report}");

    let client = bin_dir().join("aether");
    let client = client.strip_prefix(root).unwrap_or(&client).to_str().expect("UTF-8");
    let commands: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| line.starts_with(client)).collect();
    assert_eq!(commands.len(), 3, "three commands to try:\n{text}");
    for command in commands.iter().filter(|command| !command.contains("-it")) {
        let mut shell = Command::new("timeout");
        let line = command.replacen(client, bin_dir().join("aether").to_str().expect("UTF-8"), 1);
        shell.args(["20", "sh", "-c", &line]).current_dir(dir.path());
        let outcome = aether_tests::cli::spawn(shell, b"").end(Duration::from_secs(30));
        assert!([0, 124].contains(&outcome.code), "as printed: {outcome}");
    }

    let group = Pid::from_raw(i32::try_from(script.id()).expect("a pid"));
    killpg(group, Signal::SIGINT).expect("Ctrl-C");
    let status = eventually("the script to end", Duration::from_secs(40), || script.try_wait().expect("wait"));
    assert!(status.code() == Some(130) || status.success(), "{status}");
    let mark = state.display().to_string();
    let names =
        |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&mark));
    let left: Vec<u32> = proc::all().into_iter().filter(names).collect();
    assert!(left.is_empty(), "still running: {left:?}");
    let mounts = proc::mounts(std::process::id());
    assert!(!mounts.iter().any(|line| line.contains(&mark)), "still mounted: {mounts:?}");
    assert!(http::tcp(port, "GET", "/health").try_send().is_none(), "the port is free again");
    assert!(state.join("state/token").exists(), "state is kept");
}
