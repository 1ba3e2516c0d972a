//! `aether doctor` before there is a daemon, as anybody, and on hosts made worse in namespaces of the test's own.
#![forbid(unsafe_code)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use aether_tests::{Daemon, Outcome, cli, daemon};
use serde_json::Value;

/// A copy of the client that everybody may run, and a state directory that does not exist yet.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("aether-t-").permissions(fs::Permissions::from_mode(0o755)).tempdir();
        let place = Self { dir: dir.expect("a temporary directory") };
        fs::copy(daemon::bin_dir().join("aether"), place.client()).expect("copy the client");
        place
    }

    fn client(&self) -> PathBuf {
        self.dir.path().join("aether")
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("var/state")
    }

    /// `aether --json doctor` at the end of `before`: programs that change who asks, or where.
    fn doctor(&self, before: &[&str]) -> Outcome {
        self.run(before, &["--json"])
    }

    fn run(&self, before: &[&str], options: &[&str]) -> Outcome {
        let client = self.client();
        let program = before.first().map_or(client.as_os_str(), |first| first.as_ref());
        let mut command = Command::new(program);
        command.args(before.iter().skip(1));
        if !before.is_empty() {
            command.arg(&client);
        }
        command
            .args(options)
            .arg("--socket")
            .arg(self.dir.path().join("none.sock"))
            .arg("doctor")
            .arg("--state")
            .arg(self.state());
        cli::spawn(command, b"").end(daemon::PATIENCE)
    }

    /// The same after `script` ran in a mount namespace of its own, as root of this host.
    fn elsewhere(&self, script: &str) -> Outcome {
        self.doctor(&["unshare", "--mount", "sh", "-ec", &format!("{script}\nexec \"$@\""), "sh"])
    }

    /// What the surveys left in the place.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).expect("the place").flatten();
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| name != "aether").collect()
    }
}

fn findings(outcome: &Outcome) -> Vec<Value> {
    outcome.json()["findings"].as_array().unwrap_or_else(|| panic!("no findings: {outcome}")).clone()
}

/// `status: detail` of one check.
#[track_caller]
fn verdict(outcome: &Outcome, name: &str) -> String {
    let findings = findings(outcome);
    let found = findings.iter().find(|finding| finding["name"] == name).unwrap_or_else(|| panic!("no {name}: {outcome}"));
    format!("{}: {}", found["status"].as_str().expect("a status"), found["detail"].as_str().expect("a detail"))
}

#[track_caller]
fn is_sound(outcome: &Outcome) {
    let findings = findings(outcome);
    assert!(findings.len() > 40, "{outcome}");
    for finding in &findings {
        let of = |key: &str| finding[key].as_str().unwrap_or_else(|| panic!("no {key}: {finding}"));
        assert!(!of("detail").is_empty() && !of("meaning").is_empty() && !of("group").is_empty(), "{finding}");
        assert_eq!(of("status") == "ok", of("fix").is_empty(), "a fix belongs to what needs one: {finding}");
    }
    let mut names: Vec<String> = findings.iter().map(|finding| finding["name"].to_string()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), findings.len(), "each name once");
    let failed = findings.iter().any(|finding| finding["status"] == "failure");
    assert_eq!(outcome.code, i32::from(failed), "{outcome}");
    assert_eq!(outcome.stderr, "", "{outcome}");
}

#[test]
fn root_is_answered_before_there_is_a_daemon() {
    let place = Place::new();
    let outcome = place.doctor(&[]);
    is_sound(&outcome);
    // The other tests of this machine start agents: it has what they need.
    for name in ["landlock", "user-namespaces", "seccomp", "system-calls", "idmapped-state", "overlay", "sqlite"] {
        assert!(verdict(&outcome, name).starts_with("ok: "), "{name} in {outcome}");
    }
    assert!(verdict(&outcome, "daemon").starts_with("skipped: not asked: cannot reach the supervisor"), "{outcome}");
    assert_eq!(place.left(), Vec::<String>::new(), "what was tried is taken away");
}

#[test]
fn a_survey_that_is_interrupted_leaves_nothing() {
    let place = Place::new();
    let mut ended = 0;
    for delay in 0..40 {
        // As Ctrl-C does: to every process of the group.
        let script = format!(
            "timeout --signal=INT 0.{:03} {} doctor --socket /none --state {}",
            delay + 1,
            place.client().display(),
            place.state().display()
        );
        let mut command = Command::new("setsid");
        command.args(["--wait", "sh", "-c", &script]);
        ended += i32::from(cli::spawn(command, b"").end(daemon::PATIENCE).code == 124);
        assert_eq!(place.left(), Vec::<String>::new(), "after {delay} ms");
    }
    assert!(ended > 0, "none was interrupted");
}

