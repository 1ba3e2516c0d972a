//! Programs beside the main one are kept for a while after their end, so that late readers see what they printed; then init
//! forgets them.

use std::{sync::Arc, time::Duration};

use aether_protocol::{AgentId, Program, TtyId, event::TtyClosed};
use aether_sandbox::wire::init::InitRequest;
use aether_store::Change;

use super::{
    core::{Core, Live, MAIN},
    processes, takeover,
};

/// How long an ended program and its output are kept.
const KEPT: Duration = Duration::from_secs(60);
/// How long an ended terminal and its scrollback are kept.
const KEPT_TERMINAL: Duration = Duration::from_secs(600);

/// What a program has for its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A terminal, in which somebody works.
    Terminal,
    /// Pipes.
    Pipes,
}

/// Waits for the end of a program, says so for terminals, and forgets it later.
pub(crate) fn when_ended(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>, process: u32, label: &str, stage: Stage) {
    tokio::spawn(kept(core.clone(), id.clone(), live.clone(), process, (label == "tty", stage)));
}

async fn kept(core: Arc<Core>, id: AgentId, live: Arc<Live>, process: u32, (terminal, stage): (bool, Stage)) {
    // Boxed: a task is as large as the largest thing it does, and there is one of every program that ended within the last minute.
    let over = Box::pin(ends(&core, &id, &live, process, (terminal, stage)));
    if !over.await {
        return;
    }
    drop((core, id));
    tokio::select! {
        () = live.over.cancelled() => {}
        () = tokio::time::sleep(if terminal { KEPT_TERMINAL } else { KEPT }) => live.init.tell(InitRequest::Forget { process }),
    }
}

/// Waits for the end, and says so where somebody wants to know; false when nobody can tell.
async fn ends(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>, process: u32, (terminal, stage): (bool, Stage)) -> bool {
    let ended = live.init.ask(InitRequest::Wait { process }).await.is_ok();
    if terminal && let Ok(info) = core.info(id) {
        let event = TtyClosed { pid: info.number, tty_id: TtyId::new(id, process) };
        if let Err(error) = core.write(core.with_events(id, Change::new(), vec![event.into()]).relaxed(true)).await {
            tracing::warn!(error = %error.message, "the end of a terminal was not recorded");
        }
    }
    if ended && stage == Stage::Terminal && core.info(id).is_ok_and(|info| matches!(info.spec.program, Program::Goal(_))) {
        takeover::closed(core, id, live, process).await;
    }
    ended
}

/// The same for the programs of a sandbox that was taken over.
pub(crate) fn those_found(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>) {
    let (core, id, live) = (core.clone(), id.clone(), live.clone());
    tokio::spawn(async move {
        // A frozen sandbox answers once it is thawed.
        let Ok(reports) = processes::processes(&live).await else { return };
        for report in reports {
            if !(report.process == MAIN && live.has_main) {
                let stage = if report.terminal.is_some() { Stage::Terminal } else { Stage::Pipes };
                when_ended(&core, &id, &live, report.process, &report.label, stage);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of what it takes to wait for one.
    fn size<A, B, C, D, E, F>(_: impl Fn(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_ended_program_is_remembered_by_little() {
        assert!(size(kept) <= 512, "{} bytes of each program", size(kept));
    }
}
