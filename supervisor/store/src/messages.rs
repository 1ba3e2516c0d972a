//! What people write to a built-in agent: pending until a step takes it.

use aether_protocol::{AgentId, Timestamp};
use rusqlite::{Connection, Row};

use crate::{Store, StoreError, row};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// Number of the message.
    pub id: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    pub content: String,
    /// The step that took it; pending while absent.
    pub taken_step: Option<u32>,
}

impl Store {
    /// Every message to an agent in order, taken or pending.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn messages(&self, agent: AgentId) -> Result<Vec<MessageRecord>, StoreError> {
        self.read(move |db| {
            let mut statement =
                db.prepare_cached("SELECT id, at_ms, content, taken_step FROM messages WHERE agent_id = ?1 ORDER BY id")?;
            let rows = statement.query_map([agent.as_str()], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

impl Store {
    /// Is there a message that `step` would take, or took?
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_messages(&self, agent: AgentId, step: u32) -> Result<bool, StoreError> {
        self.read(move |db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM messages WHERE agent_id = ?1 AND (taken_step IS NULL OR taken_step = ?2))";
            Ok(db.prepare_cached(sql)?.query_row((agent.as_str(), step), |r| r.get(0))?)
        })
        .await
    }
}

pub(crate) fn insert(db: &Connection, agent: &AgentId, content: &str) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO messages (agent_id, at_ms, content) VALUES (?1, ?2, ?3)")?
        .execute((agent.as_str(), Timestamp::now().unix_millis().unwrap_or(0), content))
        .map_err(|e| match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::NoAgent(agent.clone()),
            _ => e.into(),
        })?;
    Ok(())
}

/// Gives the pending messages to `step`. Asking again for the same step gives the same messages: a restart loses none.
pub(crate) fn take(db: &Connection, agent: &AgentId, step: u32) -> Result<Vec<MessageRecord>, StoreError> {
    db.prepare_cached("UPDATE messages SET taken_step = ?2 WHERE agent_id = ?1 AND taken_step IS NULL")?
        .execute((agent.as_str(), step))?;
    let mut statement = db.prepare_cached(
        "SELECT id, at_ms, content, taken_step FROM messages WHERE agent_id = ?1 AND taken_step = ?2 ORDER BY id",
    )?;
    let rows = statement.query_map((agent.as_str(), step), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(r: &Row<'_>) -> rusqlite::Result<MessageRecord> {
    Ok(MessageRecord {
        id: row::uint(r.get(0)?),
        at: Timestamp::from_unix_millis(r.get(1)?),
        content: r.get(2)?,
        taken_step: r.get(3)?,
    })
}
