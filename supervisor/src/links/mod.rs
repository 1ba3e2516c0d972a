//! The connections to the other two processes: the spawner, and the init of each sandbox.

mod calls;
pub mod errors;
pub mod init;
mod requests;
pub mod spawner;
