//! `aether-init` as the suite runs it: the product's own, after a look at what it was started with.

use std::{fs, process::ExitCode, sync::atomic::Ordering};

/// Runs as PID 1 of a sandbox.
pub(crate) fn run(name: &str) -> ExitCode {
    if foreign_descriptor() {
        let _ = fs::write("/tmp/descriptor-reached-init", "");
    }
    if name.ends_with("-dumpable") {
        aether_sandbox::init::STAY_DUMPABLE.store(true, Ordering::Relaxed);
    }
    let run = if name.contains("-as-started") { aether_sandbox::init::run_as_started } else { aether_sandbox::init::run };
    match run() {
        Err(error) => {
            eprintln!("aether-init: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Is there one beyond the standard streams, the control socket and the spawner's?
fn foreign_descriptor() -> bool {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return false };
    entries.flatten().any(|entry| {
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()).unwrap_or(0);
        let link = fs::read_link(entry.path()).unwrap_or_default();
        number > aether_sandbox::init::REPORT.unsigned_abs() && !link.starts_with("/proc")
    })
}
