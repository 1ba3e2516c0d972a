//! A person who types in a terminal of a built-in agent has it: its loop begins nothing new until they say so or have typed nothing for
//! a while. What runs goes on, and what they did is told to the agent before it goes on.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aether_protocol::{
    AgentId,
    event::{AgentHeld, AgentReleased},
};
use aether_store::Change;
use tokio::time::Instant;

use super::{
    audit,
    core::{Core, Live, lock},
    handback,
};

/// Who has an agent, since when nothing was typed, and in which terminals.
pub(crate) struct Hold {
    by: String,
    last: Instant,
    terminals: BTreeSet<u32>,
}

/// How it came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Somebody said so, or closed the terminal.
    Handed,
    /// Nothing was typed for a while.
    Quiet,
}

/// Somebody types in a terminal. Before the keys are given to it, so that nothing of the loop begins after the first one.
pub(crate) fn typed(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>, process: u32) {
    let Some(control) = live.control.get() else { return };
    let quiet = core.config.get().agents.hold_secs;
    if quiet == 0 {
        return;
    }
    let by = {
        let mut hold = lock(&live.hold);
        if let Some(hold) = hold.as_mut() {
            hold.last = Instant::now();
            hold.terminals.insert(process);
            return;
        }
        let by = audit::who();
        *hold = Some(Hold { by: by.clone(), last: Instant::now(), terminals: BTreeSet::from([process]) });
        control.hold();
        by
    };
    core.registry().modify(id, |entry| Arc::make_mut(&mut entry.info).held_by = Some(by.clone()));
    let (core, id, live) = (core.clone(), id.clone(), live.clone());
    tokio::spawn(async move {
        if let Ok(info) = core.info(&id) {
            let event = AgentHeld { pid: info.number, by };
            if let Err(error) = core.write(core.with_events(&id, Change::new(), vec![event.into()]).relaxed(true)).await {
                tracing::warn!(agent = %id, error = %error.message, "that a person has an agent was not recorded");
            }
        }
        tokio::select! {
            () = live.over.cancelled() => {}
            () = quiet_for(&live, Duration::from_secs(quiet.into())) => {
                let _ended_by_others = release(&core, &id, &live, Ending::Quiet).await;
            }
        }
    });
}

/// Completes when nothing was typed for `pause`, or somebody else has ended it.
async fn quiet_for(live: &Live, pause: Duration) {
    loop {
        let Some(until) = lock(&live.hold).as_ref().map(|hold| hold.last + pause) else { return };
        if until <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}

/// Tells the agent what was done and lets its loop go on; nothing when nobody has it. False then.
pub(crate) async fn release(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>, ending: Ending) -> bool {
    let Some(Hold { by, terminals, .. }) = lock(&live.hold).take() else { return false };
    for process in terminals {
        handback::tell(core, id, live, process, &handback::Told::GivenBack(&by)).await;
    }
    if let Ok(info) = core.info(id) {
        let event = AgentReleased { pid: info.number, by, handed: ending == Ending::Handed };
        if let Err(error) = core.write(core.with_events(id, Change::new(), vec![event.into()])).await {
            tracing::warn!(agent = %id, error = %error.message, "that a person gave an agent back was not recorded");
        }
    }
    // Somebody may have begun to type again meanwhile: then it stays theirs.
    let hold = lock(&live.hold);
    if hold.is_none() {
        core.registry().modify(id, |entry| Arc::make_mut(&mut entry.info).held_by = None);
        if let Some(control) = live.control.get() {
            control.give_back();
        }
    }
    true
}

/// A terminal was closed: what it showed is told, and whoever worked there alone gives the agent back by that.
pub(crate) async fn closed(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>, process: u32) {
    handback::tell(core, id, live, process, &handback::Told::Closed).await;
    let last = lock(&live.hold).as_mut().is_some_and(|hold| hold.terminals.remove(&process) && hold.terminals.is_empty());
    if last {
        let _ended_by_others = release(core, id, live, Ending::Handed).await;
    }
}
