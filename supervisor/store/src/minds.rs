//! Whose memory is whose, and what each is known for.
//!
//! A mind belongs to an owner. The memory of one agent carries the agent's id, which is never given twice, and goes with it. A named
//! one is found by owner and name together, so that nobody reaches the memory of another owner by using its name.

use std::collections::BTreeMap;

use aether_protocol::{AgentId, AgentName, AgentProfile, MindInfo, Reflection, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{Change, Store, StoreError, row};

/// A mind, by what an agent was started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MindKey {
    /// Whose agent.
    pub owner: String,
    /// The agent.
    pub agent: AgentId,
    /// The name of the memory it uses; its own when absent.
    pub name: Option<AgentName>,
}

/// What a run adds to a profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// The goal was reached.
    pub completed: bool,
    /// Steps taken.
    pub steps: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls that failed.
    pub calls_failed: u64,
}

impl Change {
    /// Counts a run that ended, once, and what was thought of it.
    #[must_use]
    pub fn run_ended(self, key: MindKey, run: RunCounts, seen: Reflection) -> Self {
        self.with(move |db, _| ended(db, &key, run, &seen))
    }

    /// Adds a model's rating to a run that was counted, once.
    #[must_use]
    pub fn run_rated(self, key: MindKey, agent: &AgentId, rating: u8, summary: String) -> Self {
        let agent = agent.clone();
        self.with(move |db, _| rated(db, &key, &agent, rating, &summary))
    }

    /// Sets what a mind says of itself.
    #[must_use]
    pub fn describe_mind(self, key: MindKey, expertise: Vec<String>, notes: String) -> Self {
        self.with(move |db, _| describe(db, &key, &expertise, &notes))
    }
}

impl Store {
    /// Every mind, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn minds(&self) -> Result<Vec<MindInfo>, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT id, owner, name, agent_id FROM minds ORDER BY id")?;
            let mut rows = statement.query([])?;
            let mut minds = Vec::new();
            while let Some(r) = rows.next()? {
                minds.push(read(db, r)?);
            }
            Ok(minds)
        })
        .await
    }

    /// The mind of an agent; absent while nothing was kept in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mind(&self, key: MindKey) -> Result<Option<MindInfo>, StoreError> {
        self.read(move |db| {
            let Some(id) = find(db, &key)? else { return Ok(None) };
            let mut statement = db.prepare_cached("SELECT id, owner, name, agent_id FROM minds WHERE id = ?1")?;
            statement.query_row([row::int(id)], |r| Ok(read(db, r))).optional()?.transpose()
        })
        .await
    }

    /// What a mind is known for; empty while nothing was kept in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profile(&self, key: MindKey) -> Result<AgentProfile, StoreError> {
        self.read(move |db| match find(db, &key)? {
            Some(mind) => profile(db, mind),
            None => Ok(AgentProfile::default()),
        })
        .await
    }

    /// What was thought of the runs of a mind, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reflections(&self, key: MindKey, limit: u32) -> Result<Vec<Reflection>, StoreError> {
        self.read(move |db| {
            let Some(mind) = find(db, &key)? else { return Ok(Vec::new()) };
            let mut statement = db.prepare_cached(
                "SELECT agent_id, at_ms, outcome, rating, summary FROM reflections WHERE mind = ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let mut rows = statement.query((row::int(mind), limit))?;
            let mut reflections = Vec::new();
            while let Some(r) = rows.next()? {
                reflections.push(Reflection {
                    agent: row::parse("agent id", &r.get::<_, String>(0)?)?,
                    at: Timestamp::from_unix_millis(r.get(1)?),
                    outcome: r.get(2)?,
                    rating: r.get(3)?,
                    summary: r.get(4)?,
                });
            }
            Ok(reflections)
        })
        .await
    }
}

/// The number of a mind that exists.
pub(crate) fn find(db: &Connection, key: &MindKey) -> Result<Option<u64>, StoreError> {
    let id: Option<i64> = match &key.name {
        Some(name) => db
            .prepare_cached("SELECT id FROM minds WHERE owner = ?1 AND name = ?2")?
            .query_row((&key.owner, name.as_str()), |r| r.get(0))
            .optional()?,
        None => db
            .prepare_cached("SELECT id FROM minds WHERE agent_id = ?1")?
            .query_row([key.agent.as_str()], |r| r.get(0))
            .optional()?,
    };
    Ok(id.map(row::uint))
}

