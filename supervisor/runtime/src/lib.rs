//! The built-in agent: think, act, observe, until its goal is reached.
//!
//! The loop decides and remembers outside the sandbox; every effect happens inside, through [`Hands`]. A step is written to
//! the [`Journal`] before it acts and its outcome after, so a restart goes on where it was and repeats no effect blindly.

#![forbid(unsafe_code)]

mod context;
pub mod control;
pub mod goal;
pub mod hands;
mod heuristic;
pub mod journal;
mod run;
mod text;
pub mod tools;

pub use control::Control;
pub use goal::{Goal, Outcome};
pub use hands::{CommandOutput, Hands, HandsError, RunCommand};
pub use heuristic::Heuristic;
pub use journal::{CallOutcome, History, Journal, JournalError, PlannedCall, RecordedStep, StepIntent, TakenMessage, Update};
pub use run::run_goal;
