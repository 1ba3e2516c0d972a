//! What waits for a person's word, the word, and what it allowed for as long as the agent lives.

use aether_protocol::{AgentId, Decision, Timestamp, ToolRule, network::ApprovalWish};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{Change, Store, StoreError, row};

/// A wish to be recorded before anybody is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct NewHeld {
    /// Its number, higher than any before.
    pub id: u64,
    /// Whose.
    pub agent: AgentId,
    /// Step and position of the call that waits; absent for what is asked again by itself after a restart.
    pub call: Option<(u32, u32)>,
    /// The call, hashed.
    pub digest: Option<String>,
    /// What is wished.
    pub wish: ApprovalWish,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it is denied.
    pub expires_at: Timestamp,
}

/// A person's word, or that of the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldWord {
    /// What was said.
    pub decision: Decision,
    /// By whom.
    pub by: String,
    /// Why, in their words.
    pub reason: Option<String>,
}

/// A call that waited, or waits.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldRecord {
    /// The wish.
    pub held: NewHeld,
    /// The word, once there is one.
    pub word: Option<HeldWord>,
}

impl Store {
    /// The highest number ever given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_approval(&self) -> Result<u64, StoreError> {
        self.read(|db| {
            let last = db
                .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'approvals'")?
                .query_row([], |r| r.get::<_, i64>(0))
                .optional()?;
            Ok(last.map_or(0, row::uint))
        })
        .await
    }

    /// The calls of one agent that waited or wait, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held(&self, agent: AgentId) -> Result<Vec<HeldRecord>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT id, step, position, digest, wish, asked_ms, expires_ms, decision, decided_by, reason FROM approvals
                 WHERE agent_id = ?1 AND step IS NOT NULL ORDER BY id",
            )?;
            let mut rows = statement.query([agent.as_str()])?;
            let mut held = Vec::new();
            while let Some(r) = rows.next()? {
                let decision: Option<String> = r.get(7)?;
                let word = match decision {
                    Some(word) => Some(HeldWord {
                        decision: row::from_word("decision", &word)?,
                        by: r.get::<_, Option<String>>(8)?.unwrap_or_default(),
                        reason: r.get(9)?,
                    }),
                    None => None,
                };
                let call = r.get::<_, Option<u32>>(1)?.zip(r.get::<_, Option<u32>>(2)?);
                let wish = row::from_json("wish", &r.get::<_, String>(4)?)?;
                let (asked_at, expires_at) = (Timestamp::from_unix_millis(r.get(5)?), Timestamp::from_unix_millis(r.get(6)?));
                let (id, digest) = (row::uint(r.get(0)?), r.get(3)?);
                held.push(HeldRecord {
                    held: NewHeld { id, agent: agent.clone(), call, digest, wish, asked_at, expires_at },
                    word,
                });
            }
            Ok(held)
        })
        .await
    }

    /// What people allowed an agent for as long as it lives.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn allowed_calls(&self, agent: AgentId) -> Result<Vec<ToolRule>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached("SELECT rule FROM allowed_calls WHERE agent_id = ?1 ORDER BY approval")?;
            let mut rows = statement.query([agent.as_str()])?;
            let mut rules = Vec::new();
            while let Some(r) = rows.next()? {
                rules.push(row::from_json("rule", &r.get::<_, String>(0)?)?);
            }
            Ok(rules)
        })
        .await
    }
}

/// Wishes of an agent that was removed meanwhile are dropped with it.
fn hold(db: &Connection, new: &NewHeld) -> Result<(), StoreError> {
    let (step, position) = new.call.unzip();
    db.prepare_cached(
        "INSERT INTO approvals (id, agent_id, step, position, digest, wish, asked_ms, expires_ms)
         SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8 FROM agents WHERE id = ?2",
    )?
    .execute((
        row::int(new.id),
        new.agent.as_str(),
        step,
        position,
        &new.digest,
        row::to_json("wish", &new.wish)?,
        new.asked_at.unix_millis().unwrap_or(0),
        new.expires_at.unix_millis().unwrap_or(0),
    ))?;
    Ok(())
}

/// The first word counts.
fn decide(db: &Connection, id: u64, word: &HeldWord) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE approvals SET decision = ?2, decided_by = ?3, reason = ?4, decided_ms = ?5 WHERE id = ?1 AND decision IS NULL",
    )?
    .execute((
        row::int(id),
        row::to_word("decision", &word.decision)?,
        &word.by,
        &word.reason,
        Timestamp::now().unix_millis().unwrap_or(0),
    ))?;
    Ok(())
}

fn allow(db: &Connection, agent: &AgentId, rule: &ToolRule, approval: u64) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO allowed_calls (agent_id, rule, approval) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute((agent.as_str(), row::to_json("rule", rule)?, row::int(approval)))?;
    Ok(())
}

impl Change {
    /// Records a wish that waits for a person's word.
    #[must_use]
    pub fn hold(self, new: NewHeld) -> Self {
        self.with(move |db, _| hold(db, &new))
    }

    /// Records the word about a wish; the first one counts.
    #[must_use]
    pub fn decide_held(self, id: u64, word: HeldWord) -> Self {
        self.with(move |db, _| decide(db, id, &word))
    }

    /// Allows an agent what fits a rule, for as long as it lives.
    #[must_use]
    pub fn allow_calls(self, agent: &AgentId, rule: ToolRule, approval: u64) -> Self {
        let agent = agent.clone();
        self.with(move |db, _| allow(db, &agent, &rule, approval))
    }
}
