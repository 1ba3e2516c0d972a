//! What people do to a whole agent: stop, kill, pause, resume, signal, priority, messages, more steps.

use std::{str::FromStr, sync::Arc, time::Duration};

use aether_protocol::{
    AgentEvent, AgentId, AgentInfo, AgentPhase, AgentState, ApiError, Program,
    event::{AgentPaused, AgentResumed, AgentUserMessage, ProcessPriorityChanged, ProcessStateChange},
};
use aether_runtime::control::CONTINUE_STEPS;
use aether_store::{AgentField, Change};
use nix::sys::signal::Signal;

use crate::govern::{budget, meter};

use super::{
    Force,
    core::{Core, MAIN, sandbox_id},
    end, exit, processes, takeover,
};

/// Grace of a stop that names none.
const GRACE: Duration = Duration::from_secs(10);

/// SIGTERM, then after the grace SIGKILL; waits for the end.
pub(crate) async fn stop(core: &Arc<Core>, id: &AgentId, grace: Option<Duration>) -> Result<AgentInfo, ApiError> {
    let info = core.info(id)?;
    if info.state.is_dead() {
        return Ok(info);
    }
    let terminated = exit::of_signal(Signal::SIGTERM as i32, Some("stopped"));
    let Some(live) = core.sandbox(id).filter(|live| live.has_main) else {
        end::end(core, id, terminated).await;
        return core.info(id);
    };
    if info.state == AgentState::Paused {
        thaw(core, id, meter::Check::No).await?;
    }
    let ended = async {
        // Either may find the program gone already: then its end is on its way.
        let _ = processes::signal(&live, MAIN, Signal::SIGTERM as i32).await;
        if live.tty {
            // An interactive shell ignores SIGTERM; to it, the end of its terminal is the word.
            let _ = processes::signal(&live, MAIN, Signal::SIGHUP as i32).await;
        }
        // A program stopped by a signal gets SIGTERM only once it goes on.
        let _ = processes::signal(&live, MAIN, Signal::SIGCONT as i32).await;
        processes::wait_agent(core, id).await
    };
    let killed = exit::of_signal(Signal::SIGKILL as i32, Some("killed: it did not stop within the grace"));
    if !matches!(tokio::time::timeout(grace.unwrap_or(GRACE), ended).await, Ok(Ok(_))) {
        live.decide(killed.clone());
    }
    // Also when it ended by itself: returns only when nothing of it runs.
    end::end(core, id, killed).await;
    core.info(id)
}

/// Ends everything at once.
pub(crate) async fn kill(core: &Arc<Core>, id: &AgentId) -> Result<AgentInfo, ApiError> {
    let killed = exit::of_signal(Signal::SIGKILL as i32, Some("killed"));
    if let Some(live) = core.sandbox(id) {
        live.decide(killed.clone());
    }
    core.entry(id)?;
    end::end(core, id, killed).await;
    core.info(id)
}

/// Freezes.
pub(crate) async fn pause(core: &Arc<Core>, id: &AgentId) -> Result<AgentInfo, ApiError> {
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    let info = core.info(id)?;
    match info.state {
        AgentState::Paused => return Ok(info),
        AgentState::Running | AgentState::Sleeping | AgentState::Stopped => {}
        state => return Err(wrong_state(&info, state, "pause")),
    }
    let live = core.running(id)?;
    if let Some(control) = live.control.get() {
        control.pause();
    }
    if let Err(error) = core.spawner.freeze(sandbox_id(id)?).await {
        if let Some(control) = live.control.get() {
            control.resume();
        }
        return Err(error);
    }
    change_state(core, id, AgentState::Paused, info.phase, Some(AgentPaused { pid: info.number }.into())).await
}

/// Thaws, unless a budget is used up; or takes one back that a person has.
pub(crate) async fn resume(core: &Arc<Core>, id: &AgentId) -> Result<AgentInfo, ApiError> {
    if core.info(id)?.state != AgentState::Paused
        && let Some(live) = core.sandbox(id)
        && takeover::release(core, id, &live, takeover::Ending::Handed).await
    {
        return core.info(id);
    }
    thaw(core, id, meter::Check::Yes).await
}

/// Thaws; who ends an agent does not ask for its budget.
async fn thaw(core: &Arc<Core>, id: &AgentId, check: meter::Check) -> Result<AgentInfo, ApiError> {
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    let info = core.info(id)?;
    if info.state != AgentState::Paused {
        return Err(wrong_state(&info, info.state, "resume"));
    }
    if check == meter::Check::Yes {
        budget::may_go_on(core, id)?;
    }
    core.spawner.thaw(sandbox_id(id)?).await?;
    if let Some(control) = core.sandbox(id).as_ref().and_then(|live| live.control.get()) {
        control.resume();
    }
    meter::thawed(core, id).await;
    change_state(core, id, AgentState::Running, info.phase, Some(AgentResumed { pid: info.number }.into())).await
}

