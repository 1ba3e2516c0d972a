//! What a service manager sees: readiness, reload, the watchdog, passed sockets, an orderly end, and declared agents.
#![forbid(unsafe_code)]

use std::{
    fs,
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use aether_tests::{Unit, eventually, http, proc, wait::until};
use nix::sys::signal::{Signal, kill};

fn most_at_a_time(unit: &Unit) -> u64 {
    let status = http::unix(&unit.path("run/aether.sock"), "GET", "/api/v1/system/status").send().data();
    status["maxConcurrent"].as_u64().unwrap_or_else(|| panic!("{status}"))
}

#[test]
fn a_reload_takes_over_a_good_file_and_keeps_the_old_one_on_an_error() {
    let mut unit = Unit::new();
    unit.start();
    assert_eq!(most_at_a_time(&unit), 20);
    let put = |text: &str| fs::write(unit.path("aether.toml"), text).expect("write");
    put("listen = \"none\"\n[agents]\nmax_concurrent = 7\n");
    let reload = || {
        unit.forget();
        unit.signal(Signal::SIGHUP);
        until("the end of the reload", || unit.said("READY=1"));
        assert!(unit.said("RELOADING=1\nMONOTONIC_USEC="), "{}", unit.heard());
    };
    reload();
    assert_eq!(most_at_a_time(&unit), 7);
    put("listen = \"none\"\n[agents]\nmax_concurrent = 0\n");
    reload();
    assert!(unit.said("the old configuration stays"), "{}", unit.heard());
    assert!(unit.log().contains("aether.toml:3: agents.max_concurrent: must be at least 1"));
    assert_eq!(most_at_a_time(&unit), 7);
    put("listen = \"127.0.0.1:0\"\n[agents]\nmax_concurrent = 8\n");
    reload();
    assert!(unit.said("waiting for a restart: listen"), "{}", unit.heard());
    assert_eq!(most_at_a_time(&unit), 8);
}

#[test]
fn the_watchdog_is_fed_only_while_the_spawner_answers() {
    let mut unit = Unit::new();
    let mut command = unit.command();
    command.env("WATCHDOG_USEC", "1200000");
    unit.start_as(command);
    until("the watchdog to be fed", || unit.said("WATCHDOG=1"));
    let root = |pid: &u32| proc::status(*pid).is_some_and(|fields| fields["Uid"].starts_with("0 "));
    let spawner = proc::children(unit.pid()).into_iter().find(root).expect("the spawner");
    let spawner = nix::unistd::Pid::from_raw(i32::try_from(spawner).expect("a pid"));
    kill(spawner, Signal::SIGSTOP).expect("stop it");
    let missed = || unit.log().matches("the watchdog is not fed").count();
    until("it to be missed", || missed() >= 1);
    unit.forget();
    until("it to be missed again", || missed() >= 3);
    let fed = unit.said("WATCHDOG=1");
    kill(spawner, Signal::SIGCONT).expect("go on");
    assert!(!fed, "it was fed although the spawner stood still");
    until("it to be fed again", || unit.said("WATCHDOG=1"));
}

#[test]
fn a_socket_that_was_passed_is_served_and_stays() {
    let mut unit = Unit::new();
    fs::create_dir(unit.path("run")).expect("mkdir");
    let socket = unit.path("run/aether.sock");
    let listener = UnixListener::bind(&socket).expect("bind");
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::symlink_metadata(path).expect("the socket"));
    let before = inode(&socket);
    let command = unit.command_with(&listener);
    unit.start_as(command);
    unit.aether(&["run", "--rm", "--", "true"]).ok();
    assert_eq!(unit.stop(Duration::from_secs(10)), Some(0));
    assert_eq!(inode(&socket), before, "the manager's socket is not touched");
    drop(listener);
    fs::remove_file(&socket).expect("remove");
}

