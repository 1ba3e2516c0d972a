//! The one way a sandbox ends: everything in it is killed, its leases come back, its record says how.

use std::{sync::Arc, time::Duration};

use aether_protocol::{
    AgentEvent, AgentId, AgentPhase, AgentState, ApiError, ExitInfo, Timestamp,
    event::{ProcessExit, ProcessReaped, ProcessStateChange},
};
use aether_store::{AgentField, Change};

use super::{
    children,
    core::{Core, Live, lock, sandbox_id},
    departed, late,
    registry::Entry,
};

/// Pause before a sandbox that does not end is killed again.
const AGAIN: Duration = Duration::from_secs(2);

/// Ends an agent that is queued or live. Returns when nothing of it runs and that is recorded; fine when it ended before.
pub(crate) async fn end(core: &Arc<Core>, id: &AgentId, exit: ExitInfo) {
    end_as(core, id, exit, Told::WhenDown).await;
}

/// As [`end`], of an agent whose main program has ended and whose output is kept to the last byte: that is recorded and whoever waits is
/// told, and what the program left running is killed after that. The gate is held until it is down.
pub(crate) async fn end_of_main(core: &Arc<Core>, id: &AgentId, exit: ExitInfo) {
    end_as(core, id, exit, Told::Early).await;
}

/// When those who wait for the end are told. Not before it is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Before the sandbox is taken down. Until it is recorded the sandbox stays, as its init knows the end for a service that
    /// starts meanwhile.
    Early,
    /// When nothing runs any more.
    WhenDown,
}

async fn end_as(core: &Arc<Core>, id: &AgentId, exit: ExitInfo, told: Told) {
    let Ok(entry) = core.entry(id) else { return };
    let _gate = entry.gate.lock().await;
    if !core.info(id).is_ok_and(|info| !info.state.is_dead()) {
        return;
    }
    let live = lock(&core.live).get(id).cloned();
    let exit = live.as_ref().and_then(|live| lock(&live.verdict).clone()).unwrap_or(exit);
    if let Some(control) = live.as_ref().and_then(|live| live.control.get()) {
        control.cancel();
    }
    let state = AgentState::Dead;
    let phase = if exit.code == 0 { AgentPhase::Completed } else { AgentPhase::Failed };
    let number = entry.info.number;
    let events: [AgentEvent; 2] = [
        ProcessStateChange { pid: number, state, agent_phase: phase }.into(),
        ProcessExit { pid: number, exit: exit.clone() }.into(),
    ];
    let ended = [
        AgentField::State(state),
        AgentField::Phase(phase),
        AgentField::Pid(None),
        AgentField::EndedAt(Some(Timestamp::now())),
        AgentField::Exit(Some(exit)),
    ];
    // Where its sandbox is stays on record until it is down: a service that starts meanwhile ends what is left there.
    let down = [AgentField::Cgroup(None)];
    let fields = [&ended[..], &down].concat();
    let recorded = told == Told::Early && {
        let change = core.with_events(id, Change::new().update_agent(id, ended), events.to_vec());
        let result = core.write(change).await;
        if let Err(error) = &result {
            tracing::error!(agent = %id, error = %error.message, "the end of an agent could not be recorded before it is down");
        }
        result.is_ok()
    };
    if recorded {
        leave(core, id, live.as_deref());
        core.registry().conclude(id, &fields);
    }
    let (away, ()) = tokio::join!(take_away(core, &entry), children::end_below(core, id));
    if let Some(live) = &live {
        live.over.cancel();
    }
    leave(core, id, live.as_deref());
    let (left, events) = if recorded { (down.to_vec(), Vec::new()) } else { (fields.clone(), events.to_vec()) };
    let slot = core.entry(id).ok().and_then(|entry| entry.slot);
    let own = id.clone();
    let returned = move |change: Change| slot.iter().fold(change, |change, slot| change.release_slot(&own, *slot));
    if entry.info.spec.ephemeral {
        children::remove_below(core, id).await;
        match if away { Ok(()) } else { remove_home(core, &entry).await } {
            Ok(()) => {
                // What is left of its end, and its removal, in one commit: nobody asks for a record in between.
                core.registry().apply(id, &fields);
                let own = id.clone();
                let change = move |core: &Core| {
                    let change = core.with_events(&own, returned(Change::new()), events.clone()).delete_agent(&own);
                    core.with_events(&own, change, vec![ProcessReaped { pid: number }.into()])
                };
                if let Err(error) = core.write(change(core)).await {
                    tracing::error!(agent = %id, error = %error.message, "the end of an agent could not be recorded yet");
                    let own = id.clone();
                    late::record(core, change, move |core| depart(core, &own));
                } else {
                    depart(core, id);
                }
                core.queue_moved.notify_one();
                return;
            }
            Err(error) => tracing::error!(agent = %id, error = %error.message, "an ephemeral agent could not be removed"),
        }
    }
    let own = id.clone();
    let change = move |core: &Core| {
        let change = returned(Change::new().update_agent(&own, left.clone()));
        let change = core.with_events(&own, change, events.clone());
        // The next service gives a slot back that an ended agent holds: after a power cut as well.
        if recorded { change.relaxed(true) } else { change }
    };
    if let Err(error) = core.write(change(core)).await {
        tracing::error!(agent = %id, error = %error.message, "the end of an agent could not be recorded yet");
        // Its uids stay its own until then.
        let own = id.clone();
        late::record(core, change, move |core| core.registry().modify(&own, |entry| entry.slot = None));
    } else {
        core.registry().modify(id, |entry| entry.slot = None);
    }
    core.registry().apply(id, &fields);
    core.queue_moved.notify_one();
}

/// Nobody reaches its sandbox any more, and its log is whole.
fn leave(core: &Core, id: &AgentId, live: Option<&Live>) {
    if let Some(live) = live {
        live.log.finish();
    }
    lock(&core.live).remove(id);
    lock(&core.parcels).remove(id);
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

/// Takes an agent's sandbox down, and where nobody keeps the home that as well: whether it is gone.
async fn take_away(core: &Arc<Core>, entry: &Entry) -> bool {
    let id = &entry.info.id;
    if entry.info.spec.ephemeral
        && let (Ok(sandbox), Ok(home)) = (sandbox_id(id), entry.home.parse())
    {
        match core.spawner.forget(sandbox, home).await {
            Ok(()) => return true,
            Err(error) => tracing::warn!(agent = %id, error = %error.message, "a sandbox and its home do not go at once"),
        }
    }
    take_down(core, id).await;
    false
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
    if entry.info.spec.ephemeral {
        children::remove_below(core, id).await;
    }
    remove_home(core, &entry).await?;
    let event = ProcessReaped { pid: entry.info.number };
    core.write(core.with_events(id, Change::new().delete_agent(id), vec![event.into()])).await?;
    depart(core, id);
    Ok(())
}

async fn remove_home(core: &Core, entry: &Entry) -> Result<(), ApiError> {
    let home = entry.home.parse().map_err(|error| ApiError::internal(format!("{error}")))?;
    core.spawner.remove_home(home).await
}

/// Its record is gone: only who knows its id still sees it, and that not for long.
fn depart(core: &Arc<Core>, id: &AgentId) {
    core.registry().depart(id);
    core.secrets.forget(id);
    if let Some(gateway) = core.gateway.get() {
        gateway.forget(id);
    }
    departed::forget_later(core, id);
}
