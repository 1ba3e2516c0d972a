//! A checkout below a home that nobody else may enter.
#![forbid(unsafe_code)]

use std::{fs, os::unix::fs::PermissionsExt as _};

use aether_tests::{Agent, Daemon, http};

#[test]
fn state_and_sockets_may_lie_where_the_service_user_cannot_go() {
    let dir =
        tempfile::Builder::new().prefix("aether-t-").permissions(fs::Permissions::from_mode(0o700)).tempdir().expect("tempdir");
    std::os::unix::fs::chown(dir.path(), Some(12345), Some(12345)).expect("chown");
    let mut daemon = Daemon::below(dir, "");
    assert_eq!(daemon.aether(["run", "--rm", "--", "echo", "hello"]).ok().text(), "hello\n");
    let kept = daemon.agent(&["--name", "kept"], "echo up; exec sleep 600").id;
    daemon.kill9();
    daemon.restart();
    let kept = Agent::new(&daemon, kept);
    kept.prints("up");
    assert_eq!(kept.state(), "running");
    assert_eq!(http::tcp(daemon.port(), "GET", "/api/v1/agents").token(&daemon.token()).send().status, 200);
    kept.remove();
}
