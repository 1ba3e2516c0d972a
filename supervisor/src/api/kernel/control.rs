//! What people decide about agents: their tools and model, what waits for a word, and budgets.

use aether_protocol::{
    AgentId, ApiError, Decision,
    command::{AgentSteer, Command},
};
use serde_json::Value;

use super::commands::{agent, data};
use crate::{
    api::{ApiState, approvals},
    fleet::Steering,
};

/// Runs a command about control; any other one is given back.
///
/// # Errors
/// The command, when it is about something else.
pub(crate) async fn run(state: &ApiState, command: Command) -> Result<Result<Value, ApiError>, Command> {
    let fleet = state.fleet();
    Ok(match command {
        Command::Steer(c) => steer(state, c).await,
        Command::Approve(c) => word(state, agent(state, &c.pid), Decision::Once, None).await,
        Command::Reject(c) => word(state, agent(state, &c.pid), Decision::Deny, c.reason).await,
        Command::ApprovalList(_) => data(&fleet.approvals()),
        Command::ApprovalDecide(c) => decide(state, c.approval_id, c.decision, c.reason).await,
        Command::GetQuota(c) => budget(state, agent(state, &c.pid)).await,
        Command::GetUsage(c) => match agent(state, &c.pid) {
            Ok(id) => fleet.budget(&id).await.and_then(|budget| data(&budget.spent)),
            Err(error) => Err(error),
        },
        Command::SetQuota(c) => match agent(state, &c.pid) {
            Ok(id) => fleet.set_budget(&id, c.quota).await.and_then(|budget| data(&budget)),
            Err(error) => Err(error),
        },
        Command::GetSummary(_) => data(&fleet.metrics()),
        other => return Err(other),
    })
}

async fn steer(state: &ApiState, command: AgentSteer) -> Result<Value, ApiError> {
    let AgentSteer { pid, tools, all_tools, model } = command;
    let steering = Steering::wished(tools, all_tools, model)?;
    data(&state.fleet().steer(&agent(state, &pid)?, steering).await?)
}

async fn budget(state: &ApiState, id: Result<AgentId, ApiError>) -> Result<Value, ApiError> {
    data(&state.fleet().budget(&id?).await?)
}

/// A word about the one thing of an agent that waits. Where several do, nobody can tell which one was meant.
async fn word(
    state: &ApiState,
    id: Result<AgentId, ApiError>,
    decision: Decision,
    reason: Option<String>,
) -> Result<Value, ApiError> {
    let id = id?;
    let waiting: Vec<u64> = state.fleet().approvals().iter().filter(|one| one.agent_id == id).map(|one| one.id).collect();
    match waiting.as_slice() {
        [one] => decide(state, *one, decision, reason).await,
        [] => Err(ApiError::conflict("nothing of this agent waits for a word", "approval.list shows what waits")),
        several => Err(ApiError::conflict(
            format!("{} calls or connections of this agent wait", several.len()),
            "decide about each by its number: approval.list, approval.decide",
        )),
    }
}

async fn decide(state: &ApiState, id: u64, decision: Decision, reason: Option<String>) -> Result<Value, ApiError> {
    data(&state.fleet().decide(id, decision, approvals::reason(reason)?).await?)
}
