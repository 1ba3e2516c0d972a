//! ESC-11: a lent directory goes where the plan says, whatever the agent put in the way (CVE-2021-30465).

use std::{fs, os::fd::AsFd};

use aether_sandbox::{
    plan::LentMount,
    wire::spawner::{SpawnerReply, SpawnerRequest},
};
use anyhow::Result;

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES, plan},
    report::Report,
};

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let lent = bench.directory.join("lent");
    fs::create_dir(&lent)?;
    let cases = [
        ("link-to-etc", "ln -s /etc way"),
        ("link-to-proc", "ln -s /proc/self way"),
        ("link-upwards", "ln -s ../.. way"),
        ("link-at-the-end", "mkdir way; ln -s /tmp way/sub"),
        ("file-in-the-way", "touch way"),
    ];
    let control = attach(bench, "mkdir way; mkdir way/sub")?;
    for (attempt, script) in cases {
        let outcome = Outcome {
            id: "ESC-11",
            promise: "a lent directory is attached where the plan says or not at all",
            attempt,
            answer: attach(bench, script)?,
            refused: &["errno 40", "errno 20"],
            by: Layer::Mounts,
            control: "a directory in the way",
            control_holds: control == "attached",
            note: "the way is walked by descriptors and no link is followed, inside the new namespaces, where nothing else runs yet",
        };
        report.add(outcome.judge());
    }
    fs::remove_dir(&lent)?;
    Ok(())
}

/// Lets an agent prepare its home, and launches it again with a directory lent below it.
fn attach(bench: &Bench, script: &str) -> Result<String> {
    let mut before = bench.launch("lender", 67, &[])?;
    before.client.run(&["/usr/bin/sh", "-c", &format!("cd /home/agent; {script}")], PIPES)?;
    let reply = bench.ask(&SpawnerRequest::Kill(before.id.clone()))?;
    anyhow::ensure!(reply == SpawnerReply::Done, "{reply:?}");
    let mut again = plan("lender", 67)?;
    let target = "/home/agent/way/sub".to_owned();
    again.mounts = vec![LentMount { target, read_only: false, lender_uid: 1000, lender_gid: 1000 }];
    let lent = fs::File::open(bench.directory.join("lent"))?;
    Ok(match bench.ask_with(&SpawnerRequest::Launch(Box::new(again)), &[lent.as_fd()])? {
        SpawnerReply::Launched(_) => "attached".to_owned(),
        SpawnerReply::Failed(failure) => format!("errno {}", failure.errno),
        other => format!("{other:?}"),
    })
}
