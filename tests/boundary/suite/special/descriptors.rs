//! ESC-10: a directory to start in that is a descriptor of somebody else (CVE-2024-21626).

use aether_sandbox::{
    spawner::weaken::Part,
    wire::init::{InitReply, InitRequest, StartProcess},
};
use anyhow::{Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES, Sandbox},
    fingerprint::descriptors,
    report::Report,
};

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    report.check("ESC-10", "nothing is left of a descriptor when only aether-init closes it", by_init_alone(bench));
    report.check("ESC-10", "fifty launches at once by a spawner that may open 64 files", crowd(bench));
    let mut sandbox = bench.launch("workdir", 60, &[Part::Leak])?;
    for number in 3..24 {
        let answer = start_in(&mut sandbox, &format!("/proc/self/fd/{number}"))?;
        if answer == "started" || number == 23 {
            let outcome = Outcome {
                id: "ESC-10",
                promise: "no descriptor of the host comes along",
                attempt: "workdir-is-a-descriptor",
                answer,
                refused: &["errno 2", "errno 20", "errno 13"],
                by: &[Layer::Descriptors, Layer::Init],
                control: "/tmp as the directory",
                control_holds: start_in(&mut sandbox, "/tmp")? == "started",
                note: "each number from 3 to 23; with close_range left out the answer is the same, which is the doing of aether-init",
            };
            report.add(outcome.judge());
            break;
        }
    }
    Ok(())
}

fn by_init_alone(bench: &Bench) -> Result<()> {
    let mut sandbox = bench.launch("initcloses", 70, &[Part::Leak, Part::Descriptors])?;
    for number in 3..24 {
        let answer = start_in(&mut sandbox, &format!("/proc/self/fd/{number}"))?;
        ensure!(answer.starts_with("errno "), "{number}: {answer}");
    }
    Ok(())
}

/// Asked for without waiting for any answer, every one of them closed, and none of the spawner's own descriptors lost.
fn crowd(bench: &Bench) -> Result<()> {
    const LAUNCHES: u32 = 50;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard)?;
    let started = Bench::start_beside(bench);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
    let narrow = started?;
    let before = descriptors(narrow.spawner_pid());
    let mut sandboxes = narrow.launch_all("crowd", 100..100 + LAUNCHES, &[Part::Leak])?;
    for sandbox in &mut sandboxes {
        let text = sandbox.probe("esc_descriptors", &[], PIPES)?;
        let closed = ["reached-init ENOENT", "beyond-stdio EBADF", "leads-out EBADF", "unreachable-cwd ENOENT"];
        ensure!(closed.iter().all(|line| text.contains(line)), "{}: {text}", sandbox.id);
    }
    let after = descriptors(narrow.spawner_pid());
    ensure!(after == before, "the spawner had {before} descriptors and has {after}");
    Ok(())
}

fn start_in(sandbox: &mut Sandbox<'_>, workdir: &str) -> Result<String> {
    let start = StartProcess {
        argv: vec![b"/usr/bin/true".to_vec()],
        env: Vec::new(),
        workdir: workdir.to_owned(),
        stdio: PIPES,
        label: "exec".to_owned(),
        hold: false,
    };
    Ok(match sandbox.client.call(InitRequest::Start(start))? {
        InitReply::Failed { errno, .. } => format!("errno {errno}"),
        _ => "started".to_owned(),
    })
}
