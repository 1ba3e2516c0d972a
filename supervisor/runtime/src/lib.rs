//! The built-in agent: think, act, observe, until its goal is reached.
//!
//! The loop decides and remembers outside the sandbox; every effect happens inside, through [`Hands`]. A step is written to
//! the [`Journal`] before it acts and its outcome after, so a restart goes on where it was and repeats no effect blindly.

#![forbid(unsafe_code)]

mod compact;
mod context;
pub mod control;
pub mod goal;
pub mod governor;
pub mod hands;
mod heuristic;
pub mod images;
pub mod journal;
pub mod models;
mod order;
pub mod policy;
mod readable;
mod run;
mod text;
mod toolbox;
pub mod tools;
pub mod toolset;

pub use control::Control;
pub use goal::{Goal, Outcome};
pub use governor::{Asked, Gate, Governor, Spent, Ungoverned, Verdict};
pub use hands::{CommandOutput, Hands, HandsError, Left, RunCommand};
pub use heuristic::Heuristic;
pub use images::ShownImage;
pub use journal::{CallOutcome, History, Journal, JournalError, PlannedCall, RecordedStep, StepIntent, TakenMessage, Update};
pub use models::{Choice, Listener, Models, Wish};
pub use readable::readable;
pub use run::{Work, run_goal};
pub use toolset::{Effect, Offered, Site, Toolset};

/// A call in one line, for people: `run_command: make test`.
pub fn describe(tool: &str, args: &serde_json::Value) -> String {
    context::describe(tool, args)
}

/// Arguments whose texts are cut to `limit` characters, for people.
pub fn shortened(args: &serde_json::Value, limit: usize) -> serde_json::Value {
    text::arguments(args, limit)
}
