//! From a wish to a record: checked, named, counted, and either launched or queued.

use std::{os::fd::OwnedFd, sync::Arc};

use aether_protocol::{
    AgentId, AgentInfo, AgentName, AgentPhase, AgentSpec, AgentState, ApiError, ErrorCode, Profile, Program,
    event::{ProcessQueued, ProcessSpawned, ProcessStateChange},
};
use aether_store::{AuditEntry, Change, Committed, NewAgent, Request};

use super::{
    Caller, audit,
    children::{self, Bond},
    core::{Core, lock, store_error},
    end, goal, launch,
    log::OutputLog,
    minds, mounts,
    pool::{self, Claimed, Ready},
    registry,
    secrets::{Granting, with_grants},
    watch,
};
use crate::compile::check_host;

/// Creates an agent. Runs to its end also when nobody waits for it any more. A request that carried a key is recorded with the agent.
pub(crate) async fn create(
    core: &Arc<Core>,
    mut spec: AgentSpec,
    caller: &Caller,
    descriptors: Vec<OwnedFd>,
    request: Option<Request>,
) -> Result<AgentInfo, ApiError> {
    minds::fill(core, &mut spec).await?;
    let bond = children::bind(core, &mut spec, caller).await?;
    let owner = bond.as_ref().map_or(caller.owner.as_str(), Bond::owner).to_owned();
    let caller = &Caller { owner, ..caller.clone() };
    spec.check()?;
    if let Program::Goal(wish) = &spec.program {
        goal::check_tools(wish.tools.as_deref().unwrap_or_default())?;
    }
    check_host(&spec, &core.host)?;
    core.store.has_room().map_err(|error| store_error(&error))?;
    let model = core.providers.model_of(&spec)?;
    let parcels = mounts::collect(&spec, caller, descriptors, &core.roots)?;
    let creating = core.creating.lock().await;
    name_left(core, &spec).await;
    if core.stopping.is_cancelled() {
        return Err(super::away());
    }
    let (live, waiting) = {
        let registry = core.registry();
        (registry.live(), registry.waiting())
    };
    let starts = waiting == 0 && live < core.config.get().agents.max_concurrent as usize;
    if !starts && waiting >= core.config.get().agents.queue_limit as usize {
        let message = format!("the queue is full ({waiting} agents wait)");
        return Err(ApiError::new(ErrorCode::Busy, message, "wait until some have ended, or raise agents.queue_limit"));
    }
    // Held until the agent is recorded.
    let granting = core.secrets.grants_for(&spec.secrets).await?;
    bond.as_ref().map_or(Ok(()), |bond| core.secrets.lends(bond.parent(), &spec.secrets))?;
    let ready = if starts && !name_taken(core, &spec) { core.pool.take(core, &spec) } else { None };
    let ids = ready.as_ref().map_or_else(pool::new_id, |ready| Ok(ready.id.clone()));
    let new = match ids.and_then(|id| new_agent(core, id, spec, caller, model, starts)) {
        Ok(new) => new,
        Err(error) => {
            ready.into_iter().for_each(|ready| core.pool.put_back(ready));
            return Err(error);
        }
    };
    let (new, claimed) = claim(core, ready, new).await?;
    let id = new.id.clone();
    audit::about(&id);
    if let Some(claimed) = claimed {
        ahead(core, (new, caller, bond.as_ref(), request), claimed, creating, granting).await?;
        return core.info(&id);
    }
    // Not acknowledged before it runs, and that is committed again, for the disk: after a power cut neither sandbox nor promise is
    // there. One that only waits is acknowledged by this commit.
    let relaxed = starts || new.spec.ephemeral;
    let uses = new.spec.secrets.clone();
    let change = record(new, caller, bond.as_ref(), (waiting, None)).made_for_any(&id, request);
    let change = change.take_slot_if(starts, &id).relaxed(relaxed);
    let committed = core.write(with_grants(change, &id, &uses)?).await?;
    enter(core, committed, granting)?;
    if !parcels.is_empty() {
        lock(&core.parcels).insert(id.clone(), parcels);
    }
    drop(creating);
    if starts {
        launch::launch_or_undo(core, &id).await?;
    }
    core.info(&id)
}

/// Gives the agent a sandbox that was built ahead. One that turns out to be of no use takes its id along.
async fn claim(core: &Arc<Core>, ready: Option<Ready>, mut new: NewAgent) -> Result<(NewAgent, Option<Claimed>), ApiError> {
    let Some(ready) = ready else { return Ok((new, None)) };
    match ready.claim(core, &new.spec, &new.name).await {
        Ok(claimed) => Ok((new, Some(claimed))),
        Err(error) => {
            tracing::warn!(error = %error.message, "a sandbox built ahead is of no use; another one is built");
            pool::drop_remains(core, &new.id).await;
            new.id = pool::new_id()?;
            new.home = new.id.as_str().to_owned();
            Ok((new, None))
        }
    }
}

