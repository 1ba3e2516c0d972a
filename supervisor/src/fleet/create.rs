//! From a wish to a record: checked, named, counted, and either launched or queued.

use std::{os::fd::OwnedFd, sync::Arc};

use aether_protocol::{
    AgentId, AgentInfo, AgentName, AgentPhase, AgentSpec, AgentState, ApiError, ErrorCode, Profile, Program,
    event::{ProcessQueued, ProcessSpawned},
};
use aether_store::{AuditEntry, Change, NewAgent};

use super::{Caller, audit, core::Core, core::lock, launch, log::OutputLog, mounts, registry};
use crate::compile::check_host;

/// Creates an agent. Runs to its end also when nobody waits for it any more.
pub(crate) async fn create(
    core: &Arc<Core>,
    spec: AgentSpec,
    caller: &Caller,
    descriptors: Vec<OwnedFd>,
) -> Result<AgentInfo, ApiError> {
    spec.check()?;
    check_host(&spec, &core.host)?;
    let model = core.providers.model_of(&spec)?;
    let parcels = mounts::collect(&spec, caller, descriptors, &core.roots)?;
    let creating = core.creating.lock().await;
    name_left(core, &spec).await;
    if core.stopping.is_cancelled() {
        return Err(ApiError::new(ErrorCode::Unavailable, "the service is stopping", "try again after its restart"));
    }
    let (live, waiting) = {
        let registry = core.registry();
        (registry.live(), registry.waiting())
    };
    let starts = waiting == 0 && live < core.config.agents.max_concurrent as usize;
    if !starts && waiting >= core.config.agents.queue_limit as usize {
        let message = format!("the queue is full ({waiting} agents wait)");
        return Err(ApiError::new(ErrorCode::Busy, message, "wait until some have ended, or raise agents.queue_limit"));
    }
    let new = new_agent(core, spec, caller, model, starts)?;
    let id = new.id.clone();
    audit::about(&id);
    // Not acknowledged before it runs, and that is committed again, for the disk: after a power cut neither sandbox nor promise is
    // there. One that only waits is acknowledged by this commit.
    let relaxed = starts || new.spec.ephemeral;
    let change = record(new, caller, waiting).take_slot_if(starts, &id).relaxed(relaxed);
    let committed = core.write(change).await?;
    let record = committed.agents.into_iter().next().ok_or_else(|| ApiError::internal("the new agent was not recorded"))?;
    core.registry().insert(record);
    let log = OutputLog::fresh(&core.state.join("logs"), id.as_str());
    lock(&core.logs).insert(id.clone(), Arc::new(log));
    if !parcels.is_empty() {
        lock(&core.parcels).insert(id.clone(), parcels);
    }
    drop(creating);
    if starts {
        launch::launch_or_undo(core, &id).await?;
    }
    core.info(&id)
}

/// Whoever saw an ephemeral agent end may use its name again: it is free as soon as the record is gone, which is waited for.
async fn name_left(core: &Core, spec: &AgentSpec) {
    let leaving = spec.name.as_ref().and_then(|name| core.registry().leaving(name));
    if let Some(gate) = leaving {
        drop(gate.lock().await);
    }
}

trait TakeSlotIf {
    fn take_slot_if(self, wanted: bool, id: &AgentId) -> Self;
}

impl TakeSlotIf for Change {
    fn take_slot_if(self, wanted: bool, id: &AgentId) -> Self {
        if wanted { self.take_slot(id) } else { self }
    }
}

fn new_agent(core: &Core, spec: AgentSpec, caller: &Caller, model: Option<String>, starts: bool) -> Result<NewAgent, ApiError> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::internal(format!("no random numbers: {error}")))?;
    let id = AgentId::from_random(bytes);
    let name = match &spec.name {
        Some(name) => name.clone(),
        None => {
            let registry = core.registry();
            let wished = default_name(&spec, registry.next_number())?;
            // Somebody chose that very name before: the id makes it unique.
            if registry.has_name(&wished) { id.as_str().parse().map_err(|e| ApiError::internal(format!("{e}")))? } else { wished }
        }
    };
    let max_steps = match &spec.program {
        Program::Goal(goal) => Some(goal.max_steps.unwrap_or(core.config.agents.max_steps)),
        Program::Command(_) => None,
    };
    Ok(NewAgent {
        home: id.as_str().to_owned(),
        id,
        name,
        owner: caller.owner.clone(),
        spec,
        state: if starts { AgentState::Created } else { AgentState::Queued },
        phase: AgentPhase::Booting,
        max_steps,
        model,
    })
}

fn record(new: NewAgent, caller: &Caller, waiting: usize) -> Change {
    let (id, reduced, profile) = (new.id.clone(), new.spec.allow_reduced.clone(), new.spec.profile);
    let queued = new.state == AgentState::Queued;
    let change = Change::new().insert_agent(new, move |record| {
        let pid = record.number;
        let priority = record.spec.priority;
        let info = Box::new(registry::info(record.clone()));
        let mut events = vec![ProcessSpawned { pid, info }.into()];
        if queued {
            // Where it stands among equals is known to the registry; this is the place at the end of the queue.
            let position = u32::try_from(waiting + 1).unwrap_or(u32::MAX);
            events.push(ProcessQueued { pid, priority, position }.into());
        }
        events
    });
    let entry = |action: &str, outcome| AuditEntry {
        who: caller.owner.clone(),
        action: action.to_owned(),
        subject: id.as_str().to_owned(),
        outcome,
    };
    let mut change = change;
    if profile != Profile::Standard {
        change = change.audit(entry("agent.launch.profile", serde_json::to_value(profile).unwrap_or_default()));
    }
    if !reduced.is_empty() {
        change = change.audit(entry("agent.launch.reduced", serde_json::to_value(&reduced).unwrap_or_default()));
    }
    change
}

/// `<role or program>-<number>`.
fn default_name(spec: &AgentSpec, number: u64) -> Result<AgentName, ApiError> {
    let source = match &spec.program {
        Program::Goal(goal) => goal.role.as_deref().unwrap_or("agent"),
        Program::Command(command) => command.argv.first().and_then(|p| p.rsplit('/').next()).unwrap_or("agent"),
    };
    let mut base = String::new();
    for c in source.chars().map(|c| c.to_ascii_lowercase()) {
        let c = if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        if !(c == '-' && (base.is_empty() || base.ends_with('-'))) && base.len() < 40 {
            base.push(c);
        }
    }
    let base = base.trim_end_matches('-');
    let base = if base.is_empty() { "agent" } else { base };
    format!("{base}-{number}").parse().map_err(|error| ApiError::internal(format!("{error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_role_or_program() {
        let named = |program: &str| {
            let spec: AgentSpec = serde_json::from_str(&format!(r#"{{"program": {program}}}"#)).expect("spec");
            default_name(&spec, 7).expect("name").as_str().to_owned()
        };
        let command = |program: &str| named(&format!(r#"{{"type": "command", "argv": ["{program}"]}}"#));
        assert_eq!(command("/usr/bin/python3.11"), "python3-11-7");
        assert_eq!(command("..."), "agent-7");
        assert_eq!(command("Größe"), "gr-e-7");
        assert_eq!(command(&"x".repeat(300)).len(), 42);
        assert_eq!(named(r#"{"type": "goal", "goal": "g", "role": "Senior Coder!"}"#), "senior-coder-7");
        assert_eq!(named(r#"{"type": "goal", "goal": "g"}"#), "agent-7");
    }
}
