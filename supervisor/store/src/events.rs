//! Durable events: numbered from 1 by one counter, without gaps.

use aether_protocol::{AgentEvent, AgentId, Event, Timestamp};
use rusqlite::{Connection, Row, types::Value};

use crate::{Store, StoreError, counters, row};

/// An event before it has its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Agent concerned.
    pub agent: Option<AgentId>,
    /// Owner of that agent; empty for events of the service.
    pub owner: String,
    /// What happened.
    pub body: AgentEvent,
}

/// Which end of the matching events is returned when there are more than `limit`; the order is always oldest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Window {
    /// The oldest ones, to go on from there.
    #[default]
    Oldest,
    /// The newest ones.
    Newest,
}

/// Which events to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Only numbers above this one.
    pub since: u64,
    /// Only this agent's.
    pub agent: Option<AgentId>,
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only these types: `agent.thought`, all below a prefix with `agent.*`; empty or `*` for all.
    pub types: Vec<String>,
    /// At most so many.
    pub limit: u32,
    /// Which end when there are more.
    pub window: Window,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self { since: 0, agent: None, owner: None, types: Vec::new(), limit: 1000, window: Window::Oldest }
    }
}

impl EventQuery {
    /// Does `event` match (its number and the limit aside)?
    pub fn matches(&self, event: &Event) -> bool {
        self.agent.as_ref().is_none_or(|agent| event.agent_id.as_ref() == Some(agent))
            && self.owner.as_ref().is_none_or(|owner| &event.owner == owner)
            && (self.types.is_empty() || self.types.iter().any(|pattern| type_matches(pattern, event.body.name())))
    }
}

fn type_matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

impl Store {
    /// Events that match, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn query_events(&self, query: EventQuery) -> Result<Vec<Event>, StoreError> {
        self.read(move |db| select(db, &query)).await
    }

    /// Number of the newest event; 0 before the first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_seq(&self) -> Result<u64, StoreError> {
        self.read(|db| counters::last(db, counters::EVENT_SEQ)).await
    }

    /// Number of the oldest event still kept; the next number when none is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_seq(&self) -> Result<u64, StoreError> {
        self.read(|db| {
            let oldest: Option<i64> = db.query_row("SELECT min(seq) FROM events", [], |r| r.get(0))?;
            oldest.map_or_else(|| Ok(counters::last(db, counters::EVENT_SEQ)? + 1), |seq| Ok(row::uint(seq)))
        })
        .await
    }
}

pub(crate) fn append(db: &Connection, new: NewEvent) -> Result<Event, StoreError> {
    let event = Event {
        seq: counters::next(db, counters::EVENT_SEQ)?,
        at: Timestamp::now(),
        agent_id: new.agent,
        owner: new.owner,
        body: new.body,
    };
    let body = row::to_json("event", &event.body)?;
    let at = event.at.unix_millis().unwrap_or(0);
    let agent = event.agent_id.as_ref().map(AgentId::as_str);
    db.prepare_cached("INSERT INTO events (seq, at_ms, agent_id, owner, type, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute((row::int(event.seq), at, agent, &event.owner, event.body.name(), body))?;
    Ok(event)
}

/// Deletes all but the newest `keep`; the counter stays.
pub(crate) fn prune(db: &Connection, keep: u64) -> Result<u64, StoreError> {
    let last = counters::last(db, counters::EVENT_SEQ)?;
    let deleted = db.prepare_cached("DELETE FROM events WHERE seq <= ?1")?.execute([row::int(last.saturating_sub(keep))])?;
    Ok(deleted as u64)
}

fn select(db: &Connection, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
    let mut sql = String::from("SELECT seq, at_ms, agent_id, owner, body FROM events WHERE seq > ?");
    let mut values = vec![Value::from(row::int(query.since))];
    if let Some(agent) = &query.agent {
        sql.push_str(" AND agent_id = ?");
        values.push(agent.as_str().to_owned().into());
    }
    if let Some(owner) = &query.owner {
        sql.push_str(" AND owner = ?");
        values.push(owner.clone().into());
    }
    if !query.types.is_empty() {
        let mut either = Vec::new();
        for pattern in &query.types {
            match pattern.strip_suffix('*') {
                Some(prefix) => {
                    either.push("substr(type, 1, length(?)) = ?");
                    values.push(prefix.to_owned().into());
                    values.push(prefix.to_owned().into());
                }
                None => {
                    either.push("type = ?");
                    values.push(pattern.clone().into());
                }
            }
        }
        sql.push_str(&format!(" AND ({})", either.join(" OR ")));
    }
    sql.push_str(match query.window {
        Window::Oldest => " ORDER BY seq ASC LIMIT ?",
        Window::Newest => " ORDER BY seq DESC LIMIT ?",
    });
    values.push(i64::from(query.limit).into());
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut events = Vec::new();
    while let Some(r) = rows.next()? {
        events.push(read(r)?);
    }
    if query.window == Window::Newest {
        events.reverse();
    }
    Ok(events)
}

fn read(r: &Row<'_>) -> Result<Event, StoreError> {
    let agent: Option<String> = r.get(2)?;
    Ok(Event {
        seq: row::uint(r.get(0)?),
        at: Timestamp::from_unix_millis(r.get(1)?),
        agent_id: agent.map(|id| row::parse("agent id", &id)).transpose()?,
        owner: r.get(3)?,
        body: row::from_json("event", &r.get::<_, String>(4)?)?,
    })
}
