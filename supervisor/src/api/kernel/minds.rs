//! `memory.*`, `plan.*`, `feedback.*`, `profile.*`: what agents remember, plan and are known for.

use aether_protocol::{ApiError, NewFeedback, command::Command};
use aether_store::Recall;
use serde_json::Value;

use super::commands::{agent, data};
use crate::api::ApiState;

/// Memories of one answer.
const MOST: u32 = 1000;
/// Memories that are recalled when nobody says how many.
const USUAL: u32 = 10;

/// Runs a command about minds; any other one is given back.
///
/// # Errors
/// The command, when it is about something else.
pub(crate) async fn run(state: &ApiState, command: Command) -> Result<Result<Value, ApiError>, Command> {
    let rooms = ["memory.", "plan.", "feedback.", "profile."];
    if !rooms.iter().any(|room| command.name().starts_with(room)) {
        return Err(command);
    }
    Ok(act(state, command).await)
}

async fn act(state: &ApiState, command: Command) -> Result<Value, ApiError> {
    let fleet = state.fleet();
    match command {
        Command::MemoryStore(c) => data(&fleet.remember(&agent(state, &c.pid)?, c.memory).await?),
        Command::MemoryRecall(c) => {
            let limit = c.limit.unwrap_or(USUAL).clamp(1, MOST) as usize;
            let what = Recall { query: c.query, layer: c.layer, tags: c.tags, limit, near: None };
            data(&fleet.recall(&agent(state, &c.pid)?, what).await?)
        }
        Command::MemoryList(c) => {
            let what = Recall { layer: c.layer, limit: MOST as usize, ..Recall::default() };
            data(&fleet.recall(&agent(state, &c.pid)?, what).await?)
        }
        Command::MemoryForget(c) => fleet.forget(&agent(state, &c.pid)?, c.memory_id).await.map(|()| Value::Null),
        Command::MemoryShare(c) => {
            let (from, to) = (agent(state, &c.pid)?, agent(state, &c.to)?);
            data(&fleet.share(&from, c.memory_id, &to).await?)
        }
        Command::PlanGet(c) => data(&fleet.plan(&agent(state, &c.pid)?).await?),
        Command::FeedbackSubmit(c) => {
            let new = NewFeedback { step: c.step, rating: c.rating, comment: c.comment };
            data(&fleet.rate(&agent(state, &c.pid)?, new).await?)
        }
        Command::FeedbackGet(c) => data(&fleet.feedback(&agent(state, &c.pid)?).await?),
        Command::ProfileGet(c) => data(&fleet.profile(&agent(state, &c.pid)?).await?),
        Command::ProfileList(_) => data(&fleet.minds().await?),
        other => Err(ApiError::internal(format!("{} has no place to go", other.name()))),
    }
}
