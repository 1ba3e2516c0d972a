//! Slots of host uids, each lent to at most one agent.
//!
//! A slot is recorded before it is used and comes back exactly once. The slot that has been unused longest is lent next:
//! slots never used first, then in the order of their return. A slot that is set aside for a sandbox built ahead is nobody's yet,
//! and is lent to nobody else.

use aether_protocol::AgentId;
use rusqlite::{Connection, OptionalExtension};

use crate::{Store, StoreError, counters, row};

/// A slot and who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The slot, from 0.
    pub slot: u32,
    /// Who holds it.
    pub agent: AgentId,
}

impl Store {
    /// Every lease held now, by slot.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.read(|db| {
            let mut statement =
                db.prepare_cached("SELECT slot, agent_id FROM leases WHERE agent_id IS NOT NULL ORDER BY slot")?;
            let mut rows = statement.query([])?;
            let mut leases = Vec::new();
            while let Some(r) = rows.next()? {
                let agent: String = r.get(1)?;
                leases.push(Lease { slot: r.get(0)?, agent: row::parse("agent id", &agent)? });
            }
            Ok(leases)
        })
        .await
    }

    /// Every slot set aside, and the id that its agent would have.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prepared(&self) -> Result<Vec<Lease>, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT slot, agent_id FROM prepared ORDER BY slot")?;
            let mut rows = statement.query([])?;
            let mut prepared = Vec::new();
            while let Some(r) = rows.next()? {
                let agent: String = r.get(1)?;
                prepared.push(Lease { slot: r.get(0)?, agent: row::parse("agent id", &agent)? });
            }
            Ok(prepared)
        })
        .await
    }
}

pub(crate) fn take(db: &Connection, agent: &AgentId, slots: u32) -> Result<u32, StoreError> {
    if held(db, agent)?.is_some() {
        return Err(StoreError::AlreadyLeased(agent.clone()));
    }
    let slot = free(db, slots)?;
    lend(db, agent, slot)?;
    Ok(slot)
}

/// The slot to hand out next.
fn free(db: &Connection, slots: u32) -> Result<u32, StoreError> {
    let used: u32 = db.prepare_cached("SELECT coalesce(max(slot) + 1, 0) FROM leases")?.query_row([], |r| r.get(0))?;
    if used < slots {
        return Ok(used);
    }
    db.prepare_cached(
        "SELECT slot FROM leases WHERE agent_id IS NULL AND slot < ?1 AND slot NOT IN (SELECT slot FROM prepared)
         ORDER BY released_as LIMIT 1",
    )?
    .query_row([slots], |r| r.get(0))
    .optional()?
    .ok_or(StoreError::NoFreeSlot(slots))
}

fn lend(db: &Connection, agent: &AgentId, slot: u32) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO leases (slot, agent_id) VALUES (?1, ?2)
         ON CONFLICT (slot) DO UPDATE SET agent_id = ?2, released_as = NULL",
    )?
    .execute((slot, agent.as_str()))
    .map(drop)
    .map_err(|e| unknown_agent(e, agent))
}

pub(crate) fn prepare(db: &Connection, agent: &AgentId, slots: u32) -> Result<u32, StoreError> {
    let slot = free(db, slots)?;
    let order = row::int(counters::next(db, counters::SLOT_RELEASE)?);
    db.prepare_cached(
        "INSERT INTO leases (slot, released_as) VALUES (?1, ?2) ON CONFLICT (slot) DO UPDATE SET released_as = ?2",
    )?
    .execute((slot, order))?;
    db.prepare_cached("INSERT INTO prepared (agent_id, slot) VALUES (?1, ?2)")?.execute((agent.as_str(), slot))?;
    Ok(slot)
}

pub(crate) fn take_prepared(db: &Connection, agent: &AgentId) -> Result<u32, StoreError> {
    let slot = no_longer_prepared(db, agent)?;
    lend(db, agent, slot)?;
    Ok(slot)
}

pub(crate) fn drop_prepared(db: &Connection, agent: &AgentId) -> Result<(), StoreError> {
    let slot = no_longer_prepared(db, agent)?;
    let order = row::int(counters::next(db, counters::SLOT_RELEASE)?);
    db.prepare_cached("UPDATE leases SET released_as = ?2 WHERE slot = ?1")?.execute((slot, order))?;
    Ok(())
}

fn no_longer_prepared(db: &Connection, agent: &AgentId) -> Result<u32, StoreError> {
    db.prepare_cached("DELETE FROM prepared WHERE agent_id = ?1 RETURNING slot")?
        .query_row([agent.as_str()], |r| r.get(0))
        .optional()?
        .ok_or_else(|| StoreError::NotPrepared(agent.clone()))
}

pub(crate) fn release(db: &Connection, agent: &AgentId, slot: u32) -> Result<(), StoreError> {
    let order = counters::next(db, counters::SLOT_RELEASE)?;
    let changed = db
        .prepare_cached("UPDATE leases SET agent_id = NULL, released_as = ?3 WHERE slot = ?1 AND agent_id = ?2")?
        .execute((slot, agent.as_str(), row::int(order)))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::NotLeased { agent: agent.clone(), slot }) }
}

pub(crate) fn held(db: &Connection, agent: &AgentId) -> Result<Option<u32>, StoreError> {
    let mut statement = db.prepare_cached("SELECT slot FROM leases WHERE agent_id = ?1")?;
    Ok(statement.query_row([agent.as_str()], |r| r.get(0)).optional()?)
}

fn unknown_agent(error: rusqlite::Error, agent: &AgentId) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::NoAgent(agent.clone()),
        _ => error.into(),
    }
}
