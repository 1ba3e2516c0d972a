//! What Aether remembers: agents, leases, events, the steps of goals, settings and the audit, in one SQLite database.
//!
//! One thread writes. A [`Change`] is a list of writes that are committed together or not at all; it is acknowledged after
//! its commit reached the disk (`synchronous=FULL`), and changes that wait together share one commit. Reads go to a few
//! connections of their own and never wait for the writer (WAL).

#![forbid(unsafe_code)]

pub mod agents;
pub mod approvals;
pub mod audit;
pub mod backup;
pub mod budgets;
pub mod change;
mod counters;
pub mod destinations;
pub mod error;
pub mod events;
mod folding;
pub mod leases;
pub mod letters;
pub mod memories;
pub mod messages;
pub mod minds;
pub mod models;
pub mod plans;
mod readers;
pub mod requests;
mod reserve;
mod row;
mod schema;
pub mod secrets;
pub mod settings;
pub mod steps;
mod store;
pub mod timings;
pub mod vectors;
mod wal;
mod writer;

pub use agents::{AgentField, AgentFilter, AgentRecord, NewAgent};
pub use approvals::{HeldRecord, HeldWord, NewHeld};
pub use audit::{AuditEntry, AuditRecord, AuditSummary, AuditVerdict};
pub use budgets::{BudgetField, NewSpent, SpentRecord};
pub use change::{Change, Committed};
pub use destinations::MAX_DESTINATIONS;
pub use error::{OpenError, StoreError};
pub use events::{EventQuery, NewEvent, Window};
pub use leases::Lease;
pub use letters::NewLetter;
pub use memories::Recall;
pub use messages::MessageRecord;
pub use minds::{MindKey, RunCounts};
pub use requests::{Request, RequestRecord};
pub use secrets::{MAX_USERS, NewGrant, SecretRecord};
pub use steps::{CallRecord, NewCall, NewStep, StepRecord};
pub use store::{Notice, Options, Store};
pub use timings::{Distribution, Histogram, Timings};
pub use vectors::{Bare, Near};

/// Version of the SQLite that is linked: built with the program, not the host's.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
