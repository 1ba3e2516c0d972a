//! `aetherd`: the supervisor of Aether. Started with the spawner's argument, it is the spawner instead.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use aether_sandbox::{spawner, sys::wipe::Wiping};

/// Secrets pass through the buffers of many libraries: what they give back holds none.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

fn main() -> ExitCode {
    // Before anything else: the spawner has one thread and reads no configuration.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == spawner::SPAWNER_ARGUMENT) {
        return ExitCode::from(u8::try_from(spawner::main()).unwrap_or(1));
    }
    aether_supervisor::startup::run()
}