#[test]
fn sigterm_ends_the_service_in_time_and_no_agent() {
    let mut unit = Unit::new();
    unit.start();
    let id = unit.aether(&["run", "-d", "--", "sh", "-c", "while :; do echo line; sleep 0.1; done"]).ok().text();
    let id = id.trim();
    let mut follower = unit.client(&["logs", "-f", id]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("logs");
    let mut events = unit.client(&["events", "-f"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("events");
    let pid = |unit: &Unit| unit.aether(&["--json", "inspect", id]).ok().json()["pid"].as_u64().expect("a pid");
    let before = pid(&unit);
    let start = Instant::now();
    assert_eq!(unit.stop(Duration::from_secs(10)), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(unit.said("STOPPING=1"), "{}", unit.heard());
    assert!(proc::runs(u32::try_from(before).expect("a pid")), "the agent goes on");
    unit.start();
    assert_eq!(pid(&unit), before, "and is taken over");
    for client in [&mut follower, &mut events] {
        drop(client.kill());
        drop(client.wait());
    }
}

#[test]
fn a_declared_agent_lives_and_ends_with_its_unit() {
    let mut unit = Unit::new();
    unit.start();
    let dir = unit.path("agents.d");
    fs::create_dir(&dir).expect("mkdir");
    let script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    let declare = |script: &str| {
        let text = format!("[program]\ntype = \"command\"\nargv = [\"sh\", \"-c\", {script:?}]\n");
        fs::write(dir.join("worker.toml"), text).expect("write");
    };
    declare(script);
    let args = ["agent-unit", "run", "--dir", dir.to_str().expect("text"), "worker"];
    let start = |out: &str| {
        let out = fs::File::create(unit.path(out)).expect("create");
        unit.forget();
        unit.client(&args).stdout(out.try_clone().expect("dup")).stderr(out).spawn().expect("start")
    };
    let printed = |out: &str| fs::read_to_string(unit.path(out)).unwrap_or_default();
    let mut first = start("first");
    until("it to be ready", || unit.said("READY=1\nSTATUS=running"));
    until("its output", || printed("first").contains("up\n"));
    let record = || unit.aether(&["--json", "inspect", "worker"]).ok().json();
    let pid = record()["pid"].clone();
    // Its unit is killed, and started again: the agent that lives is taken over.
    first.kill().expect("kill");
    first.wait().expect("wait");
    let mut second = start("second");
    until("it to be taken over", || unit.said("READY=1\nSTATUS=running"));
    assert_eq!(record()["pid"], pid);
    kill(nix::unistd::Pid::from_raw(i32::try_from(second.id()).expect("a pid")), Signal::SIGTERM).expect("signal");
    let status = eventually("the unit to end", Duration::from_secs(30), || second.try_wait().expect("wait"));
    assert!(status.success(), "{status}: {}", printed("second"));
    assert!(printed("second").contains("bye\n"), "{}", printed("second"));
    assert_eq!(record()["state"], "dead");
    // It ends with the status of its program.
    declare("echo new; exit 7");
    let mut third = start("third");
    let status = eventually("the unit to end", Duration::from_secs(30), || third.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(7), "{}", printed("third"));
    assert_eq!(printed("third"), "new\n");
    // One that somebody started by hand is nobody's to take over.
    unit.aether(&["rm", "worker"]).ok();
    unit.aether(&["run", "-d", "--name", "worker", "--", "sleep", "600"]).ok();
    unit.aether(&args).refused(1, "an agent worker exists that no declaration started");
}

#[test]
fn a_unit_outlasts_a_restart_of_the_service() {
    let mut unit = Unit::new();
    unit.start();
    let dir = unit.path("agents.d");
    fs::create_dir(&dir).expect("mkdir");
    let script = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; sleep 0.1; done; exit 3";
    let text = format!("[program]\ntype = \"command\"\nargv = [\"sh\", \"-c\", {script:?}]\n");
    fs::write(dir.join("counter.toml"), text).expect("write");
    let out = fs::File::create(unit.path("out")).expect("create");
    let mut client = unit.client(&["agent-unit", "run", "--dir", dir.to_str().expect("text"), "counter"]);
    let mut client = client.stdout(out.try_clone().expect("dup")).stderr(out).spawn().expect("start");
    let printed = || fs::read_to_string(unit.path("out")).unwrap_or_default();
    until("its first lines", || printed().contains("line 5\n"));
    assert_eq!(unit.stop(Duration::from_secs(10)), Some(0));
    unit.start();
    let status = eventually("the agent's end", Duration::from_secs(60), || client.try_wait().expect("wait"));
    let printed = fs::read_to_string(unit.path("out")).expect("what it printed");
    assert_eq!(status.code(), Some(3), "{printed}");
    let expected: String = (1..=40).map(|n| format!("line {n}\n")).collect();
    assert_eq!(printed, expected, "every line once");
}

/// A cgroup of a test's own, as a unit that holds the agents' place has it.
struct Cgroup(std::path::PathBuf);

impl Drop for Cgroup {
    fn drop(&mut self) {
        eventually("the test's cgroup to be empty", Duration::from_secs(20), || {
            for below in fs::read_dir(&self.0).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
                drop(fs::remove_dir(below.path()));
            }
            fs::remove_dir(&self.0).ok()
        });
    }
}

#[test]
fn agents_live_where_the_manager_says_and_the_services_own_cgroup_stays_as_it_is() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let unified = mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
    let name = format!("aether-test-{}", std::process::id());
    let root = Cgroup(Path::new(unified.expect("cgroup2")).join(&name));
    fs::create_dir(&root.0).expect("a cgroup");
    let mut holder = Command::new("sleep").arg("600").spawn().expect("a holder");
    fs::write(root.0.join("cgroup.procs"), holder.id().to_string()).expect("move");
    {
        let mut unit = Unit::new();
        let mut command = unit.command();
        command.env("AETHER_CGROUP_ROOT", format!("/{name}"));
        unit.start_as(command);
        let id = unit.aether(&["run", "-d", "--", "sleep", "600"]).ok().text();
        let cgroup = unit.aether(&["--json", "inspect", id.trim()]).ok().json()["cgroup"].clone();
        assert!(cgroup.as_str().is_some_and(|path| path.starts_with(&format!("/{name}/aether-"))), "{cgroup}");
        let own = fs::read_to_string(format!("/proc/{}/cgroup", unit.pid())).expect("cgroups");
        let ours = fs::read_to_string("/proc/self/cgroup").expect("cgroups");
        let unified = |text: &str| text.lines().find(|line| line.starts_with("0::")).map(str::to_owned);
        assert_eq!(unified(&own), unified(&ours), "the service stays where it was started");
        unit.aether(&["kill", id.trim()]).ok();
        unit.aether(&["rm", id.trim()]).ok();
        assert_eq!(unit.stop(Duration::from_secs(10)), Some(0));
        let mut command = unit.command();
        let status = command.env("AETHER_CGROUP_ROOT", "/no/such/cgroup").status().expect("start");
        assert_eq!(status.code(), Some(1));
        assert!(unit.log().contains("AETHER_CGROUP_ROOT: there is no cgroup"), "{}", unit.log());
    }
    holder.kill().expect("kill");
    holder.wait().expect("wait");
}