#[test]
fn anybody_is_answered_and_told_what_only_root_sees() {
    let place = Place::new();
    // As Linux 5.x has it: a file of root's alone.
    let file = place.dir.path().join("value");
    fs::write(&file, "1").expect("write");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("mode");
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";
    let script = format!("mount --bind {} /proc/sys/fs/protected_symlinks; exec {nobody} \"$@\"", file.display());
    let outcome = place.doctor(&["unshare", "--mount", "sh", "-ec", &script, "sh"]);
    is_sound(&outcome);
    for name in ["user-namespaces", "idmapped-state", "overlay"] {
        assert_eq!(verdict(&outcome, name), "skipped: only root can try this");
    }
    assert_eq!(verdict(&outcome, "fs.protected_symlinks"), "skipped: only root can read it");
    for name in ["landlock", "seccomp", "system-calls"] {
        assert!(verdict(&outcome, name).starts_with("ok: "), "{name} in {outcome}");
    }
}

#[test]
fn people_get_groups_a_summary_and_the_way_to_a_daemon() {
    let outcome = Place::new().run(&[], &[]);
    let text = outcome.text();
    for line in [
        "Service\n",
        "Kernel\n  ok       kernel, user-namespaces",
        "fix: start it (sudo systemctl start aetherd)",
        "\nAgents can",
    ] {
        assert!(text.contains(line), "no {line:?} in {outcome}");
    }
    assert!(!text.contains('\x1b'), "colours only on a terminal: {outcome}");
    assert!(text.lines().all(|line| line.len() < 200), "{outcome}");
}

#[test]
fn a_setting_is_judged_by_its_value() {
    let place = Place::new();
    for (value, verdict_of_it) in [("0", "warning: 0"), ("1", "ok: 1")] {
        let file = place.dir.path().join("value");
        fs::write(&file, value).expect("write");
        let outcome = place.elsewhere(&format!("mount --bind {} /proc/sys/fs/protected_symlinks", file.display()));
        is_sound(&outcome);
        assert_eq!(verdict(&outcome, "fs.protected_symlinks"), verdict_of_it);
        fs::remove_file(file).expect("remove");
    }
}

#[test]
fn a_host_without_user_namespaces_fails() {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"";
    let outcome = Place::new().doctor(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"]);
    is_sound(&outcome);
    assert_eq!(outcome.code, 1, "{outcome}");
    assert!(verdict(&outcome, "user-namespaces").starts_with("failure: clone3"), "{outcome}");
    assert!(verdict(&outcome, "user-namespace-limit").starts_with("failure: "), "{outcome}");
}

#[test]
fn a_host_without_cgroup2_fails() {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    let cgroup2 = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")).and_then(|line| line.split(' ').nth(1));
    let outcome = Place::new().elsewhere(&format!("umount --lazy {}", cgroup2.expect("a host that can run agents has it")));
    is_sound(&outcome);
    assert_eq!(verdict(&outcome, "cgroup"), "failure: no cgroup2 is mounted");
    assert!(verdict(&outcome, "cgroup-layout").starts_with("failure: "), "{outcome}");
}

#[test]
fn a_state_directory_that_is_small_lost_or_read_only_is_told() {
    let place = Place::new();
    let (dir, state) = (place.dir.path().display().to_string(), place.state().display().to_string());
    let mount = |options: &str| format!("mkdir -p {state}\nmount -t tmpfs -o {options} none {state}");
    let outcome = place.elsewhere(&mount("size=64m"));
    is_sound(&outcome);
    assert!(verdict(&outcome, "state-directory").starts_with(&format!("warning: {state} on tmpfs")), "{outcome}");
    assert_eq!(verdict(&outcome, "space"), "failure: 64 MiB of 64 MiB free");
    let outcome = place.elsewhere(&mount("ro"));
    assert!(verdict(&outcome, "state-directory").contains("read-only"), "{outcome}");
    assert!(verdict(&outcome, "overlay").starts_with("failure: cannot make a directory"), "{outcome}");
    assert_eq!(outcome.code, 1, "{outcome}");
    fs::remove_dir_all(Path::new(&dir).join("var")).expect("only the empty mount points");
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn a_daemon_adds_what_it_measured() {
    let daemon = Daemon::start();
    let outcome = daemon.aether(["--json", "doctor"]);
    is_sound(&outcome);
    let socket = daemon.socket();
    let served = verdict(&outcome, "daemon");
    assert!(served.starts_with("ok: aetherd ") && served.ends_with(&format!("serves on {}", socket.display())), "{served}");
    for name in ["cgroup", "memory", "pids", "cpu", "overlay", "user-namespaces"] {
        assert!(verdict(&outcome, name).starts_with("ok: "), "{name} in {outcome}");
    }
    let unseen = findings(&outcome).into_iter().filter(|finding| finding["status"] == "skipped").count();
    assert_eq!(unseen, 0, "root sees what the daemon cannot: {outcome}");
    let state = daemon.state().display().to_string();
    assert!(verdict(&outcome, "state-directory").contains(&state), "the daemon's own state, not the default: {outcome}");
    assert!(findings(&outcome).iter().all(|finding| finding["name"] != "port"));
}
