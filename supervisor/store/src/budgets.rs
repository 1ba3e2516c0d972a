//! What agents used up: of each one in all its life, and of each owner on each day.

use aether_protocol::{AgentId, PostMortem, Spent, budget::ModelSpend};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::{Change, Store, StoreError, row};

/// What is kept about the budget of one agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpentRecord {
    /// What it used.
    pub spent: Spent,
    /// What its children used, and theirs.
    pub below: Spent,
    /// Why it is frozen, while it is.
    pub frozen: Option<String>,
    /// What was found when it was frozen last.
    pub post_mortem: Option<PostMortem>,
    /// Limits of which a warning was given, in a form of the caller's.
    pub warned: Vec<String>,
    /// Circles that ended at or before this step were looked past by a person.
    pub circles_after: u32,
}

/// More that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSpent {
    /// By this agent.
    pub agent: AgentId,
    /// Those above it, out of whose budgets it is.
    pub above: Vec<AgentId>,
    /// Of this owner.
    pub owner: String,
    /// On this day, `YYYY-MM-DD`.
    pub day: String,
    /// How much.
    pub more: Spent,
    /// The part of it that models were asked for by the service; kept of agents that are known.
    pub models: Vec<ModelSpend>,
}

/// A change of what is kept about the budget of one agent.
#[derive(Debug, Clone, PartialEq)]
pub enum BudgetField {
    /// Why it is frozen.
    Frozen(Option<String>),
    /// What was found.
    PostMortem(Box<PostMortem>),
    /// Warnings given.
    Warned(Vec<String>),
    /// Circles looked past.
    CirclesAfter(u32),
}

const COLUMNS: &str = "tokens, cost_microusd, steps, wall_ms, cpu_ms, bytes_out";
const BELOW: &str = "below_tokens, below_cost_microusd, below_steps, 0, below_cpu_ms, below_bytes_out";

impl Store {
    /// What is kept about the budget of an agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spent(&self, agent: AgentId) -> Result<SpentRecord, StoreError> {
        self.read(move |db| {
            let sql = format!(
                "SELECT {COLUMNS}, frozen, post_mortem, warned, circles_after, {BELOW} FROM agent_spent WHERE agent_id = ?1"
            );
            let mut statement = db.prepare_cached(&sql)?;
            let mut rows = statement.query([agent.as_str()])?;
            let Some(r) = rows.next()? else { return Ok(SpentRecord::default()) };
            Ok(SpentRecord {
                spent: spent_of(r, 0)?,
                below: spent_of(r, 10)?,
                frozen: r.get(6)?,
                post_mortem: r.get::<_, Option<String>>(7)?.map(|text| row::from_json("post-mortem", &text)).transpose()?,
                warned: row::from_json("warnings", &r.get::<_, String>(8)?)?,
                circles_after: r.get(9)?,
            })
        })
        .await
    }

    /// What the service asked each model for an agent, by its name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn model_spent(&self, agent: AgentId) -> Result<Vec<ModelSpend>, StoreError> {
        self.read(move |db| {
            let sql = "SELECT model, answers, tokens, cost_microusd FROM model_spent WHERE agent_id = ?1 ORDER BY model";
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query([agent.as_str()])?;
            let mut all = Vec::new();
            while let Some(r) = rows.next()? {
                all.push(ModelSpend {
                    model: r.get(0)?,
                    answers: row::uint(r.get(1)?),
                    tokens: row::uint(r.get(2)?),
                    cost_microusd: row::uint(r.get(3)?),
                });
            }
            Ok(all)
        })
        .await
    }

    /// What each owner used on a day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn day_spent(&self, day: String) -> Result<Vec<(String, Spent)>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS}, owner FROM day_spent WHERE day = ?1"))?;
            let mut rows = statement.query([day])?;
            let mut all = Vec::new();
            while let Some(r) = rows.next()? {
                all.push((r.get(6)?, spent_of(r, 0)?));
            }
            Ok(all)
        })
        .await
    }
}

fn spent_of(r: &Row<'_>, from: usize) -> rusqlite::Result<Spent> {
    let number = |place: usize| r.get::<_, i64>(from + place).map(row::uint);
    Ok(Spent {
        tokens: number(0)?,
        cost_microusd: number(1)?,
        steps: number(2)?,
        wall_ms: number(3)?,
        cpu_ms: number(4)?,
        bytes_out: number(5)?,
    })
}

