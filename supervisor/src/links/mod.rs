//! The connections to the other two processes: the spawner, and the init of each sandbox.

pub mod errors;
pub mod init;
mod requests;
pub mod spawner;
