//! ESC-11: a lent directory goes where the plan says, whatever the agent put in the way (CVE-2021-30465).

use std::{fs, os::fd::AsFd};

use aether_sandbox::{
    plan::LentMount,
    spawner::weaken::Part,
    wire::spawner::{SpawnerReply, SpawnerRequest},
};
use anyhow::{Result, ensure};

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES, plan},
    fingerprint::Fingerprint,
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
    let control = attach(bench, "mkdir way; mkdir way/sub", &[])?;
    let before = Fingerprint::at_rest(bench)?;
    for (attempt, script) in cases {
        // Wherever it is attached then, the host has no mount more. A file in the way ends it in any case.
        let answer = attach(bench, script, &[Part::LentWay])?;
        let same = before.is_again(bench).map(|()| answer);
        let inside = same.and_then(|answer| {
            ensure!(answer != "attached" || attempt != "file-in-the-way", "{answer}");
            Ok(())
        });
        report.check("ESC-11", &format!("{attempt}: with links followed the host is as it was"), inside);
    }
    for (attempt, script) in cases {
        let outcome = Outcome {
            id: "ESC-11",
            promise: "a lent directory is attached where the plan says or not at all",
            attempt,
            answer: attach(bench, script, &[])?,
            refused: &["errno 40", "errno 20"],
            by: &[Layer::Mounts, Layer::Namespaces],
            control: "a directory in the way",
            control_holds: control == "attached",
            note: "no link is followed on the way; with links followed it stays below the sandbox's own root, in its own mounts",
        };
        report.add(outcome.judge());
    }
    fs::remove_dir(&lent)?;
    Ok(())
}

/// Lets an agent prepare its home, and launches it again with a directory lent below it.
fn attach(bench: &Bench, script: &str, without: &[Part]) -> Result<String> {
    let mut before = bench.launch("lender", 67, &[])?;
    before.client.run(&["/usr/bin/sh", "-c", &format!("cd /home/agent; {script}")], PIPES)?;
    let reply = bench.ask(&SpawnerRequest::Kill(before.id.clone()))?;
    ensure!(reply == SpawnerReply::Done, "{reply:?}");
    let mut again = plan("lender", 67)?;
    let target = "/home/agent/way/sub".to_owned();
    again.mounts = vec![LentMount { target, read_only: false, lender_uid: 1000, lender_gid: 1000 }];
    let lent = fs::File::open(bench.directory.join("lent"))?;
    Ok(match bench.ask_with(&SpawnerRequest::LaunchWithout(Box::new(again), without.to_vec()), &[lent.as_fd()])? {
        SpawnerReply::Launched(_) => "attached".to_owned(),
        SpawnerReply::Failed(failure) => format!("errno {}", failure.errno),
        other => format!("{other:?}"),
    })
}
