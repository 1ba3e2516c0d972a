//! Numbers that only go up.

use rusqlite::Connection;

use crate::{StoreError, row};

pub(crate) const AGENT_NUMBER: &str = "agent_number";
pub(crate) const EVENT_SEQ: &str = "event_seq";
pub(crate) const SLOT_RELEASE: &str = "slot_release";

/// The next number; taken for good once the transaction commits.
pub(crate) fn next(db: &Connection, name: &str) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached("UPDATE counters SET value = value + 1 WHERE name = ?1 RETURNING value")?;
    Ok(row::uint(statement.query_row([name], |r| r.get(0))?))
}

/// The last number given.
pub(crate) fn last(db: &Connection, name: &str) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached("SELECT value FROM counters WHERE name = ?1")?;
    Ok(row::uint(statement.query_row([name], |r| r.get(0))?))
}
