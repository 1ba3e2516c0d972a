//! Backups taken while agents come and go, and put back: on the same host and on one that has nothing.
#![forbid(unsafe_code)]

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use aether_tests::{Daemon, Unit, cli, http};

#[test]
fn a_backup_taken_under_load_is_whole_and_comes_back() {
    let mut unit = Unit::new();
    unit.start();
    let lives = unit.aether(&["run", "-d", "--name", "lives", "--", "sleep", "600"]).ok();
    unit.aether(&["run", "--name", "ended", "--", "true"]).ok();
    let busy: Vec<_> = (0..4).map(|_| cli::spawn(unit.client(&["run", "--rm", "--", "true"]), b"")).collect();
    let file = unit.path("backup");
    let file = file.to_str().expect("text");
    let said = unit.aether(&["--json", "backup", file]).ok().json();
    assert!(said["agents"].as_u64() >= Some(2) && said["bytes"].as_u64() > Some(0), "{said}");
    assert_eq!(fs::metadata(file).expect("the backup").permissions().mode() & 0o777, 0o600);
    for outcome in busy.into_iter().map(|run| run.end(Duration::from_secs(60))) {
        assert_eq!(outcome.code, 0, "{outcome}");
    }
    unit.aether(&["backup", file]).refused(1, "exists");
    unit.aether(&["run", "-d", "--name", "later", "--", "sleep", "600"]).ok();

    let state = unit.path("state");
    let state = state.to_str().expect("text").to_owned();
    unit.aether(&["restore", "--state", &state, file]).refused(1, "a supervisor uses");
    assert_eq!(unit.stop(Duration::from_secs(10)), Some(0));
    let said = unit.aether(&["restore", "--state", &state, file]).ok().text();
    assert!(said.contains("before: "), "{said}");
    unit.start();
    let names = |unit: &Unit| unit.aether(&["ps", "-a"]).ok().text();
    let listed = names(&unit);
    assert!(listed.contains("lives") && listed.contains("ended") && !listed.contains("later"), "{listed}");
    let state_of = |id: &str| unit.aether(&["--json", "inspect", id]).ok().json()["state"].clone();
    assert_eq!(state_of(lives.text().trim()), "running", "what lives and is known goes on");
    unit.aether(&["audit", "verify"]).ok();
}

#[test]
fn a_backup_comes_back_where_nothing_is() {
    let daemon = Daemon::start();
    daemon.aether(["run", "--name", "old", "--", "true"]).ok();
    let file = daemon.scratch().join("backup").display().to_string();
    daemon.aether(["backup", &file]).ok();
    let unit = Unit::new();
    let state = unit.path("state").display().to_string();
    unit.aether(&["restore", "--state", &state, &file]).ok();
    let mut unit = unit;
    unit.start();
    let listed = unit.aether(&["ps", "-a"]).ok().text();
    assert!(listed.contains("old") && listed.contains("dead"), "{listed}");
}

#[test]
fn what_cannot_be_used_is_refused_and_changes_nothing() {
    let daemon = Daemon::start();
    let text = daemon.scratch().join("text");
    fs::write(&text, "no database").expect("write");
    let unit = Unit::new();
    let state = unit.path("state").display().to_string();
    let restore = |file: &str| unit.aether(&["restore", "--state", &state, file]);
    restore(&text.display().to_string()).refused(1, "is damaged");
    restore("/no/such/file").refused(1, "cannot open /no/such/file");
    let file = daemon.scratch().join("backup");
    daemon.aether(["backup", &file.display().to_string()]).ok();
    let mut bytes = fs::read(&file).expect("read");
    for end in [0, 50, 4096, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        fs::write(&text, &bytes[..end]).expect("write");
        let refused = restore(&text.display().to_string());
        assert_eq!(refused.code, 1, "the first {end} bytes: {refused}");
        assert!(!unit.path("state/aether.db").exists(), "the first {end} bytes");
    }
    // The version of the schema (`user_version`, https://sqlite.org/fileformat.html, 1.3).
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&file, bytes).expect("write");
    restore(&file.display().to_string()).refused(1, "has schema 99, this version knows up to");
    assert!(!unit.path("state/aether.db").exists());
}

#[test]
fn nobody_but_root_takes_everything_away() {
    let daemon = Daemon::start();
    let path = "/api/v1/system/backup";
    http::tcp(daemon.port(), "GET", path).token(&daemon.token()).send().refused(403, "DENIED");
    // The control: root, over the Unix socket.
    assert_eq!(http::unix(&daemon.socket(), "GET", path).send().status, 200);
}
