//! Steps of the built-in agent: written before they act, their outcomes after.
//!
//! Calls of one step run one after the other, so the first call without an outcome may have begun, and those after it have not.

use aether_protocol::{AgentId, Timestamp};
use rusqlite::Connection;
use serde_json::Value;

use crate::{Store, StoreError, row};

/// A step about to act.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStep {
    /// Number of the step, from 1.
    pub step: u32,
    /// What the agent thought.
    pub thought: String,
    /// Tokens used, free form.
    pub usage: Option<Value>,
    /// The calls it is about to make.
    pub calls: Vec<NewCall>,
}

/// A call about to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCall {
    /// The model's id of the call.
    pub call_id: String,
    /// Tool.
    pub tool: String,
    /// Arguments as the model gave them.
    pub args: Value,
}

/// A step as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// Number of the step, from 1.
    pub step: u32,
    /// When it began.
    pub at: Timestamp,
    /// What the agent thought.
    pub thought: String,
    /// Tokens used.
    pub usage: Option<Value>,
    /// Its calls in order.
    pub calls: Vec<CallRecord>,
}

/// A call as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// The call.
    pub call: NewCall,
    /// How it ended; absent when that was never recorded.
    pub outcome: Option<Value>,
}

impl Store {
    /// All steps of an agent in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn steps(&self, agent: AgentId) -> Result<Vec<StepRecord>, StoreError> {
        self.read(move |db| list(db, &agent)).await
    }
}

pub(crate) fn begin(db: &Connection, agent: &AgentId, new: &NewStep) -> Result<(), StoreError> {
    let usage = new.usage.as_ref().map(|u| row::to_json("usage", u)).transpose()?;
    db.prepare_cached("INSERT INTO steps (agent_id, step, at_ms, thought, usage) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((agent.as_str(), new.step, Timestamp::now().unix_millis().unwrap_or(0), &new.thought, usage))
        .map_err(|e| missing_agent(e, agent))?;
    let mut insert =
        db.prepare_cached("INSERT INTO calls (agent_id, step, position, call_id, tool, args) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (position, call) in new.calls.iter().enumerate() {
        let args = row::to_json("arguments", &call.args)?;
        insert.execute((agent.as_str(), new.step, position as i64, &call.call_id, &call.tool, args))?;
    }
    Ok(())
}

pub(crate) fn finish(db: &Connection, agent: &AgentId, step: u32, position: u32, outcome: &Value) -> Result<(), StoreError> {
    let outcome = row::to_json("outcome", outcome)?;
    let changed = db
        .prepare_cached(
            "UPDATE calls SET outcome = ?4, ended_ms = ?5
             WHERE agent_id = ?1 AND step = ?2 AND position = ?3 AND outcome IS NULL",
        )?
        .execute((agent.as_str(), step, position, outcome, Timestamp::now().unix_millis().unwrap_or(0)))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::NoOpenCall { agent: agent.clone(), step, position }) }
}

fn list(db: &Connection, agent: &AgentId) -> Result<Vec<StepRecord>, StoreError> {
    let mut statement = db.prepare_cached("SELECT step, at_ms, thought, usage FROM steps WHERE agent_id = ?1 ORDER BY step")?;
    let mut rows = statement.query([agent.as_str()])?;
    let mut steps = Vec::new();
    while let Some(r) = rows.next()? {
        let step = r.get(0)?;
        let usage: Option<String> = r.get(3)?;
        steps.push(StepRecord {
            step,
            at: Timestamp::from_unix_millis(r.get(1)?),
            thought: r.get(2)?,
            usage: usage.map(|u| row::from_json("usage", &u)).transpose()?,
            calls: calls(db, agent, step)?,
        });
    }
    Ok(steps)
}

fn calls(db: &Connection, agent: &AgentId, step: u32) -> Result<Vec<CallRecord>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT call_id, tool, args, outcome FROM calls WHERE agent_id = ?1 AND step = ?2 ORDER BY position")?;
    let mut rows = statement.query((agent.as_str(), step))?;
    let mut calls = Vec::new();
    while let Some(r) = rows.next()? {
        let outcome: Option<String> = r.get(3)?;
        let call = NewCall { call_id: r.get(0)?, tool: r.get(1)?, args: row::from_json("arguments", &r.get::<_, String>(2)?)? };
        calls.push(CallRecord { call, outcome: outcome.map(|o| row::from_json("outcome", &o)).transpose()? });
    }
    Ok(calls)
}

fn missing_agent(error: rusqlite::Error, agent: &AgentId) -> StoreError {
    match error.sqlite_extended_error_code() {
        Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::NoAgent(agent.clone()),
        _ => error.into(),
    }
}
