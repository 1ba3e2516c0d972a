//! The mechanism: from a [`plan::SandboxPlan`] to a running sandbox.
//!
//! Synchronous, few dependencies, the only crate with `unsafe` (in [`sys`], one system call per function) and the only one
//! that starts processes. Two programs live here: the spawner (privileged, one thread) and `aether-init` (PID 1 inside).

pub mod host;
pub mod init;
pub mod net;
pub mod plan;
pub mod profile;
mod removal;
pub mod spawner;
pub mod sys;
pub mod wire;
