//! Agents: what was asked for and how far it got.

use aether_protocol::{AgentId, AgentName, AgentPhase, AgentSpec, AgentState, Enforcement, ExitInfo, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, types::Value};

use crate::{Store, StoreError, counters, row};

/// An agent to be recorded; its number is given by the store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAgent {
    /// Identity.
    pub id: AgentId,
    /// Name, unique among recorded agents.
    pub name: AgentName,
    /// Who owns it.
    pub owner: String,
    /// What was asked for.
    pub spec: AgentSpec,
    /// State it begins in.
    pub state: AgentState,
    /// Phase it begins in.
    pub phase: AgentPhase,
    /// Id of its home.
    pub home: String,
    /// Steps allowed, for goals.
    pub max_steps: Option<u32>,
    /// Provider and model, for goals.
    pub model: Option<String>,
}

/// An agent as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRecord {
    /// Identity.
    pub id: AgentId,
    /// Running number, never given twice.
    pub number: u64,
    /// Name.
    pub name: AgentName,
    /// Who owns it.
    pub owner: String,
    /// What was asked for.
    pub spec: AgentSpec,
    /// State.
    pub state: AgentState,
    /// Phase.
    pub phase: AgentPhase,
    /// Id of its home.
    pub home: String,
    /// The uid slot it holds.
    pub slot: Option<u32>,
    /// Host pid of its init.
    pub pid: Option<u32>,
    /// Its cgroup.
    pub cgroup: Option<String>,
    /// Isolation in force.
    pub enforcement: Option<Enforcement>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its program started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub exit: Option<ExitInfo>,
    /// Steps taken.
    pub step: u32,
    /// Steps allowed.
    pub max_steps: Option<u32>,
    /// Provider and model.
    pub model: Option<String>,
    /// The last thing it did.
    pub last_action: Option<String>,
    /// Boot of the host in which it was launched (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: Option<String>,
}

/// One value of an agent that changes.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each is the field of `AgentRecord` with its name")]
pub enum AgentField {
    Name(AgentName),
    Spec(Box<AgentSpec>),
    State(AgentState),
    Phase(AgentPhase),
    Home(String),
    Pid(Option<u32>),
    Cgroup(Option<String>),
    Enforcement(Option<Enforcement>),
    StartedAt(Option<Timestamp>),
    EndedAt(Option<Timestamp>),
    Exit(Option<ExitInfo>),
    Step(u32),
    MaxSteps(Option<u32>),
    Model(Option<String>),
    LastAction(Option<String>),
    BootId(Option<String>),
}

/// Which agents to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentFilter {
    /// Only in these states; empty for all.
    pub states: Vec<AgentState>,
    /// Only this owner's.
    pub owner: Option<String>,
    /// At most so many; all when absent.
    pub limit: Option<u32>,
    /// Skip so many.
    pub offset: u32,
}

impl Store {
    /// One agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent(&self, id: AgentId) -> Result<Option<AgentRecord>, StoreError> {
        self.read(move |db| get(db, &id)).await
    }

    /// Agents by number, and how many match without limit and offset.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agents(&self, filter: AgentFilter) -> Result<(Vec<AgentRecord>, u64), StoreError> {
        self.read(move |db| list(db, &filter)).await
    }
}

const SELECT: &str = "SELECT id, number, name, owner, spec, state, phase, home, pid, cgroup, enforcement, created_ms, started_ms,
    ended_ms, exit, step, max_steps, model, last_action, boot_id, (SELECT slot FROM leases WHERE agent_id = agents.id) FROM agents";

pub(crate) fn insert(db: &Connection, new: &NewAgent) -> Result<(), StoreError> {
    let number = counters::next(db, counters::AGENT_NUMBER)?;
    db.prepare_cached(
        "INSERT INTO agents (id, number, name, owner, spec, state, phase, home, created_ms, max_steps, model)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute((
        new.id.as_str(),
        row::int(number),
        new.name.as_str(),
        &new.owner,
        row::to_json("spec", &new.spec)?,
        row::to_word("state", &new.state)?,
        row::to_word("phase", &new.phase)?,
        &new.home,
        Timestamp::now().unix_millis().unwrap_or(0),
        new.max_steps,
        &new.model,
    ))
    .map_err(|e| name_taken(db, e, &new.name))?;
    Ok(())
}

/// Sets the fields in one statement: each index and each page is touched once.
pub(crate) fn update(db: &Connection, id: &AgentId, fields: &[AgentField]) -> Result<(), StoreError> {
    if fields.is_empty() {
        return get(db, id)?.map(drop).ok_or_else(|| StoreError::NoAgent(id.clone()));
    }
    let (mut sets, mut values) = (Vec::with_capacity(fields.len()), vec![Value::from(id.as_str().to_owned())]);
    for field in fields {
        let (column, value) = column(field)?;
        values.push(value);
        // In a sandbox built ahead an agent starts while it is being recorded: nobody starts before being asked for.
        let number = values.len();
        sets.push(match field {
            AgentField::StartedAt(_) => format!("{column} = max(?{number}, created_ms)"),
            _ => format!("{column} = ?{number}"),
        });
    }
    let name = fields.iter().find_map(|field| if let AgentField::Name(name) = field { Some(name) } else { None });
    let changed = db
        .prepare_cached(&format!("UPDATE agents SET {} WHERE id = ?1", sets.join(", ")))?
        .execute(rusqlite::params_from_iter(values))
        .map_err(|error| match name {
            Some(name) => name_taken(db, error, name),
            None => error.into(),
        })?;
    if changed == 1 { Ok(()) } else { Err(StoreError::NoAgent(id.clone())) }
}

