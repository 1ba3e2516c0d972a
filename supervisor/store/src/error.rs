//! How opening and using the store can fail.

use std::{path::PathBuf, sync::Arc};

use aether_protocol::{AgentId, AgentName};

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The linked SQLite is too old.
    #[error("SQLite {found} is too old, at least {needed} is needed (it fixes a loss of data in WAL mode)")]
    Library {
        /// Version linked.
        found: &'static str,
        /// Version needed.
        needed: &'static str,
    },
    /// The file or its directory cannot be used.
    #[error("cannot open {path}: {source}")]
    File {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Written by a newer version of the service.
    #[error("{path} has schema {found}, this version knows up to {known}: install the newer version again or restore a backup")]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Schema of the file.
        found: usize,
        /// Newest schema this version knows.
        known: usize,
    },
    /// The file is damaged.
    #[error("{path} is damaged ({problem}): stop the service and restore a backup, or move the file away to start empty")]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// First problem that `PRAGMA quick_check` reported.
        problem: String,
    },
    /// The file is a database, but none of ours.
    #[error("{path} is no database of Aether: name a file that aether backup wrote")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A migration failed; the file is as it was.
    #[error("cannot bring the database to the current schema: {0}")]
    Migration(#[from] rusqlite_migration::Error),
    /// SQLite refused.
    #[error("cannot open the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Why a read or a change failed. A failed change left nothing behind.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another agent has this name.
    #[error("the name {0} is taken")]
    NameTaken(AgentName),
    /// No such agent.
    #[error("no agent {0}")]
    NoAgent(AgentId),
    /// No such step or call, or its outcome is already recorded.
    #[error("no open call {position} in step {step} of agent {agent}")]
    NoOpenCall {
        /// The agent.
        agent: AgentId,
        /// The step.
        step: u32,
        /// The call's place in its step.
        position: u32,
    },
    /// Every slot is taken.
    #[error("all {0} uid slots are in use")]
    NoFreeSlot(u32),
    /// The agent already has a slot.
    #[error("agent {0} already holds a uid slot")]
    AlreadyLeased(AgentId),
    /// The slot is not held by this agent.
    #[error("agent {agent} does not hold uid slot {slot}")]
    NotLeased {
        /// The agent.
        agent: AgentId,
        /// The slot.
        slot: u32,
    },
    /// No sandbox was built ahead for an agent of this name.
    #[error("nothing is prepared for agent {0}")]
    NotPrepared(AgentId),
    /// The agent still holds a slot and cannot be deleted.
    #[error("agent {0} still holds a uid slot")]
    StillLeased(AgentId),
    /// It was changed or removed by somebody else meanwhile.
    #[error("the {0} was changed or removed meanwhile")]
    Outdated(&'static str),
    /// Everything that the layer holds weighs more than this memory.
    #[error("the layer is full: all of its {0} memories weigh more than this one")]
    TooLight(u64),
    /// Too many letters wait for an agent, in all or of one sender.
    #[error("too many letters wait for agent {0}")]
    TooManyLetters(AgentId),
    /// The disk is full.
    #[error("the disk that holds the database is full")]
    NoSpace,
    /// A stored value cannot be read.
    #[error("stored {what} cannot be read: {problem}")]
    Corrupt {
        /// Which value.
        what: &'static str,
        /// Why.
        problem: String,
    },
    /// The disk that holds the database fails, or may only be read.
    #[error("the disk that holds the database fails: {0}")]
    Disk(String),
    /// Another program holds the lock of the database, for longer than is waited.
    #[error("another program has the database locked")]
    Locked,
    /// A copy could not be written.
    #[error("{0}")]
    Copy(String),
    /// The writer has ended.
    #[error("the store is closed")]
    Closed,
    /// SQLite failed.
    #[error("database: {0}")]
    Sqlite(Arc<rusqlite::Error>),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::NoSpace,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::FileLockingProtocolFailed) => Self::Locked,
            Some(rusqlite::ErrorCode::SystemIoFailure | rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::CannotOpen) => {
                Self::Disk(error.to_string())
            }
            _ => Self::Sqlite(Arc::new(error)),
        }
    }
}