/// Records an agent that has its sandbox already, and starts what it is for meanwhile. Nobody is told before both are done; what a
/// crash leaves in between belongs to nobody and is taken down at the next start.
async fn ahead(
    core: &Arc<Core>,
    (new, caller, bond, request): (NewAgent, &Caller, Option<&Bond>, Option<Request>),
    claimed: Claimed,
    creating: tokio::sync::MutexGuard<'_, ()>,
    granting: Option<Granting<'_>>,
) -> Result<(), ApiError> {
    let Claimed { launched, pidfd, init } = claimed;
    let (id, spec) = (new.id.clone(), new.spec.clone());
    let recorded = async {
        let fields = launch::running(core, &spec, launched).await?;
        let change = record(new, caller, bond, (0, Some(launch::first_phase(&spec)))).made_for_any(&id, request);
        let change = change.take_prepared(&id).update_agent(&id, fields);
        let change = with_grants(change, &id, &spec.secrets)?;
        enter(core, core.write(change.relaxed(spec.ephemeral)).await?, granting)
    };
    let (started, recorded) = if spec.secrets.is_empty() {
        tokio::join!(launch::start_program(core, &id, &init, &spec), recorded)
    } else {
        // Its first request may need a grant.
        match recorded.await {
            Ok(()) => (launch::start_program(core, &id, &init, &spec).await, Ok(())),
            Err(error) => (Ok(None), Err(error)),
        }
    };
    drop(creating);
    if let Err(error) = recorded {
        pool::drop_remains(core, &id).await;
        return Err(error);
    }
    let live = match launch::adopt_for(core, &id, init, &spec) {
        Ok(live) => live,
        Err(error) => return Err(launch::undo(core, &id, error).await),
    };
    match started {
        Ok(None) => {
            watch::follow(core, &id, &live, pidfd);
            if let Program::Goal(spec) = &spec.program {
                goal::start(core, &id, &live, spec);
            }
            Ok(())
        }
        Ok(Some(exit)) => {
            end::end(core, &id, exit).await;
            Ok(())
        }
        Err(error) => Err(launch::undo(core, &id, error).await),
    }
}

/// Shows a recorded agent in memory.
fn enter(core: &Core, committed: Committed, granting: Option<Granting<'_>>) -> Result<(), ApiError> {
    if let Some(granting) = granting {
        granting.made(&committed.grants);
    }
    let record = committed.agents.into_iter().next().ok_or_else(|| ApiError::internal("the new agent was not recorded"))?;
    let log = OutputLog::fresh(&core.state.join("logs"), record.id.as_str());
    lock(&core.logs).insert(record.id.clone(), Arc::new(log));
    core.registry().insert(record);
    Ok(())
}

/// The store would refuse it.
fn name_taken(core: &Core, spec: &AgentSpec) -> bool {
    spec.name.as_ref().is_some_and(|name| core.registry().has_name(name))
}

/// Whoever saw an ephemeral agent end may use its name again: it is free as soon as the record is gone, which is waited for.
async fn name_left(core: &Core, spec: &AgentSpec) {
    let leaving = spec.name.as_ref().and_then(|name| core.registry().leaving(name));
    if let Some(gate) = leaving {
        drop(gate.lock().await);
    }
}

trait Perhaps {
    fn take_slot_if(self, wanted: bool, id: &AgentId) -> Self;
    fn made_for_any(self, id: &AgentId, request: Option<Request>) -> Self;
}

impl Perhaps for Change {
    fn take_slot_if(self, wanted: bool, id: &AgentId) -> Self {
        if wanted { self.take_slot(id) } else { self }
    }

    fn made_for_any(self, id: &AgentId, request: Option<Request>) -> Self {
        request.into_iter().fold(self, |change, request| change.made_for(id, request))
    }
}

fn new_agent(
    core: &Core,
    id: AgentId,
    spec: AgentSpec,
    caller: &Caller,
    model: Option<String>,
    starts: bool,
) -> Result<NewAgent, ApiError> {
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
        Program::Goal(goal) => Some(goal.max_steps.unwrap_or(core.config.get().agents.max_steps)),
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

/// `running`: the phase of an agent that runs already.
fn record(new: NewAgent, caller: &Caller, bond: Option<&Bond>, (waiting, running): (usize, Option<AgentPhase>)) -> Change {
    let (id, reduced, profile) = (new.id.clone(), new.spec.allow_reduced.clone(), new.spec.profile);
    let lent: Vec<_> = new.spec.secrets.iter().map(|one| (one.name.clone(), one.host.clone())).collect();
    let queued = new.state == AgentState::Queued;
    let change = Change::new().insert_agent(new, move |record| {
        let pid = record.number;
        let priority = record.spec.priority;
        let info = Box::new(registry::info(record.clone()));
        let mut events = vec![ProcessSpawned { pid, info }.into()];
        events.extend(running.map(|agent_phase| ProcessStateChange { pid, state: AgentState::Running, agent_phase }.into()));
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
    let mut change = bond.into_iter().fold(change, |change, bond| bond.record(&id, change));
    if profile != Profile::Standard {
        change = change.audit(entry("agent.launch.profile", serde_json::to_value(profile).unwrap_or_default()));
    }
    for (secret, host) in lent {
        let outcome = serde_json::json!({ "secret": secret, "host": host });
        change = change.audit(entry("agent.launch.secret", outcome));
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
    plain_name(source, &number.to_string())
}

/// What is plain of `source`, with `end`.
pub(crate) fn plain_name(source: &str, end: &str) -> Result<AgentName, ApiError> {
    let mut base = String::new();
    for c in source.chars().map(|c| c.to_ascii_lowercase()) {
        let c = if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        if !(c == '-' && (base.is_empty() || base.ends_with('-'))) && base.len() < 40 {
            base.push(c);
        }
    }
    let base = base.trim_end_matches('-');
    let base = if base.is_empty() { "agent" } else { base };
    format!("{base}-{end}").parse().map_err(|error| ApiError::internal(format!("{error}")))
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
