//! The promises of Aether, tried from outside: a daemon of its own for each test, the real `aether` command, raw HTTP and
//! WebSocket where the command line is too polite, and an oracle that says what was left behind.
//!
//! The binaries come from `AETHER_BIN_DIR` (default `target/release`); the tests need root, as the daemon does.
#![forbid(unsafe_code)]

pub mod agent;
pub mod cli;
pub mod corpus;
pub mod daemon;
pub mod faults;
pub mod http;
pub mod internet;
pub mod leaks;
pub mod locked;
pub mod memory;
pub mod proc;
pub mod provider;
pub mod pty;
pub mod random;
pub mod raw;
pub mod routes;
pub mod scripted;
pub mod stopped;
pub mod stranger;
pub mod terminal;
pub mod tongues;
pub mod unit;
pub mod wait;

pub use agent::Agent;
pub use cli::Outcome;
pub use daemon::Daemon;
pub use leaks::Leaks;
pub use provider::Provider;
pub use scripted::Scripted;
pub use unit::Unit;
pub use wait::eventually;
