//! ESC-28: what an agent makes in a directory that was lent for writing lies on the host with the lender's id; none of it is a set-id
//! program. What the host sees decides, not what the call answered.

use std::{collections::BTreeMap, fs, os::fd::AsFd, os::unix::fs::MetadataExt, os::unix::fs::chown, path::Path};

use aether_sandbox::{plan::LentMount, spawner::weaken::Part};
use anyhow::{Context as _, Result, ensure};

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES, plan},
    report::Report,
};

const LENDER: u32 = 1000;
const TARGET: &str = "/mnt/lent";

/// What each attempt answered, and whether the host has a set-id file of the lender's by it.
type Seen = BTreeMap<String, (String, bool)>;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let lent = bench.directory.join("lent-set-id");
    fs::create_dir(&lent)?;
    chown(&lent, Some(LENDER), Some(LENDER))?;
    let seen = |slot, without: &[Part]| attempts(bench, &lent, slot, without);
    let full = seen(68, &[])?;
    let bare = seen(69, &[Part::Seccomp, Part::SetIdFilter])?;
    let alone = [(Layer::Seccomp, seen(70, &[Part::SetIdFilter])?), (Layer::SetIdFilter, seen(71, &[Part::Seccomp])?)];
    ensure!(full.len() == 12, "{full:?}");
    for (attempt, (answer, made)) in &full {
        let stops = |seen: &Seen| seen.get(attempt).is_some_and(|(answer, made)| answer != "through" && !made);
        let by: Vec<Layer> = alone.iter().filter(|(_, seen)| stops(seen)).map(|(layer, _)| *layer).collect();
        let outcome = Outcome {
            id: "ESC-28",
            promise: "no file in a directory that was lent for writing gets a set-id bit",
            attempt,
            answer: if *made { "a set-id file on the host".to_owned() } else { answer.clone() },
            refused: &["EPERM", "ENOSYS"],
            by: &by,
            control: "both left out: a set-id file of the lender's on the host",
            control_holds: bare.get(attempt).is_some_and(|(answer, made)| answer == "through" && *made),
            note: "every mount inside is nosuid; the host's own need not be",
        };
        report.add(outcome.judge());
    }
    fs::remove_dir(&lent)?;
    Ok(())
}

/// Runs the probe in a sandbox without these parts, and takes away what it has made.
fn attempts(bench: &Bench, lent: &Path, slot: u32, without: &[Part]) -> Result<Seen> {
    let mut plan = plan(&format!("setid{slot}"), slot)?;
    plan.mounts = vec![LentMount { target: TARGET.to_owned(), read_only: false, lender_uid: LENDER, lender_gid: LENDER }];
    let directory = fs::File::open(lent)?;
    let said = bench.launch_lending(plan, &[directory.as_fd()], without)?.probe("lent_set_id", &[TARGET], PIPES)?;
    let mut seen = Seen::new();
    for line in said.lines() {
        let (attempt, answer) = line.trim().split_once(' ').context("an attempt and its answer")?;
        let made = fs::symlink_metadata(lent.join(attempt)).is_ok_and(|file| file.mode() & 0o6000 != 0 && file.uid() == LENDER);
        seen.insert(attempt.to_owned(), (answer.to_owned(), made));
    }
    for entry in fs::read_dir(lent)? {
        fs::remove_file(entry?.path())?;
    }
    Ok(seen)
}