pub(crate) fn delete(db: &Connection, id: &AgentId) -> Result<(), StoreError> {
    if crate::leases::held(db, id)?.is_some() {
        return Err(StoreError::StillLeased(id.clone()));
    }
    let deleted = db.prepare_cached("DELETE FROM agents WHERE id = ?1")?.execute([id.as_str()])?;
    if deleted == 1 { Ok(()) } else { Err(StoreError::NoAgent(id.clone())) }
}

pub(crate) fn get(db: &Connection, id: &AgentId) -> Result<Option<AgentRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    statement.query_row([id.as_str()], |r| Ok(read(r))).optional()?.transpose()
}

fn list(db: &Connection, filter: &AgentFilter) -> Result<(Vec<AgentRecord>, u64), StoreError> {
    let mut wher = String::from(" WHERE true");
    let mut values: Vec<Value> = Vec::new();
    if !filter.states.is_empty() {
        wher.push_str(&format!(" AND state IN ({})", vec!["?"; filter.states.len()].join(", ")));
        for state in &filter.states {
            values.push(row::to_word("state", state)?.into());
        }
    }
    if let Some(owner) = &filter.owner {
        wher.push_str(" AND owner = ?");
        values.push(owner.clone().into());
    }
    let total: i64 =
        db.query_row(&format!("SELECT count(*) FROM agents{wher}"), rusqlite::params_from_iter(&values), |r| r.get(0))?;
    values.push(filter.limit.map_or(-1, i64::from).into());
    values.push(i64::from(filter.offset).into());
    let mut statement = db.prepare(&format!("{SELECT}{wher} ORDER BY number LIMIT ? OFFSET ?"))?;
    let mut rows = statement.query(rusqlite::params_from_iter(&values))?;
    let mut agents = Vec::new();
    while let Some(r) = rows.next()? {
        agents.push(read(r)?);
    }
    Ok((agents, row::uint(total)))
}

fn column(field: &AgentField) -> Result<(&'static str, Value), StoreError> {
    let millis = |at: &Option<Timestamp>| Value::from(at.as_ref().and_then(Timestamp::unix_millis));
    Ok(match field {
        AgentField::Name(name) => ("name", name.as_str().to_owned().into()),
        AgentField::Spec(spec) => ("spec", row::to_json("spec", spec)?.into()),
        AgentField::State(state) => ("state", row::to_word("state", state)?.into()),
        AgentField::Phase(phase) => ("phase", row::to_word("phase", phase)?.into()),
        AgentField::Home(home) => ("home", home.clone().into()),
        AgentField::Pid(pid) => ("pid", pid.map(i64::from).into()),
        AgentField::Cgroup(cgroup) => ("cgroup", cgroup.clone().into()),
        AgentField::Enforcement(e) => ("enforcement", e.as_ref().map(|e| row::to_json("enforcement", e)).transpose()?.into()),
        AgentField::StartedAt(at) => ("started_ms", millis(at)),
        AgentField::EndedAt(at) => ("ended_ms", millis(at)),
        AgentField::Exit(exit) => ("exit", exit.as_ref().map(|e| row::to_json("exit", e)).transpose()?.into()),
        AgentField::Step(step) => ("step", i64::from(*step).into()),
        AgentField::MaxSteps(steps) => ("max_steps", steps.map(i64::from).into()),
        AgentField::Model(model) => ("model", model.clone().into()),
        AgentField::LastAction(action) => ("last_action", action.clone().into()),
        AgentField::BootId(boot) => ("boot_id", boot.clone().into()),
    })
}

fn read(r: &Row<'_>) -> Result<AgentRecord, StoreError> {
    let text = |i: usize| r.get::<_, String>(i);
    let at = |i: usize| r.get::<_, Option<i64>>(i).map(|ms| ms.map(Timestamp::from_unix_millis));
    Ok(AgentRecord {
        id: row::parse("agent id", &text(0)?)?,
        number: row::uint(r.get(1)?),
        name: row::parse("agent name", &text(2)?)?,
        owner: r.get(3)?,
        spec: row::from_json("spec", &text(4)?)?,
        state: row::from_word("state", &text(5)?)?,
        phase: row::from_word("phase", &text(6)?)?,
        home: r.get(7)?,
        pid: r.get(8)?,
        cgroup: r.get(9)?,
        enforcement: r.get::<_, Option<String>>(10)?.map(|e| row::from_json("enforcement", &e)).transpose()?,
        created_at: Timestamp::from_unix_millis(r.get(11)?),
        started_at: at(12)?,
        ended_at: at(13)?,
        exit: r.get::<_, Option<String>>(14)?.map(|e| row::from_json("exit", &e)).transpose()?,
        step: r.get(15)?,
        max_steps: r.get(16)?,
        model: r.get(17)?,
        last_action: r.get(18)?,
        boot_id: r.get(19)?,
        slot: r.get(20)?,
    })
}

/// Only the name's own uniqueness is `NameTaken`: an id or number given twice is a fault, not a person's choice.
fn name_taken(db: &Connection, error: rusqlite::Error, name: &AgentName) -> StoreError {
    if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) {
        return error.into();
    }
    let taken = db.query_row("SELECT EXISTS (SELECT 1 FROM agents WHERE name = ?1)", [name.as_str()], |r| r.get(0));
    if taken.unwrap_or(false) { StoreError::NameTaken(name.clone()) } else { error.into() }
}
