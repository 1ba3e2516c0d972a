//! The attack suite: what hostile code may try in a real sandbox, what stops it, and how many layers do so independently.
//!
//! Every attempt is refused in the full sandbox, and gets through where all that refuses it is left out (the positive control);
//! each layer is left out alone and kept alone. The spawner, and `aether-init` inside, are this very executable; hence no
//! libtest harness. Needs root, cgroup2, Landlock, overlayfs and a C compiler with static libraries.
#![forbid(unsafe_code)]

mod attack;
mod attacks;
mod bench;
mod client;
mod fingerprint;
mod init;
mod machine;
mod matrix;
mod outside;
mod probes;
mod report;
mod special;
mod surroundings;
mod waiting;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use aether_sandbox::spawner::SPAWNER_ARGUMENT;
use anyhow::{Context as _, Result};

use crate::{
    bench::{Bench, Way},
    report::Report,
};

fn main() -> ExitCode {
    let mut arguments = env::args();
    let name = arguments.next().unwrap_or_default();
    if name.starts_with("aether-init") {
        return init::run(&name);
    }
    match arguments.next().as_deref() {
        Some(SPAWNER_ARGUMENT) => {
            aether_sandbox::spawner::weaken::leave_spawner_without_no_new_privs();
            ExitCode::from(u8::try_from(aether_sandbox::spawner::main()).unwrap_or(1))
        }
        Some(outside::NAMESPACES) => outside::in_namespaces(arguments.collect()),
        Some(outside::CONFINED) => outside::confined(arguments.collect()),
        Some("--compile-probes") => compile_probes(arguments.next()),
        Some("--list") => {
            println!("boundary: test");
            ExitCode::SUCCESS
        }
        argument => match suite(argument.filter(|a| !a.starts_with('-'))) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                println!("boundary: {error:#}\n0 passed, 1 failed");
                ExitCode::FAILURE
            }
        },
    }
}

/// Everything, or only the attacks whose id begins with `wanted`: with sandboxes that are built when they are asked for, and again
/// with sandboxes that were built ahead.
fn suite(wanted: Option<&str>) -> Result<bool> {
    let directory = tempfile::Builder::new().prefix("aether-boundary-").tempdir_in("/var/tmp").context("a directory")?;
    let state = directory.path().join("state");
    std::fs::create_dir(&state)?;
    aether_fs_overlay::build_base(&state).context("build the base (root needed)")?;
    let programs = probes::build(&state.join("base/home/probes"))?;
    machine::look(&programs)?;
    if !probes::has_canary_key() {
        return probes::again_with_canary_key(&programs);
    }
    let (mut report, mut ahead) = (Report::default(), Report::default());
    {
        let bench = Bench::start(directory.path(), &state)?;
        let before = surroundings::Slow::take(&bench)?;
        bench.settle();
        matrix::run(&bench, wanted, &mut report)?;
        special::run(&bench, wanted, &mut report)?;
        println!("\nsandboxes that were built ahead:");
        bench.launch_in(Way::Ahead);
        let waiting = waiting::Waiting::prepare(&bench)?;
        matrix::run(&bench, wanted, &mut ahead)?;
        special::run(&bench, wanted, &mut ahead)?;
        ahead.check("all", "one that waited meanwhile is as one that is built now", waiting.are_fresh());
        let after = surroundings::Slow::take(&bench).and_then(|after| before.same(&after));
        ahead.check("all", "no set-id file came or went, and the spawner has not grown", after);
    }
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ISOLATION.md");
    let table = env::var_os("AETHER_BOUNDARY_TABLE").map_or(documents, PathBuf::from);
    report.finish(&ahead, wanted.is_none().then_some(&*table))
}

/// `--compile-probes DIR`: for a run elsewhere, with `AETHER_BOUNDARY_PROBES=DIR`.
fn compile_probes(to: Option<String>) -> ExitCode {
    match to.context("a directory").and_then(|to| probes::compile(Path::new(&to))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("boundary: {error:#}");
            ExitCode::FAILURE
        }
    }
}