/// The number of a mind; made when it is not there.
pub(crate) fn need(db: &Connection, key: &MindKey) -> Result<u64, StoreError> {
    if let Some(id) = find(db, key)? {
        return Ok(id);
    }
    let (name, agent) = match &key.name {
        Some(name) => (Some(name.as_str()), None),
        None => (None, Some(key.agent.as_str())),
    };
    db.prepare_cached("INSERT INTO minds (owner, name, agent_id, created_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute((&key.owner, name, agent, now()))
        .map_err(|error| match error.sqlite_extended_error_code() {
            Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::NoAgent(key.agent.clone()),
            _ => error.into(),
        })?;
    Ok(row::uint(db.last_insert_rowid()))
}

/// Counts a run, and what was thought of it; a second end of the same agent is not counted.
fn ended(db: &Connection, key: &MindKey, run: RunCounts, seen: &Reflection) -> Result<(), StoreError> {
    let mind = row::int(need(db, key)?);
    let first = db
        .prepare_cached(
            "INSERT INTO reflections (mind, agent_id, at_ms, outcome, summary) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (mind, agent_id) DO NOTHING",
        )?
        .execute((mind, seen.agent.as_str(), now(), &seen.outcome, &seen.summary))?;
    if first == 0 {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE minds SET completed = completed + ?2, failed = failed + ?3, steps = steps + ?4, calls = calls + ?5,
             calls_failed = calls_failed + ?6 WHERE id = ?1",
    )?
    .execute((
        mind,
        i64::from(run.completed),
        i64::from(!run.completed),
        row::int(run.steps),
        row::int(run.calls),
        row::int(run.calls_failed),
    ))?;
    Ok(())
}

fn rated(db: &Connection, key: &MindKey, agent: &AgentId, rating: u8, summary: &str) -> Result<(), StoreError> {
    let mind = row::int(find(db, key)?.unwrap_or(0));
    let first = db
        .prepare_cached("UPDATE reflections SET rating = ?3, summary = ?4 WHERE mind = ?1 AND agent_id = ?2 AND rating IS NULL")?
        .execute((mind, agent.as_str(), rating, summary))?;
    if first == 0 {
        return Err(StoreError::Outdated("run"));
    }
    db.prepare_cached("UPDATE minds SET ratings = ratings + 1, rating_sum = rating_sum + ?2 WHERE id = ?1")?
        .execute((mind, i64::from(rating)))?;
    Ok(())
}

/// Sets what a mind says of itself.
fn describe(db: &Connection, key: &MindKey, expertise: &[String], notes: &str) -> Result<(), StoreError> {
    let mind = need(db, key)?;
    db.prepare_cached("UPDATE minds SET expertise = ?2, notes = ?3 WHERE id = ?1")?.execute((
        row::int(mind),
        row::to_json("expertise", &expertise)?,
        notes,
    ))?;
    Ok(())
}

pub(crate) fn now() -> i64 {
    Timestamp::now().unix_millis().unwrap_or(0)
}

fn profile(db: &Connection, mind: u64) -> Result<AgentProfile, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT completed, failed, steps, calls, calls_failed, ratings, rating_sum, expertise, notes FROM minds WHERE id = ?1",
    )?;
    statement
        .query_row([row::int(mind)], |r| {
            let count = |i: usize| r.get(i).map(row::uint);
            Ok(AgentProfile {
                completed: count(0)?,
                failed: count(1)?,
                steps: count(2)?,
                calls: count(3)?,
                calls_failed: count(4)?,
                ratings: count(5)?,
                rating_sum: count(6)?,
                expertise: row::from_json("expertise", &r.get::<_, String>(7)?).unwrap_or_default(),
                notes: r.get(8)?,
            })
        })
        .map_err(Into::into)
}

fn read(db: &Connection, r: &Row<'_>) -> Result<MindInfo, StoreError> {
    let id: i64 = r.get(0)?;
    let mut statement = db.prepare_cached("SELECT layer, count(*) FROM memories WHERE mind = ?1 GROUP BY layer")?;
    let held = statement.query_map([id], |r| Ok((r.get::<_, String>(0)?, row::uint(r.get(1)?))))?;
    let held = held.collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(MindInfo {
        id: row::uint(id),
        owner: r.get(1)?,
        name: r.get::<_, Option<String>>(2)?.map(|name| row::parse("memory name", &name)).transpose()?,
        agent: r.get::<_, Option<String>>(3)?.map(|agent| row::parse("agent id", &agent)).transpose()?,
        held,
    })
}
