//! `aether-init` as the suite runs it: the product's own, after a look at what it was started with.

use std::{
    fs,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

/// Runs as PID 1 of a sandbox.
pub(crate) fn run(name: &str) -> ExitCode {
    if foreign_descriptor() {
        let _ = fs::write("/tmp/descriptor-reached-init", "");
    }
    if name == "aether-init-dumpable" {
        stay_dumpable();
    }
    match aether_sandbox::init::run() {
        Err(error) => {
            eprintln!("aether-init: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Is there one beyond the standard streams and the control socket?
fn foreign_descriptor() -> bool {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return false };
    entries.flatten().any(|entry| {
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()).unwrap_or(0);
        let link = fs::read_link(entry.path()).unwrap_or_default();
        number > 3 && !link.starts_with("/proc")
    })
}

/// Undoes the one thing that init does for itself, as soon as it has done it.
fn stay_dumpable() {
    // The thread inherits it: init waits for SIGCHLD by a descriptor, and a thread that takes it would keep it from init.
    let _ = nix::sys::signal::SigSet::all().thread_block();
    thread::spawn(|| {
        let limit = Instant::now() + Duration::from_secs(5);
        while nix::sys::prctl::get_dumpable().unwrap_or(false) && Instant::now() < limit {
            thread::yield_now();
        }
        let _ = nix::sys::prctl::set_dumpable(true);
    });
}
