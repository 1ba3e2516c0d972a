//! The connections to the other two processes: the spawner, and the init of each sandbox.

pub mod errors;
pub mod init;
pub mod spawner;
