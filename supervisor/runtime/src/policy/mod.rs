//! What a call may do: rules, a guard, circles. Pure: who asks people and who keeps what they said is the service's.

pub mod circles;
pub mod diff;
pub mod facts;
pub mod guard;
pub mod pattern;
pub mod rules;
pub mod shell;

pub use circles::Circles;
pub use facts::{Act, Facts, Touch};
pub use rules::{Ruling, judge};

#[cfg(test)]
mod tests;
