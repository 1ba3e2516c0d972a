//! What built-in agents remember, plan, and write to each other: tools of the loop over the store.
//!
//! Everything here acts for one [`Identity`], given by whoever starts the agent; no argument of a tool can name another one.

#![forbid(unsafe_code)]

pub mod ending;
mod identity;
pub mod letters;
pub mod plans;
pub mod remembering;
pub mod tree;

pub use identity::{EMBEDDED, Identity, near};
pub use letters::{Letters, Neighbour, Neighbours};
pub use plans::Plans;
pub use remembering::Memories;

/// Every tool that is here.
pub fn offered() -> impl Iterator<Item = &'static aether_runtime::Offered> {
    [&remembering::OFFERED, &plans::OFFERED, &letters::OFFERED].into_iter().flat_map(|offered| offered.iter())
}
