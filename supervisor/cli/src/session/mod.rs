//! A person and a process: byte channels, what may reach the terminal, the life of a goal.

mod detach;
pub(crate) mod filter;
pub(crate) mod goal;
pub(crate) mod input;
mod link;
mod output;
pub(crate) mod process;
pub(crate) mod relay;
mod scan;
pub(crate) mod signals;
