//! Plans of built-in agents, and what people thought of their steps.

use aether_protocol::{AgentId, Feedback, NewFeedback, Plan, PlanStatus, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{Change, NewEvent, Store, StoreError, events, minds::now, row};

/// Plans of one agent that are kept; older ones go.
const KEPT: i64 = 20;

impl Change {
    /// Stores a plan, and the events that follow from it: a new plan, in the place of the one that was followed, when its number is 0.
    #[must_use]
    pub fn set_plan(self, agent: &AgentId, plan: Plan, then: impl FnOnce(&Plan) -> Vec<NewEvent> + Send + 'static) -> Self {
        let agent = agent.clone();
        self.with(move |db, done| {
            let plan = set(db, &agent, &plan)?;
            for event in then(&plan) {
                done.events.push(events::append(db, event)?);
            }
            done.plans.push(plan);
            Ok(())
        })
    }

    /// Records what somebody thought of a step that was taken.
    #[must_use]
    pub fn feedback(self, agent: &AgentId, by: &str, new: NewFeedback) -> Self {
        let (agent, by) = (agent.clone(), by.to_owned());
        self.with(move |db, _| rate(db, &agent, &by, &new))
    }
}

impl Store {
    /// The newest plan of an agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn plan(&self, agent: AgentId) -> Result<Option<Plan>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(&format!("{SELECT} WHERE agent_id = ?1 ORDER BY id DESC LIMIT 1"))?;
            statement.query_row([agent.as_str()], |r| Ok(read(r))).optional()?.transpose()
        })
        .await
    }

    /// What people thought of an agent's steps, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feedback(&self, agent: AgentId, limit: u32) -> Result<Vec<Feedback>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT step, rating, comment, by_whom, at_ms FROM feedback WHERE agent_id = ?1
                 ORDER BY at_ms DESC, step DESC LIMIT ?2",
            )?;
            let rows = statement.query_map((agent.as_str(), limit), |r| {
                let at = Timestamp::from_unix_millis(r.get(4)?);
                Ok(Feedback { step: r.get(0)?, rating: r.get(1)?, comment: r.get(2)?, by: r.get(3)?, at })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

const SELECT: &str = "SELECT id, goal, status, nodes, created_ms, updated_ms FROM plans";

/// Stores a plan: a new one when its number is 0, in the place of the one that was followed.
fn set(db: &Connection, agent: &AgentId, plan: &Plan) -> Result<Plan, StoreError> {
    let (status, nodes, at) = (row::to_word("status", &plan.status)?, row::to_json("nodes", &plan.nodes)?, now());
    if plan.id == 0 {
        let abandoned = row::to_word("status", &PlanStatus::Abandoned)?;
        let active = row::to_word("status", &PlanStatus::Active)?;
        db.prepare_cached("UPDATE plans SET status = ?2, updated_ms = ?3 WHERE agent_id = ?1 AND status = ?4")?.execute((
            agent.as_str(),
            abandoned,
            at,
            active,
        ))?;
        db.prepare_cached(
            "INSERT INTO plans (agent_id, goal, status, nodes, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )?
        .execute((agent.as_str(), &plan.goal, status, nodes, at))
        .map_err(|error| match error.sqlite_extended_error_code() {
            Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::NoAgent(agent.clone()),
            _ => error.into(),
        })?;
        let id = db.last_insert_rowid();
        db.prepare_cached(
            "DELETE FROM plans WHERE agent_id = ?1 AND id NOT IN (SELECT id FROM plans WHERE agent_id = ?1 ORDER BY id DESC LIMIT ?2)",
        )?
        .execute((agent.as_str(), KEPT))?;
        return one(db, id);
    }
    let changed = db
        .prepare_cached("UPDATE plans SET status = ?3, nodes = ?4, updated_ms = ?5 WHERE id = ?1 AND agent_id = ?2")?
        .execute((row::int(plan.id), agent.as_str(), status, nodes, at))?;
    if changed == 1 { one(db, row::int(plan.id)) } else { Err(StoreError::Outdated("plan")) }
}

fn one(db: &Connection, id: i64) -> Result<Plan, StoreError> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    statement.query_row([id], |r| Ok(read(r)))?
}

fn read(r: &Row<'_>) -> Result<Plan, StoreError> {
    Ok(Plan {
        id: row::uint(r.get(0)?),
        goal: r.get(1)?,
        status: row::from_word("status", &r.get::<_, String>(2)?)?,
        nodes: row::from_json("nodes", &r.get::<_, String>(3)?)?,
        created_at: Timestamp::from_unix_millis(r.get(4)?),
        updated_at: Timestamp::from_unix_millis(r.get(5)?),
    })
}

/// Records what somebody thought of a step that was taken.
fn rate(db: &Connection, agent: &AgentId, by: &str, new: &NewFeedback) -> Result<(), StoreError> {
    let taken: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM steps WHERE agent_id = ?1 AND step = ?2)")?
        .query_row((agent.as_str(), new.step), |r| r.get(0))?;
    if !taken {
        return Err(StoreError::Outdated("step"));
    }
    db.prepare_cached(
        "INSERT INTO feedback (agent_id, step, by_whom, rating, comment, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (agent_id, step, by_whom) DO UPDATE SET rating = ?4, comment = ?5, at_ms = ?6",
    )?
    .execute((agent.as_str(), new.step, by, new.rating, &new.comment, now()))?;
    Ok(())
}
