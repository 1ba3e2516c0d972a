//! Many agents in a row leave nothing.
#![forbid(unsafe_code)]

use std::env;

use aether_tests::{Daemon, Leaks, cli};

/// How often: two hundred times, or as often as `AETHER_CHURN_ROUNDS` says, where each costs more.
fn rounds() -> usize {
    env::var("AETHER_CHURN_ROUNDS").map_or(200, |rounds| rounds.parse().expect("AETHER_CHURN_ROUNDS is a number"))
}

#[test]
fn run_and_kill_again_and_again_leaves_nothing_behind() {
    let daemon = Daemon::start();
    let before = Leaks::of(&daemon);
    let mut ranges = Vec::new();
    for round in 0..rounds() {
        let agent = daemon.agent(&[], "echo data >~/file; sleep 600 & exec sleep 600");
        if round % 20 == 0 {
            ranges.push(agent.info()["uidRange"]["start"].clone());
        }
        agent.remove();
    }
    before.assert_gone(&daemon);
    assert!(ranges.iter().all(|start| !start.is_null()));
}

#[test]
fn run_to_the_end_again_and_again_leaves_nothing_behind() {
    let daemon = Daemon::start();
    let before = Leaks::of(&daemon);
    for _ in 0..rounds() {
        daemon.aether(["run", "--rm", "--", "true"]).ok();
    }
    before.assert_gone(&daemon);
}

#[test]
fn a_client_that_dies_takes_its_ephemeral_agent_along_or_leaves_it_to_be_found() {
    let daemon = Daemon::start();
    let before = Leaks::of(&daemon);
    let client = cli::spawn(daemon.command(["run", "--rm", "--name", "orphan", "--", "sleep", "600"]), b"");
    aether_tests::wait::until("it to run", || daemon.aether(["ps"]).text().contains("orphan"));
    client.kill();
    // Whatever became of it, it is known by name and can be ended.
    daemon.aether(["kill", "orphan"]);
    before.assert_gone(&daemon);
}
