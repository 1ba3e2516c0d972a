//! How the three processes talk: `postcard` messages, descriptors beside them (`SCM_RIGHTS`).

pub mod init;
pub mod spawner;
