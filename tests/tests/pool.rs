//! Sandboxes built ahead: whoever asks for nothing unusual gets one, once; nobody else does, and a crash leaves none.
#![forbid(unsafe_code)]

use std::{collections::BTreeSet, fs};

use aether_tests::{Daemon, http, proc, wait::until};

/// Ids of the sandboxes that nobody has claimed: those with a control socket and without a record.
fn waiting(daemon: &Daemon) -> BTreeSet<String> {
    let text = daemon.aether(["ps", "-a", "-q"]).ok().text();
    let known: BTreeSet<&str> = text.lines().collect();
    let sockets = fs::read_dir(daemon.run_dir().join("agents")).expect("sockets").flatten();
    let ids = sockets.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".sock")?.to_owned()));
    ids.filter(|id| !known.contains(id.as_str())).collect()
}

fn figures(daemon: &Daemon) -> String {
    String::from_utf8(http::unix(&daemon.socket(), "GET", "/metrics").send().body).expect("text")
}

fn full(daemon: &Daemon, size: usize) -> BTreeSet<String> {
    until("all to be built", || waiting(daemon).len() == size);
    waiting(daemon)
}

/// What runs in sandboxes below `scope`.
fn running(scope: &str) -> BTreeSet<u32> {
    proc::in_cgroup(scope).into_iter().filter(|pid| proc::runs(*pid)).collect()
}

#[test]
fn an_agent_gets_one_and_another_takes_its_place() {
    let daemon = Daemon::with("[pool]\nsize = 2\n");
    let before = full(&daemon, 2);
    let agent = daemon
        .agent(&["--name", "warm-one", "--memory", "300M", "--cpus", "0.5", "--pids", "77"], "hostname >~/name; exec sleep 600");
    let info = agent.info();
    let id = info["id"].as_str().expect("id").to_owned();
    assert!(before.contains(&id), "{id} is none of {before:?}");
    assert!(info["cgroup"].as_str().is_some_and(|cgroup| cgroup.ends_with(&id)), "one name for all: {info:#}");
    until("its name inside", || daemon.aether(["exec", &id, "--", "cat", "name"]).text().trim() == "warm-one");
    let memory = info["enforcement"]["layers"]["memory"]["detail"].to_string();
    let pids = info["enforcement"]["layers"]["pids"]["detail"].to_string();
    assert!(memory.contains("300 MiB") && pids.contains("77"), "{memory} {pids}");
    let limit = |controller, names: &[&str]| proc::controller_file(agent.pid(), controller, names);
    assert_eq!(limit("memory", &["memory.max", "memory.limit_in_bytes"]), Some((300_u64 << 20).to_string()));
    assert_eq!(limit("pids", &["pids.max"]).as_deref(), Some("77"));
    let after = full(&daemon, 2);
    assert!(!after.contains(&id) && after.len() == 2, "{after:?}");
    let other = daemon.agent(&[], "exec sleep 600");
    assert!(after.contains(other.info()["id"].as_str().expect("id")));
    assert_ne!(agent.info()["uidRange"], other.info()["uidRange"]);
    let figures = figures(&daemon);
    for line in [
        r#"aether_pool_takes_total{outcome="hit"} 2"#,
        r#"aether_network_pool_takes_total{outcome="hit"} 2"#,
        "aether_pool_size 2",
    ] {
        assert!(figures.lines().any(|figure| figure == line), "{line} is not in {figures}");
    }
    // Once used, never again: the next ones have other names.
    agent.remove();
    assert!(!full(&daemon, 2).contains(&id));
    other.remove();
}

#[test]
fn what_cannot_be_built_ahead_is_built_when_it_is_asked_for() {
    let daemon = Daemon::with("[pool]\nsize = 1\n");
    let lent = daemon.scratch().join("lent");
    fs::create_dir(&lent).expect("mkdir");
    let mount = format!("{}:/mnt/lent", lent.display());
    for options in [&["--profile", "browser"][..], &["--mount", &mount]] {
        let before = full(&daemon, 1);
        let agent = daemon.agent(options, "exec sleep 600");
        assert!(!before.contains(agent.info()["id"].as_str().expect("id")), "{options:?}");
        assert_eq!(waiting(&daemon), before, "{options:?}: nobody took the one that waits");
        agent.remove();
    }
}

#[test]
fn none_is_built_where_none_is_wanted() {
    let daemon = Daemon::with("[pool]\nsize = 0\n");
    let agent = daemon.agent(&[], "exec sleep 600");
    assert!(waiting(&daemon).is_empty());
    assert!(!figures(&daemon).contains("aether_pool_takes_total"), "nobody could be given one");
    agent.remove();
}

#[test]
fn those_that_wait_go_with_the_service_however_it_ends() {
    let mut daemon = Daemon::with("[pool]\nsize = 2\n");
    let scope = daemon.service_cgroup();
    for by_force in [true, false] {
        let before = full(&daemon, 2);
        assert_eq!(running(&scope).len(), 2, "nothing but those that wait");
        if by_force {
            daemon.kill9();
            until("the spawner to take them down", || running(&scope).is_empty());
        } else {
            daemon.stop();
            assert!(running(&scope).is_empty(), "{:?}", running(&scope));
        }
        daemon.restart();
        let after = full(&daemon, 2);
        assert!(after.is_disjoint(&before), "{after:?} {before:?}");
        let homes: BTreeSet<_> =
            fs::read_dir(daemon.stage().join("homes")).expect("homes").flatten().map(|e| e.file_name()).collect();
        assert!(before.iter().all(|id| !homes.contains(std::ffi::OsStr::new(id))), "{homes:?}");
    }
}

/// The privileged half is killed: nobody is there to take down what waits, until the next start.
#[test]
fn those_that_outlive_their_spawner_are_found_at_the_next_start() {
    let mut daemon = Daemon::with("[pool]\nsize = 2\n");
    let scope = daemon.service_cgroup();
    let before = full(&daemon, 2);
    let old = running(&scope);
    daemon.kill_spawner9();
    daemon.restart();
    let after = full(&daemon, 2);
    assert!(after.is_disjoint(&before), "{after:?} {before:?}");
    assert!(running(&scope).is_disjoint(&old), "those of before are gone");
    let homes = daemon.stage().join("homes");
    assert!(before.iter().all(|id| !homes.join(id).exists()));
}
