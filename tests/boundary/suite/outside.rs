//! A probe outside any sandbox, as root, with one layer alone or none: what a layer does where no namespace and no id map helps it.
//!
//! It still gets namespaces for pids, mounts, names and IPC of its own, so that what succeeds touches nothing of this host.

use std::{
    env,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode},
};

use aether_sandbox::spawner::weaken::{Part, confine_self};
use anyhow::{Context as _, Result, bail};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

/// First argument of the process that makes the namespaces.
pub(crate) const NAMESPACES: &str = "__namespaces";
/// First argument of the process that takes the layer.
pub(crate) const CONFINED: &str = "__confined";

/// Layers that mean something outside.
pub(crate) const PARTS: [Part; 5] = [Part::Capabilities, Part::Landlock, Part::Seccomp, Part::SpawnerFilter, Part::Mounts];

/// Runs a probe with `part` alone; its standard output.
pub(crate) fn run(part: Option<Part>, program: &Path, arguments: &[&str]) -> Result<String> {
    let layer = part.map_or("none".to_owned(), |part| format!("{part:?}"));
    let mut command = Command::new(env::current_exe()?);
    let output = command.args([NAMESPACES, &layer]).arg(program).args(arguments).output()?;
    if !output.status.success() {
        bail!("{} with {layer}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The process that makes the namespaces; the next one is PID 1 of a new one, so that no signal leaves it.
pub(crate) fn in_namespaces(arguments: Vec<String>) -> ExitCode {
    let status =
        unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC)
            .and_then(|()| mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>))
            .map_err(Into::into)
            .and_then(|()| Command::new("/proc/self/exe").arg(CONFINED).args(arguments).status());
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        other => {
            eprintln!("{other:?}");
            ExitCode::FAILURE
        }
    }
}

/// The process that takes the layer and becomes the probe.
pub(crate) fn confined(arguments: Vec<String>) -> ExitCode {
    let error = match become_probe(&arguments) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    eprintln!("{error:#}");
    ExitCode::FAILURE
}

fn become_probe(arguments: &[String]) -> Result<std::convert::Infallible> {
    let [layer, program, rest @ ..] = arguments else { bail!("a layer and a program") };
    let mut command = Command::new(program);
    command.args(rest).current_dir("/tmp");
    if let Some(part) = PARTS.into_iter().find(|part| format!("{part:?}") == *layer) {
        confine_self(part).with_context(|| format!("apply {layer}"))?;
    }
    Err(command.exec().into())
}
