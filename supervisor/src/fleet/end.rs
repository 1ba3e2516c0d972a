//! The one way a sandbox ends: everything in it is killed, its leases come back, its record says how.

use std::{sync::Arc, time::Duration};

use aether_protocol::{
    AgentId, AgentPhase, AgentState, ApiError, ExitInfo, Timestamp,
    event::{ProcessExit, ProcessReaped, ProcessStateChange},
};
use aether_store::{AgentField, Change};

use super::core::{Core, lock, sandbox_id};

/// How long an agent that removed itself still answers to who knows its id.
const DEPARTED: Duration = Duration::from_secs(60);
/// Pause before a sandbox that does not end is killed again.
const AGAIN: Duration = Duration::from_secs(2);

/// Ends an agent that is queued or live. Returns when nothing of it runs and that is recorded; fine when it ended before.
pub(crate) async fn end(core: &Arc<Core>, id: &AgentId, exit: ExitInfo) {
    let Ok(entry) = core.entry(id) else { return };
    let gate = entry.gate.lock().await;
    if !core.info(id).is_ok_and(|info| !info.state.is_dead()) {
        return;
    }
    let live = lock(&core.live).get(id).cloned();
    let exit = live.as_ref().and_then(|live| lock(&live.verdict).clone()).unwrap_or(exit);
    if let Some(control) = live.as_ref().and_then(|live| live.control.get()) {
        control.cancel();
    }
    take_down(core, id).await;
    if let Some(live) = live {
        live.over.cancel();
        live.log.finish();
    }
    lock(&core.live).remove(id);
    lock(&core.parcels).remove(id);
    let number = entry.info.number;
    let state = AgentState::Dead;
    let phase = if exit.code == 0 { AgentPhase::Completed } else { AgentPhase::Failed };
    let fields = vec![
        AgentField::State(state),
        AgentField::Phase(phase),
        AgentField::Pid(None),
        AgentField::Cgroup(None),
        AgentField::EndedAt(Some(Timestamp::now())),
        AgentField::Exit(Some(exit.clone())),
    ];
    let mut change = Change::new().update_agent(id, fields.clone());
    let slot = core.entry(id).ok().and_then(|entry| entry.slot);
    if let Some(slot) = slot {
        change = change.release_slot(id, slot);
    }
    let events =
        vec![ProcessStateChange { pid: number, state, agent_phase: phase }.into(), ProcessExit { pid: number, exit }.into()];
    if let Err(error) = core.write(core.with_events(id, change, events)).await {
        tracing::error!(agent = %id, error = %error.message, "the end of an agent could not be recorded");
    }
    {
        let mut registry = core.registry();
        registry.modify(id, |entry| entry.slot = None);
        registry.apply(id, &fields);
    }
    drop(gate);
    core.queue_moved.notify_one();
    if entry.info.spec.ephemeral
        && let Err(error) = remove(core, id).await
    {
        tracing::error!(agent = %id, error = %error.message, "an ephemeral agent could not be removed");
    }
}

/// Kills the sandbox until it is down; its uids must not be lent again before that.
pub(crate) async fn take_down(core: &Arc<Core>, id: &AgentId) {
    let Ok(sandbox) = sandbox_id(id) else { return };
    while let Err(error) = core.spawner.kill(sandbox.clone()).await {
        tracing::error!(agent = %id, error = %error.message, "a sandbox does not end");
        if core.spawner.is_gone() {
            // The service ends now; the next one finds the sandbox and ends it.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Removes record, home and output of an ended agent. Who knows its id still sees for a minute how it ended.
pub(crate) async fn remove(core: &Arc<Core>, id: &AgentId) -> Result<(), ApiError> {
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    let entry = core.entry(id)?;
    if entry.departed {
        return Ok(());
    }
    core.visits.leave(core, id).await?;
    let home = entry.home.parse().map_err(|error| ApiError::internal(format!("{error}")))?;
    core.spawner.remove_home(home).await?;
    let event = ProcessReaped { pid: entry.info.number };
    core.write(core.with_events(id, Change::new().delete_agent(id), vec![event.into()])).await?;
    core.registry().depart(id);
    let (core, id) = (core.clone(), id.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = core.stopping.cancelled() => {}
            () = tokio::time::sleep(DEPARTED) => {}
        }
        core.registry().forget(&id);
        core.screens.forget(&id);
        let log = core.log(&id);
        lock(&core.logs).remove(&id);
        if let Ok(log) = log {
            log.remove();
        }
    });
    Ok(())
}
