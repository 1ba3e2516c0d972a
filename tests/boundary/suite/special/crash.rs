//! ESC-06: a crash inside starts no program of the host (CVE-2025-4598, CVE-2025-5054).
//!
//! `core_pattern` is one for the whole machine, so this is tried only on one that nobody else uses.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use aether_sandbox::spawner::weaken::Part;
use anyhow::{Context as _, Result, anyhow, ensure};

use super::Outcome;
use crate::{
    attack::{Gain, Layer},
    bench::{Bench, PIPES},
    machine,
    report::{Report, Row, Verdict},
};

const PROMISE: &str = "core_pattern belongs to the host, and so does the program that it names";
const PATTERN: &str = "/proc/sys/kernel/core_pattern";
const ATTEMPT: &str = "crash-starts-a-program";

/// A program of the host that notes each crash it is given; dropped, the host has its own again.
struct Handler {
    before: String,
    noted: PathBuf,
}

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    if !machine::is_disposable() {
        report.add(not_here());
        return Ok(());
    }
    let handler = Handler::install(&bench.directory)?;
    let program = bench.state.join("base/home/probes/esc_crash");
    let outside = |expected: usize| -> Result<()> {
        Command::new(&program).arg("as-it-is").current_dir("/").output()?;
        handler.wait_for(expected)
    };
    outside(1)?;
    let mut sandbox = bench.launch("crash", 68, &[])?;
    let mut unfiltered = bench.launch("crashfree", 69, &[Part::Seccomp, Part::SpawnerFilter])?;
    let mut inside = |argument: &str| Ok::<_, anyhow::Error>(answer(&sandbox.probe("esc_crash", &[argument], PIPES)?));
    let (as_it_is, lowered) = (inside("as-it-is")?, inside("lowered")?);
    // The limit alone, with no filter, and what it is worth once it can be lowered.
    let limit_alone = answer(&unfiltered.probe("esc_crash", &["as-it-is"], PIPES)?);
    // A crash of the host after those of the agents: had one of them started the program, it would be noted by then.
    outside(2)?;
    let reached = answer(&unfiltered.probe("esc_crash", &["lowered"], PIPES)?);
    handler.wait_for(3)?;
    let limit = if (as_it_is.as_str(), limit_alone.as_str()) == ("EPERM", "EPERM") {
        Ok(())
    } else {
        Err(anyhow!("{as_it_is}, {limit_alone}"))
    };
    report.check("ESC-06", "no crash starts a program while the limit is 1, filtered or not", limit);
    let outcome = Outcome {
        id: "ESC-06",
        promise: PROMISE,
        attempt: ATTEMPT,
        answer: lowered,
        refused: &["EPERM"],
        by: &[Layer::Seccomp, Layer::SpawnerFilter],
        control: "no filter and the limit lowered; outside, as root",
        control_holds: reached == "through",
        note: "the limit of 1, which they keep, stops it without them until it is lowered",
    };
    report.add(outcome.judge());
    Ok(())
}

fn answer(printed: &str) -> String {
    printed.trim().strip_prefix("crash ").unwrap_or("no answer").to_owned()
}

fn not_here() -> Row {
    Row {
        id: "ESC-06",
        promise: PROMISE,
        attempt: ATTEMPT.to_owned(),
        answer: String::new(),
        layers: Vec::new(),
        control: "none",
        note: "",
        gain: Gain::Escape,
        verdict: Verdict::NotHere("core_pattern is one for the whole machine: tried in the virtual machine only"),
    }
}

impl Handler {
    fn install(directory: &Path) -> Result<Self> {
        let (program, noted) = (directory.join("crash-handler"), directory.join("crashes"));
        fs::write(&noted, "")?;
        fs::write(&program, format!("#!/bin/sh\ncat >/dev/null\necho crash >>{}\n", noted.display()))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let before = fs::read_to_string(PATTERN)?;
        fs::write(PATTERN, format!("|{} %P", program.display())).context("set core_pattern")?;
        Ok(Self { before, noted })
    }

    /// Waits until the program has noted as many crashes; more are an error.
    fn wait_for(&self, expected: usize) -> Result<()> {
        let start = Instant::now();
        loop {
            let count = fs::read_to_string(&self.noted)?.lines().count();
            ensure!(count <= expected, "{count} crashes reached the host's program, not {expected}");
            if count == expected {
                return Ok(());
            }
            ensure!(start.elapsed() < Duration::from_secs(20), "{count} crashes reached the host's program, not {expected}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        if let Err(error) = fs::write(PATTERN, self.before.trim_end()) {
            eprintln!("core_pattern: {error}");
        }
    }
}
