//! The daemon on a host that fails it: a full disk, a disk that fails, a database that is locked, no descriptors left.
//!
//! What it writes of its state it writes by pwrite64 (the database) and writev (output); faults_points.rs makes all calls of these names fail,
//! and here they fail for a while. Three calls fail nowhere by strace(1). write: the daemon's go to the eventfd that wakes its runtime and
//! to its log, never to the state, which faults_points.rs makes sure of. epoll_wait: no kernel lets it fail like this, and a
//! runtime that cannot wait is lost. fcntl: all that the daemon uses it for while it runs is SQLite's locks, and strace cannot tell one
//! that is taken, which may fail, from one that is given back, which cannot; so here a lock is really held by somebody else.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    time::Duration,
};

use aether_tests::{Unit, eventually, http, locked::Locked, wait::until};
use nix::sys::signal::{Signal, kill};

/// A small file system of a test's own in the place of the state directory.
struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(unit: &Unit) -> Self {
        let path = unit.path("state");
        fs::create_dir(&path).expect("mkdir");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=192m,mode=755", "aether-test"]).arg(&path).status();
        assert!(mounted.expect("mount").success());
        Self(path)
    }

    fn free(&self) -> u64 {
        nix::sys::statvfs::statvfs(&self.0).map(|fs| fs.blocks_available() * fs.fragment_size()).expect("statvfs")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = fs::File::options().create(true).append(true).open(self.0.join("filler")).expect("the filler");
        while file.write_all(&[1; 4096]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the next start of the service may still hold it.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_refuses_new_work_and_nothing_else_until_there_is_room() {
    let mut unit = Unit::new();
    let disk = Disk::mount(&unit);
    fs::write(unit.path("aether.toml"), "listen = \"none\"\n[storage]\nvolume = \"none\"\n").expect("write");
    unit.start();
    let run = |rest: &[&str]| unit.aether(&[&["run", "-d"], rest].concat());
    let id = run(&["--name", "lives", "--", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"]).ok().text();
    let id = id.trim();
    run(&["--name", "ends", "--", "sleep", "600"]).ok();
    assert!(fs::metadata(unit.path("state/reserve")).is_ok_and(|meta| meta.len() > 1 << 20), "there is a reserve");
    disk.fill();
    eventually("new work to be refused", Duration::from_secs(30), || {
        let refused = run(&["--", "true"]);
        (refused.code != 0 && refused.stderr.contains("the disk that holds the state is full")).then_some(())
    });
    let spec = serde_json::json!({ "program": { "type": "command", "argv": ["true"] } });
    http::unix(&unit.path("run/aether.sock"), "POST", "/api/v1/agents").json(&spec).send().refused(507, "NO_SPACE");
    // Reads work, what runs goes on, and ending is always possible and recorded.
    assert!(unit.healthy());
    assert!(unit.aether(&["ps"]).ok().text().contains("lives"));
    unit.aether(&["kill", "ends"]).ok();
    assert_eq!(unit.aether(&["--json", "inspect", "ends"]).ok().json()["state"], "dead");
    assert_eq!(unit.aether(&["--json", "inspect", id]).ok().json()["state"], "running");
    fs::remove_file(unit.path("state/filler")).expect("make room");
    eventually("new work to be taken again", Duration::from_secs(30), || (run(&["--", "true"]).code == 0).then_some(()));
    assert!(disk.free() > 0 && unit.path("state/reserve").exists(), "the reserve is back");
    assert!(!unit.log().contains("panic"), "{}", unit.log());
    // What was acknowledged meanwhile is there after a restart.
    assert_eq!(unit.stop(Duration::from_secs(10)), Some(0));
    unit.start();
    assert_eq!(unit.aether(&["--json", "inspect", "ends"]).ok().json()["state"], "dead");
    unit.aether(&["kill", "lives"]).ok();
}

#[test]
fn a_disk_that_fails_is_said_and_mended() {
    let mut unit = Unit::new();
    unit.start();
    unit.aether(&["run", "-d", "--name", "lives", "--", "sleep", "600"]).ok();
    // What a file system says that the kernel has made read-only (`errors=remount-ro`), and a disk that loses what it was given.
    for (calls, error) in [("pwrite64,ftruncate,fallocate", "EROFS"), ("fdatasync,fsync", "EIO")] {
        fails_and_is_mended(&unit, calls, error);
    }
    assert!(unit.log().contains("the disk of the state works again"), "the connection was opened anew: {}", unit.log());
    assert!(!unit.log().contains("panic"), "{}", unit.log());
}

fn fails_and_is_mended(unit: &Unit, calls: &str, error: &str) {
    let trace = unit.path("trace");
    let mut fault = Command::new("strace");
    fault.args(["-f", "-qq", "-p", &unit.pid().to_string()]);
    fault.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={error}")]);
    let mut fault = fault.arg("-o").arg(&trace).stderr(Stdio::null()).spawn().expect("strace");
    let refused = eventually("a write to be refused", Duration::from_secs(30), || {
        let outcome = unit.aether(&["run", "-d", "--", "true"]);
        (outcome.code != 0).then_some(outcome)
    });
    assert!(refused.stderr.contains("the disk that holds the state fails"), "{error}: {refused}");
    assert_eq!(refused.code, 69, "{refused}");
    assert!(unit.healthy() && unit.aether(&["ps"]).ok().text().contains("lives"), "reads work");
    kill(nix::unistd::Pid::from_raw(i32::try_from(fault.id()).expect("a pid")), Signal::SIGINT).expect("detach");
    fault.wait().expect("strace");
    eventually("writes to be taken again", Duration::from_secs(30), || {
        (unit.aether(&["run", "-d", "--", "true"]).code == 0).then_some(())
    });
}

#[test]
fn a_database_that_somebody_has_locked_is_said_and_waited_for() {
    let mut unit = Unit::new();
    // Nothing else asks for a write, each of which waits for the lock a while.
    fs::write(unit.path("aether.toml"), "listen = \"none\"\n[pool]\nsize = 0\n").expect("write");
    unit.start();
    let run = |rest: &[&str]| unit.aether(&[&["run", "-d"], rest].concat());
    run(&["--name", "lives", "--", "sleep", "600"]).ok();
    let shared = unit.path("shared");
    fs::create_dir(&shared).expect("mkdir");
    let mount = format!("{}:/home/agent/shared", shared.display());
    run(&["--name", "ends", "--mount", &mount, "--", "sh", "-c", "until [ -e shared/go ]; do sleep 0.01; done; exit 9"]).ok();
    {
        let _locked = Locked::database(&unit.path("state"));
        fs::write(shared.join("go"), "").expect("write");
        // Not by the command, which would ask again for a while.
        let spec = serde_json::json!({ "program": { "type": "command", "argv": ["true"] } });
        let refused = http::unix(&unit.path("run/aether.sock"), "POST", "/api/v1/agents").json(&spec).send();
        refused.refused(503, "UNAVAILABLE");
        let text = refused.to_string();
        assert!(text.contains("another program has the database of the service locked") && text.contains("fuser"), "{text}");
        assert!(unit.aether(&["ps"]).ok().text().contains("lives"), "reads work");
    }
    let code = |name: &str| unit.aether(&["--json", "inspect", name]).ok().json()["exit"]["code"].as_u64();
    eventually("the end to be recorded", Duration::from_secs(30), || (code("ends") == Some(9)).then_some(()));
    run(&["--", "true"]).ok();
    assert!(!unit.log().contains("panic"), "{}", unit.log());
    unit.kill9();
    unit.start();
    assert_eq!(unit.aether(&["--json", "inspect", "ends"]).ok().json()["exit"]["code"], 9);
    unit.aether(&["kill", "lives"]).ok();
}

#[test]
fn output_that_cannot_be_kept_for_a_while_costs_no_agent_and_no_line_after_it() {
    let mut unit = Unit::new();
    unit.start();
    let talk = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done";
    let id = unit.aether(&["run", "-d", "--name", "talks", "--", "sh", "-c", talk]).ok().text().trim().to_owned();
    let log = unit.path(&format!("state/logs/{id}.0.log"));
    until("output to be kept", || fs::metadata(&log).is_ok_and(|meta| meta.len() > 0));
    let mut fault = Command::new("strace");
    fault.args(["-f", "-qq", "-p", &unit.pid().to_string(), "-P"]).arg(&log).arg("-o").arg(unit.path("trace"));
    fault.args(["-e", "trace=writev", "-e", "inject=writev:error=ENOSPC"]);
    let mut fault = fault.stderr(Stdio::null()).spawn().expect("strace");
    until("output that cannot be kept", || unit.log().contains("output could not be kept"));
    kill(nix::unistd::Pid::from_raw(i32::try_from(fault.id()).expect("a pid")), Signal::SIGINT).expect("detach");
    fault.wait().expect("strace");
    let lines = || -> Vec<u64> {
        let text = unit.aether(&["logs", "talks"]).ok().text();
        text.lines().filter_map(|line| line.strip_prefix("line ")?.parse().ok()).collect()
    };
    let gap = |lines: &[u64]| lines.windows(2).position(|two| two[1] != two[0] + 1);
    let kept = eventually("lines after it", Duration::from_secs(20), || {
        let lines = lines();
        gap(&lines).is_some_and(|at| lines.len() > at + 20).then_some(lines)
    });
    let at = gap(&kept).expect("some are missing");
    assert_eq!((kept[0], gap(&kept[at + 1..])), (1, None), "what could be kept is there, in order and once: {kept:?}");
    assert_eq!(unit.aether(&["--json", "inspect", "talks"]).ok().json()["state"], "running");
    unit.aether(&["kill", "talks"]).ok();
}

#[test]
fn without_descriptors_root_still_gets_in() {
    let mut unit = Unit::new();
    fs::write(unit.path("aether.toml"), "listen = \"127.0.0.1:0\"\n").expect("write");
    let daemon = unit.command();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 256; exec \"$@\"", "sh"]).arg(daemon.get_program()).args(daemon.get_args());
    let log = fs::File::options().create(true).append(true).open(unit.path("log")).expect("the log");
    shell.env("NOTIFY_SOCKET", unit.path("notify")).stdin(Stdio::null()).stdout(log.try_clone().expect("dup")).stderr(log);
    unit.start_as(shell);
    let log = unit.log();
    let port = log.split("http://127.0.0.1:").nth(1).expect("the port").chars().take_while(char::is_ascii_digit);
    let port: u16 = port.collect::<String>().parse().expect("a port");
    let idle: Vec<_> = (0..400).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    assert!(idle.len() > 300, "they are accepted by the kernel: {}", idle.len());
    unit.aether(&["run", "--rm", "--", "true"]).ok();
    // All that are left, by root itself: the service waits, and does not end or spin.
    let socket = unit.path("run/aether.sock");
    let taken: Vec<_> = (0..300).filter_map(|_| UnixStream::connect(&socket).ok()).collect();
    until("the service to notice", || unit.log().contains("accept"));
    let before = aether_tests::proc::cpu_ticks(unit.pid());
    std::thread::sleep(Duration::from_secs(2));
    let spent = aether_tests::proc::cpu_ticks(unit.pid()) - before;
    assert!(spent < 100, "{spent} ticks in two seconds: it spins");
    drop((idle, taken));
    eventually("it to recover", Duration::from_secs(20), || {
        (unit.aether(&["run", "--rm", "--", "true"]).code == 0).then_some(())
    });
}
