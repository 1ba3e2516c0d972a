//! A call of a loop that runs a program in a cgroup of its own: counted, and ended with all that it started.

use std::{path::Path, sync::LazyLock};

use aether_protocol::{ApiError, CallUsage, ErrorCode};
use aether_sandbox::{
    plan::SandboxId,
    wire::{
        init::{InitReply, InitRequest, ProgramUse, StartProcess},
        spawner::{CallEnd, Left, Uncounted},
    },
};

use crate::links::{init::InitLink, spawner::SpawnerLink};

/// Does this kernel count what a process reads from and writes to storage (`CONFIG_TASK_IO_ACCOUNTING`)? Without it the figures would be
/// zeroes that mean nothing.
static COUNTS_IO: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/io").exists());

/// Why a figure of the kernel is absent.
const fn reason(why: Uncounted, kernel: &'static str) -> &'static str {
    match why {
        Uncounted::Kernel => kernel,
        Uncounted::InTheWay => "the agent starts processes faster than they can be moved to a cgroup beside the call's",
        Uncounted::NotDelegated => "the service has no controller for it",
    }
}

/// A call that is being made; dropped, everything that it started is killed.
pub(super) struct Call {
    spawner: SpawnerLink,
    sandbox: SandboxId,
    /// Its number, or why it has no cgroup of its own.
    number: Result<u32, String>,
    left: Left,
    end: Option<Result<CallEnd, String>>,
}

impl Call {
    /// Makes its cgroup. A host or a sandbox that has none for calls leaves the call without one, and the reason takes the place of figures.
    pub(super) async fn begin(spawner: &SpawnerLink, sandbox: &SandboxId, left: Left) -> Result<Self, ApiError> {
        let number = match spawner.begin_call(sandbox.clone(), left).await {
            Ok(number) => Ok(number),
            Err(error) if error.code == ErrorCode::Unavailable => return Err(error),
            Err(error) => {
                tracing::warn!(sandbox = %sandbox, error = %error.message, hint = %error.hint, "a call is not counted");
                Err(error.message)
            }
        };
        Ok(Self { spawner: spawner.clone(), sandbox: sandbox.clone(), number, left, end: None })
    }

    /// The request that starts its program.
    pub(super) fn start(&self, start: StartProcess) -> InitRequest {
        match self.number {
            Ok(call) => InitRequest::StartIn { call, start },
            Err(_) => InitRequest::Start(start),
        }
    }

    /// Kills what it started; false when it has no cgroup by which that could be done.
    pub(super) async fn kill(&mut self) -> bool {
        let Ok(call) = self.number else { return false };
        if self.end.is_none() {
            let end = self.spawner.end_call(self.sandbox.clone(), call).await;
            self.end = Some(end.map_err(|error| error.message));
        }
        true
    }

    /// Its program has ended: what it has left is killed, or goes on.
    pub(super) async fn end(&mut self) {
        let Ok(call) = self.number else { return };
        if self.left == Left::Killed {
            self.kill().await;
        } else if self.end.is_none() {
            let end = self.spawner.release_call(self.sandbox.clone(), call).await;
            self.end = Some(end.map_err(|error| error.message));
        }
    }

    /// What it used, with what init saw of its program.
    pub(super) async fn usage(&self, init: &InitLink, process: u32) -> CallUsage {
        // An init that takes calls knows of this as well.
        let program = match self.number {
            Ok(_) => init.ask(InitRequest::Used { process }).await.ok(),
            Err(_) => None,
        };
        let program = program.and_then(|reply| if let InitReply::Used(used) = reply { Some(used) } else { None });
        let end = match (&self.number, &self.end) {
            (Ok(_), Some(Ok(end))) => Ok(*end),
            (Ok(_), Some(Err(why))) | (Err(why), _) => Err(why.clone()),
            (Ok(_), None) => Err("it has not ended".to_owned()),
        };
        usage(end, program, self.left, *COUNTS_IO)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let (Ok(call), None) = (&self.number, &self.end) {
            let (spawner, sandbox, call) = (self.spawner.clone(), self.sandbox.clone(), *call);
            tokio::spawn(async move {
                if let Err(error) = spawner.end_call(sandbox, call).await {
                    tracing::debug!(error = %error.message, "a call that was given up");
                }
            });
        }
    }
}

fn usage(end: Result<CallEnd, String>, program: Option<ProgramUse>, left: Left, counts_io: bool) -> CallUsage {
    let mut used = CallUsage { left_running: left == Left::GoesOn, ..CallUsage::default() };
    let mut absent = |figure: &str, why: &str| used.absent.push(format!("{figure}: {why}"));
    match &end {
        Err(why) => absent("cpuUsec, memoryPeakBytes, mostTasks", why),
        Ok(CallEnd { figures, .. }) => {
            if let Err(why) = figures.memory_peak_bytes {
                absent("memoryPeakBytes", reason(why, "this kernel has no memory.peak"));
            }
            if let Err(why) = figures.most_tasks {
                absent("mostTasks", reason(why, "this kernel has no pids.peak"));
            }
        }
    }
    match program {
        None => absent("largestProcessBytes, readBytes, writtenBytes", "the sandbox's init did not tell"),
        Some(_) if !counts_io => absent("readBytes, writtenBytes", "this kernel does not count the I/O of processes"),
        Some(_) => {}
    }
    if let Ok(CallEnd { figures, left }) = end {
        used.cpu_usec = Some(figures.cpu_usec);
        used.memory_peak_bytes = figures.memory_peak_bytes.ok();
        used.most_tasks = figures.most_tasks.ok();
        used.left = left;
    }
    if let Some(program) = program {
        used.largest_process_bytes = Some(program.largest_bytes);
        used.read_bytes = counts_io.then_some(program.read_bytes);
        used.written_bytes = counts_io.then_some(program.written_bytes);
    }
    used
}

#[cfg(test)]
mod tests {
    use aether_sandbox::wire::spawner::CallFigures;

    use super::*;

    #[test]
    fn what_is_not_counted_is_absent_with_its_reason_and_never_zero() {
        let program = ProgramUse { cpu_usec: 1, largest_bytes: 2, read_bytes: 3, written_bytes: 4 };
        let figures = CallFigures { cpu_usec: 9, memory_peak_bytes: Ok(8), most_tasks: Ok(7) };
        let whole = usage(Ok(CallEnd { figures, left: 0 }), Some(program), Left::Killed, true);
        assert_eq!((whole.cpu_usec, whole.memory_peak_bytes, whole.most_tasks), (Some(9), Some(8), Some(7)));
        assert_eq!((whole.largest_process_bytes, whole.read_bytes, whole.written_bytes), (Some(2), Some(3), Some(4)));
        assert!(whole.absent.is_empty() && !whole.left_running);

        let unified = CallFigures { memory_peak_bytes: Err(Uncounted::InTheWay), most_tasks: Err(Uncounted::Kernel), ..figures };
        let unified = usage(Ok(CallEnd { figures: unified, left: 2 }), Some(program), Left::GoesOn, false);
        assert_eq!((unified.cpu_usec, unified.memory_peak_bytes, unified.most_tasks), (Some(9), None, None));
        assert_eq!((unified.read_bytes, unified.left, unified.left_running), (None, 2, true));
        assert_eq!(unified.absent.len(), 3, "{:?}", unified.absent);
        assert!(unified.absent[0].contains("faster") && unified.absent[1].contains("pids.peak"), "{:?}", unified.absent);

        let none = usage(Err("an older version".to_owned()), None, Left::Killed, true);
        assert_eq!(none.absent.len(), 2, "{:?}", none.absent);
        assert_eq!(CallUsage { absent: Vec::new(), ..none }, CallUsage::default());
    }
}
