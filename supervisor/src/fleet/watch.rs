//! What is done for a sandbox while it lives: its output is kept, its end is noticed.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use aether_protocol::{AgentId, ApiError, ExitInfo};
use aether_sandbox::wire::init::{InitReply, InitRequest, OutputStream, Pace};
use tokio::io::unix::AsyncFd;

use super::{
    core::{Core, Live, MAIN},
    end, exit, lasting, network, usage,
};
use crate::links::init::{InitLink, unexpected};

/// Bytes asked for at a time.
pub(crate) const READ: u32 = 64 * 1024;
/// How long output may be held back for a reader that has not come yet.
const UNCLAIMED: Duration = Duration::from_secs(3);
/// How long the output of a program that ended is waited for when others still hold its pipes.
const DRAIN: Duration = Duration::from_millis(500);

/// Keeps the output of the main program and ends the agent when the program ends, or when its sandbox does.
pub(crate) fn follow(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>, pidfd: OwnedFd) {
    network::follow(core, id, live);
    let (core, id, live) = (core.clone(), id.clone(), live.clone());
    core.followers.clone().spawn(async move {
        let over = live.over.clone();
        let ended = async {
            tokio::select! {
                outcome = main_end(&live), if live.has_main => outcome.ok(),
                () = sandbox_end(pidfd) => None,
                () = live.init.closed() => None,
            }
        };
        let exit = tokio::select! {
            () = over.cancelled() => return,
            exit = lasting::caught("watch", ended) => match exit {
                Some(exit) => exit,
                None => return end::end(&core, &id, exit::of_panic()).await,
            },
        };
        match exit {
            Some(exit) => end::end_of_main(&core, &id, exit).await,
            None => end::end(&core, &id, lost(&core, &id)).await,
        }
    });
}

/// How a sandbox ended whose init cannot be asked any more. With cgroup v2 the kernel kills all of it, init as well, when the agent
/// has used up its memory, and counts that in the cgroup, which is still there: it is removed by [`end::end`].
fn lost(core: &Core, id: &AgentId) -> ExitInfo {
    let cgroup = core.info(id).ok().and_then(|info| info.cgroup);
    if cgroup.is_some_and(|cgroup| usage::killed_for_memory(&cgroup)) {
        return exit::of_signal(
            nix::libc::SIGKILL,
            Some("out of memory: the kernel ended everything in its sandbox at its memory limit"),
        );
    }
    exit::unknown("its sandbox ended unexpectedly, perhaps out of memory")
}

/// The pidfd of its init becomes readable.
async fn sandbox_end(pidfd: OwnedFd) {
    #[expect(deprecated, reason = "its successor is unsafe; an owned descriptor stays open as long as this value holds it")]
    let watched = AsyncFd::new(pidfd);
    match watched {
        Ok(pidfd) => drop(pidfd.readable().await),
        Err(error) => {
            tracing::error!(%error, "a pidfd cannot be watched");
            std::future::pending::<()>().await;
        }
    }
}

/// Follows the main program to its end and its output to the last byte.
async fn main_end(live: &Arc<Live>) -> Result<ExitInfo, ApiError> {
    let keeping = {
        let live = live.clone();
        async move {
            let err = async { if live.tty { Ok(()) } else { keep(&live, OutputStream::Stderr).await } };
            let _ = tokio::join!(keep(&live, OutputStream::Stdout), err);
        }
    };
    let mut keeping = std::pin::pin!(keeping);
    let mut waiting = std::pin::pin!(live.init.ask(InitRequest::Wait { process: MAIN }));
    let mut unclaimed = std::pin::pin!(tokio::time::sleep(UNCLAIMED));
    let (mut kept, mut released) = (false, false);
    let report = loop {
        tokio::select! {
            reply = &mut waiting => match reply? {
                InitReply::Exited(report) => break report,
                other => return Err(unexpected(&other)),
            },
            () = &mut keeping, if !kept => kept = true,
            () = &mut unclaimed, if !released => {
                released = true;
                live.claim();
            }
        }
    };
    let mut written = live.log.watch();
    while !kept {
        tokio::select! {
            () = &mut keeping => kept = true,
            _ = written.changed() => {}
            () = tokio::time::sleep(DRAIN) => break,
        }
    }
    Ok(exit::of_report(report))
}

/// Copies one stream into the log, until its end.
///
/// Before a reader with flow control has come, init holds the output back for it, so nothing is lost here; from then on this
/// one holds the program back as well, or a burst would leave gaps in the log.
async fn keep(live: &Live, stream: OutputStream) -> Result<(), ApiError> {
    let mut pace = if live.claimed.is_cancelled() { Pace::Hold } else { Pace::Follow };
    let mut reader = attach(&live.init, stream, live.log.next_offset(stream), pace).await?;
    loop {
        let reply = tokio::select! {
            biased;
            () = live.claimed.cancelled(), if pace == Pace::Follow => {
                pace = Pace::Hold;
                let next = attach(&live.init, stream, live.log.next_offset(stream), pace).await?;
                live.init.tell(InitRequest::Detach { reader: std::mem::replace(&mut reader, next) });
                continue;
            }
            reply = live.init.ask(InitRequest::Read { reader, max: READ }) => reply?,
        };
        match reply {
            InitReply::Output { offset, data, end } => {
                if !data.is_empty() {
                    live.log.append(stream, offset, &data);
                }
                if end {
                    return Ok(());
                }
            }
            other => return Err(unexpected(&other)),
        }
    }
}

/// A reader of a stream of the main program.
async fn attach(init: &InitLink, stream: OutputStream, from: u64, pace: Pace) -> Result<u32, ApiError> {
    match init.ask(InitRequest::Attach { process: MAIN, stream, from: Some(from), pace }).await? {
        InitReply::Attached { reader, .. } => Ok(reader),
        other => Err(unexpected(&other)),
    }
}
