//! Commands that ask something of the fleet and have one answer.

use aether_protocol::{
    AgentId, ApiError,
    command::{AgentRef, Command},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{control, files, minds};
use crate::{
    api::{ApiState, audit},
    fleet::{Caller, Force},
};

/// Runs a command and gives what it answers with.
///
/// # Errors
/// What the fleet refuses, or a command that belongs to the connection itself.
pub(crate) async fn run(state: &ApiState, caller: &Caller, command: Command) -> Result<Value, ApiError> {
    let command = match files::run(state, command).await {
        Ok(result) => return result,
        Err(command) => command,
    };
    let command = match minds::run(state, command).await {
        Ok(result) => return result,
        Err(command) => command,
    };
    let command = match control::run(state, command).await {
        Ok(result) => return result,
        Err(command) => command,
    };
    let fleet = state.fleet();
    match command {
        Command::Spawn(c) => {
            c.config.check()?;
            data(&fleet.create(c.config, caller, Vec::new()).await?)
        }
        Command::Signal(c) => data(&fleet.signal(&agent(state, &c.pid)?, &c.signal).await?),
        Command::Info(c) => data(&fleet.get(agent(state, &c.pid)?.as_str()).await?),
        Command::SetPriority(c) => data(&fleet.set_priority(&agent(state, &c.pid)?, c.priority).await?),
        Command::GetQueue(_) => data(&fleet.queue()),
        Command::Remove(c) => fleet.remove(&agent(state, &c.pid)?, Force::No).await.map(|()| Value::Null),
        Command::Pause(c) => data(&fleet.pause(&agent(state, &c.pid)?).await?),
        Command::Resume(c) => data(&fleet.resume(&agent(state, &c.pid)?).await?),
        Command::Continue(c) => data(&fleet.proceed(&agent(state, &c.pid)?).await?),
        Command::Message(c) => data(&fleet.message(&agent(state, &c.pid)?, &c.content).await?),
        Command::TtyResize(c) => {
            check_size(c.cols, c.rows)?;
            let (agent, process) = c.tty_id.parts();
            let handle = fleet.process(&agent, process).await?;
            fleet.resize(&handle, c.cols, c.rows).await.map(|()| Value::Null)
        }
        Command::TtyClose(c) => fleet.close_tty(&c.tty_id).await.map(|()| Value::Null),
        Command::TtyList(c) => data(&fleet.terminals(&agent(state, &c.pid)?).await?),
        Command::TemplateList(_) => data(&fleet.templates().await?),
        Command::AuditQuery(c) => {
            let limit = c.limit.unwrap_or(audit::MOST).clamp(1, audit::MOST);
            data(&fleet.audit_records(c.since, limit).await?.0)
        }
        Command::GpuList(_) => data(&fleet.gpus().await),
        Command::LlmList(_) => data(&fleet.providers()),
        Command::Status(_) => data(&fleet.status().await?),
        Command::Shutdown(_) => {
            fleet.audit(&caller.owner, "service.shutdown", "", json!({})).await;
            fleet.shutdown();
            Ok(Value::Null)
        }
        other => Err(ApiError::internal(format!("{} belongs to the connection", other.name()))),
    }
}

/// The agent that a command names.
///
/// # Errors
/// As [`Fleet::resolve`](crate::fleet::Fleet::resolve).
pub(crate) fn agent(state: &ApiState, reference: &AgentRef) -> Result<AgentId, ApiError> {
    match reference {
        AgentRef::Number(number) => state.fleet().resolve(&number.to_string()),
        AgentRef::Text(text) => state.fleet().resolve(text),
    }
}

/// A value as the data of an answer.
///
/// # Errors
/// [`ErrorCode::Internal`](aether_protocol::ErrorCode::Internal) when it has no JSON form.
pub(crate) fn data(value: &impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(value).map_err(|error| ApiError::internal(format!("an answer has no JSON form: {error}")))
}

/// Checks a terminal's size.
///
/// # Errors
/// [`ErrorCode::Invalid`](aether_protocol::ErrorCode::Invalid).
pub(crate) fn check_size(cols: u16, rows: u16) -> Result<(), ApiError> {
    if (2..=1000).contains(&cols) && (1..=500).contains(&rows) {
        return Ok(());
    }
    Err(ApiError::invalid(format!("a terminal of {cols}×{rows} is out of range"), "give 2 to 1000 columns and 1 to 500 rows"))
}