/// Adds to the agent, to those above it and to the day. The day counts also when the agent is gone.
fn spend(db: &Connection, new: &NewSpent) -> Result<(), StoreError> {
    let more = &new.more;
    let numbers = [more.tokens, more.cost_microusd, more.steps, more.wall_ms, more.cpu_ms, more.bytes_out].map(row::int);
    let [tokens, cost, steps, wall, cpu, bytes] = numbers;
    let known =
        db.prepare_cached("SELECT 1 FROM agents WHERE id = ?1")?.query_row([new.agent.as_str()], |_| Ok(())).optional()?;
    if known.is_some() {
        make(db, &new.agent)?;
        db.prepare_cached(
            "UPDATE agent_spent SET tokens = tokens + ?2, cost_microusd = cost_microusd + ?3, steps = steps + ?4, wall_ms = wall_ms + ?5,
               cpu_ms = cpu_ms + ?6, bytes_out = bytes_out + ?7 WHERE agent_id = ?1",
        )?
        .execute((new.agent.as_str(), tokens, cost, steps, wall, cpu, bytes))?;
        for one in &new.models {
            asked(db, &new.agent, one)?;
        }
    }
    for above in &new.above {
        make(db, above)?;
        db.prepare_cached(
            "UPDATE agent_spent SET below_tokens = below_tokens + ?2, below_cost_microusd = below_cost_microusd + ?3,
               below_steps = below_steps + ?4, below_cpu_ms = below_cpu_ms + ?5, below_bytes_out = below_bytes_out + ?6
             WHERE agent_id = ?1",
        )?
        .execute((above.as_str(), tokens, cost, steps, cpu, bytes))?;
    }
    db.prepare_cached(
        "INSERT INTO day_spent (day, owner, tokens, cost_microusd, steps, wall_ms, cpu_ms, bytes_out) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (day, owner) DO UPDATE SET tokens = tokens + ?3, cost_microusd = cost_microusd + ?4, steps = steps + ?5,
           wall_ms = wall_ms + ?6, cpu_ms = cpu_ms + ?7, bytes_out = bytes_out + ?8",
    )?
    .execute((&new.day, &new.owner, tokens, cost, steps, wall, cpu, bytes))?;
    Ok(())
}

fn asked(db: &Connection, agent: &AgentId, more: &ModelSpend) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO model_spent (agent_id, model, answers, tokens, cost_microusd) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (agent_id, model) DO UPDATE SET answers = answers + ?3, tokens = tokens + ?4, cost_microusd = cost_microusd + ?5",
    )?
    .execute((agent.as_str(), &more.model, row::int(more.answers), row::int(more.tokens), row::int(more.cost_microusd)))?;
    Ok(())
}

fn update(db: &Connection, agent: &AgentId, fields: &[BudgetField]) -> Result<(), StoreError> {
    make(db, agent)?;
    for field in fields {
        let (column, value): (_, rusqlite::types::Value) = match field {
            BudgetField::Frozen(why) => ("frozen", why.clone().into()),
            BudgetField::PostMortem(found) => ("post_mortem", row::to_json("post-mortem", found)?.into()),
            BudgetField::Warned(warned) => ("warned", row::to_json("warnings", warned)?.into()),
            BudgetField::CirclesAfter(step) => ("circles_after", (*step).into()),
        };
        db.prepare_cached(&format!("UPDATE agent_spent SET {column} = ?2 WHERE agent_id = ?1"))?
            .execute((agent.as_str(), value))?;
    }
    Ok(())
}

fn make(db: &Connection, agent: &AgentId) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO agent_spent (agent_id, tokens, cost_microusd, steps, wall_ms, cpu_ms, bytes_out)
         SELECT id, 0, 0, 0, 0, 0, 0 FROM agents WHERE id = ?1 ON CONFLICT DO NOTHING",
    )?
    .execute([agent.as_str()])?;
    Ok(())
}

impl Change {
    /// Counts what was used.
    #[must_use]
    pub fn spend(self, new: NewSpent) -> Self {
        self.with(move |db, _| spend(db, &new))
    }

    /// Changes what is kept about the budget of an agent.
    #[must_use]
    pub fn update_budget(self, agent: &AgentId, fields: impl IntoIterator<Item = BudgetField>) -> Self {
        let (agent, fields) = (agent.clone(), fields.into_iter().collect::<Vec<_>>());
        self.with(move |db, _| update(db, &agent, &fields))
    }
}