/// Sends a signal to the main program's group.
pub(crate) async fn signal(core: &Arc<Core>, id: &AgentId, name: &str) -> Result<AgentInfo, ApiError> {
    let upper = name.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    let signal = Signal::from_str(&full).map_err(|_| {
        ApiError::invalid(format!("{name:?} is not a signal"), "give a name such as TERM, INT, HUP, USR1, STOP or CONT")
    })?;
    let info = core.info(id)?;
    if info.state.is_dead() {
        return Err(wrong_state(&info, info.state, "signal"));
    }
    if signal == Signal::SIGKILL || info.state == AgentState::Queued {
        return kill(core, id).await;
    }
    if let Program::Goal(_) = info.spec.program {
        return match signal {
            Signal::SIGTERM | Signal::SIGINT => stop(core, id, None).await,
            Signal::SIGSTOP | Signal::SIGTSTP => pause(core, id).await,
            Signal::SIGCONT => resume(core, id).await,
            _ => {
                Err(ApiError::conflict("an agent with a goal takes TERM, INT, KILL, STOP and CONT", "write to it with a message"))
            }
        };
    }
    let live = core.running(id)?;
    processes::signal(&live, MAIN, signal as i32).await?;
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    let info = core.info(id)?;
    match (signal, info.state) {
        (Signal::SIGSTOP, AgentState::Running) => change_state(core, id, AgentState::Stopped, info.phase, None).await,
        (Signal::SIGCONT, AgentState::Stopped) => change_state(core, id, AgentState::Running, info.phase, None).await,
        _ => Ok(info),
    }
}

/// Changes the priority in the queue.
pub(crate) async fn set_priority(core: &Arc<Core>, id: &AgentId, priority: u8) -> Result<AgentInfo, ApiError> {
    if !(1..=5).contains(&priority) {
        return Err(ApiError::invalid(format!("priority {priority} is out of range"), "give 1 (first) to 5 (last)"));
    }
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    let info = core.info(id)?;
    if info.state != AgentState::Queued {
        return Err(wrong_state(&info, info.state, "change the priority of"));
    }
    let previous_priority = info.spec.priority;
    let mut spec = info.spec;
    spec.priority = priority;
    let event = ProcessPriorityChanged { pid: info.number, priority, previous_priority };
    core.commit(id, vec![AgentField::Spec(Box::new(spec))], vec![event.into()]).await?;
    core.info(id)
}

/// Removes an ended agent.
pub(crate) async fn remove(core: &Arc<Core>, id: &AgentId, force: Force) -> Result<(), ApiError> {
    let info = core.info(id)?;
    if !info.state.is_dead() {
        if force == Force::No {
            return Err(ApiError::conflict(
                format!("{} has not ended", info.name),
                "stop it first (aether stop), or remove it with force (aether rm -f)",
            ));
        }
        kill(core, id).await?;
    }
    end::remove(core, id).await
}

/// Lets a goal go on past its limit.
pub(crate) async fn proceed(core: &Arc<Core>, id: &AgentId) -> Result<AgentInfo, ApiError> {
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    let info = core.info(id)?;
    let live = core.running(id)?;
    let Some((control, max_steps)) = live.control.get().zip(info.max_steps) else {
        return Err(ApiError::conflict(format!("{} has no goal", info.name), "only agents with a goal have a step limit"));
    };
    let max_steps = max_steps.saturating_add(CONTINUE_STEPS);
    core.commit(id, vec![AgentField::MaxSteps(Some(max_steps))], Vec::new()).await?;
    control.allow_steps(max_steps);
    core.info(id)
}

/// Writes to the built-in agent.
pub(crate) async fn message(core: &Arc<Core>, id: &AgentId, content: &str) -> Result<AgentInfo, ApiError> {
    let info = core.info(id)?;
    if content.trim().is_empty() || content.len() > 64 * 1024 {
        return Err(ApiError::invalid("a message has 1 byte to 64 KiB", "put long texts in a file and name it"));
    }
    if info.state.is_dead() {
        return Err(wrong_state(&info, info.state, "write to"));
    }
    if let Program::Command(_) = info.spec.program {
        let hint = "type into its terminal (aether attach)";
        return Err(ApiError::conflict(format!("{} runs a program and reads no messages", info.name), hint));
    }
    let event = AgentUserMessage { pid: info.number, content: content.to_owned() };
    let change = Change::new().add_message(id, content);
    core.write(core.with_events(id, change, vec![event.into()])).await?;
    core.info(id)
}

async fn change_state(
    core: &Core,
    id: &AgentId,
    state: AgentState,
    agent_phase: AgentPhase,
    event: Option<AgentEvent>,
) -> Result<AgentInfo, ApiError> {
    let pid = core.info(id)?.number;
    let mut events = vec![ProcessStateChange { pid, state, agent_phase }.into()];
    events.extend(event);
    core.commit(id, vec![AgentField::State(state)], events).await?;
    core.info(id)
}

fn wrong_state(info: &AgentInfo, state: AgentState, wish: &str) -> ApiError {
    let state = format!("{state:?}").to_ascii_lowercase();
    ApiError::conflict(
        format!("cannot {wish} {}: it is {state}", info.name),
        format!("aether inspect {} shows its state", info.name),
    )
}
