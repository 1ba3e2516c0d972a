//! XA: one agent looks for another. The control is the same search where both are one agent.

use aether_sandbox::wire::init::InitRequest;
use anyhow::{Result, ensure};

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES, Sandbox},
    outside,
    report::Report,
};

const PROMISE: &str = "another agent cannot be seen, reached or read";
const MARK: &str = "boundary-peer";

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut attacker = bench.launch("peera", 61, &[])?;
    let mut victim = bench.launch("peerb", 62, &[])?;
    let secret = bench.state.join("homes/peerb/upper").join(MARK);
    let secret = secret.to_string_lossy();
    plant(&mut victim, &secret)?;
    let found = attacker.probe("xa_peer", &[MARK, &secret], PIPES)?;
    let own = victim.probe("xa_peer", &[MARK, &secret], PIPES)?;
    let program = bench.state.join("base/home/probes/xa_peer");
    let as_root = outside::run(None, &program, &[MARK, &secret])?;
    for line in found.lines() {
        let Some((attempt, answer)) = line.split_once(' ') else { continue };
        let through = |text: &str| text.lines().any(|line| line == format!("{attempt} through"));
        let control_holds = through(&own) || through(&as_root);
        let outcome = Outcome {
            id: "XA-01",
            promise: PROMISE,
            attempt,
            answer: answer.to_owned(),
            refused: &["ENOENT", "ESRCH", "EACCES", "ECONNREFUSED"],
            by: &[Layer::Namespaces],
            control: if through(&own) { "inside the same sandbox" } else { "outside, as root" },
            control_holds,
            note: "",
        };
        report.add(outcome.judge());
    }
    report.check("XA-02", "kill(-1) inside ends nobody else", outlives(&mut attacker, &mut victim));
    report.check("XA-01", "no id of one is an id of the other", no_shared_ids(&attacker, &victim));
    Ok(())
}

/// Every process of both runs with ids of its own range only, never with one of the host's people or root.
fn no_shared_ids(one: &Sandbox<'_>, other: &Sandbox<'_>) -> Result<()> {
    let ids = |sandbox: &Sandbox<'_>| -> Result<Vec<u32>> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", sandbox.launched.pid))?;
        let lines = status.lines().filter_map(|l| ["Uid:", "Gid:", "Groups:"].iter().find_map(|field| l.strip_prefix(field)));
        Ok(lines.flat_map(str::split_whitespace).filter_map(|id| id.parse().ok()).collect())
    };
    let (one, other) = (ids(one)?, ids(other)?);
    ensure!(one.len() >= 9 && other.len() >= 9, "ids {one:?} {other:?}");
    ensure!(one.iter().chain(&other).all(|id| *id >= aether_sandbox::plan::RANGE_FLOOR), "ids {one:?} {other:?}");
    ensure!(!one.iter().any(|id| other.contains(id)), "ids {one:?} {other:?}");
    Ok(())
}

fn plant(victim: &mut Sandbox<'_>, secret: &str) -> Result<()> {
    let process = victim.client.start(&["/home/agent/probes/xa_peer", "plant", MARK, secret], PIPES, "/tmp")?;
    let said = victim.client.output(process, Some("planted"))?;
    ensure!(said.contains("planted"), "the victim said {said:?}");
    Ok(())
}

fn outlives(attacker: &mut Sandbox<'_>, victim: &mut Sandbox<'_>) -> Result<()> {
    attacker.client.run(&["/usr/bin/sh", "-c", "kill -9 -1"], PIPES)?;
    let list = victim.client.call(InitRequest::List)?;
    ensure!(format!("{list:?}").contains("exited: None"), "{list:?}");
    Ok(())
}
