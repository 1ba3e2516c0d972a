//! ESC-10: a directory to start in that is a descriptor of somebody else (CVE-2024-21626).

use aether_sandbox::{
    spawner::weaken::Part,
    wire::init::{InitReply, InitRequest, StartProcess},
};
use anyhow::Result;

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES, Sandbox},
    report::Report,
};

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
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
                by: Layer::Init,
                control: "/tmp as the directory",
                control_holds: start_in(&mut sandbox, "/tmp")? == "started",
                note: "each number from 3 to 23",
            };
            report.add(outcome.judge());
            break;
        }
    }
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
