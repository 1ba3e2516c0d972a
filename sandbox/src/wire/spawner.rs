//! `aetherd` and the spawner: one `SOCK_SEQPACKET` pair, one reply to each request.
//!
//! A packet is one `postcard` value, with descriptors beside it where stated, of at most [`MAX_PACKET`] bytes. Several requests may be
//! on their way: what takes its time is answered when it is done, and later requests about another sandbox may be answered before.
//! Up to [`TAIL`] bytes that follow a request come back behind its reply, to tell which one it is.

use serde::{Deserialize, Serialize};

use crate::{
    host::HostSupport,
    plan::{CgroupLimits, DiskLimits, LayerState, LentMount, PlanLayer, Profile, SandboxId, SandboxPlan},
};

/// Largest packet, bytes.
pub const MAX_PACKET: usize = 64 * 1024;

/// Most bytes that are echoed.
pub const TAIL: usize = 8;

/// Calls of one sandbox whose cgroups exist at a time.
pub const MOST_CALLS: usize = 32;

/// Below the cgroup of an agent: where its init lives when its calls are counted by cgroup2 (no sandbox can have that name).
pub const LEAF: &str = "init-leaf";

/// The cgroup of an agent, when that of its init is `path`.
pub fn agents_cgroup(path: &str) -> &str {
    path.strip_suffix(LEAF).and_then(|parent| parent.strip_suffix('/')).unwrap_or(path)
}

/// Sandboxes in one [`SpawnerReply::Live`]: their pidfds have to fit beside one packet.
pub const PAGE: usize = 48;

/// The closed set of requests. The spawner checks each again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SpawnerRequest {
    /// What can this host do? Answered by [`SpawnerReply::Host`].
    Host,
    /// Build a sandbox; one directory descriptor per [`SandboxPlan::mounts`] travels beside it.
    /// Answered by [`SpawnerReply::Launched`] with a pidfd.
    Launch(Box<SandboxPlan>),
    /// Begin a sandbox ahead, for an agent that nobody has asked for yet: without lent directories. Answered by
    /// [`SpawnerReply::Done`] while it goes on building itself. Nobody's when this spawner ends: then it is taken down.
    Prepare(Box<SandboxPlan>),
    /// Give a prepared sandbox to its agent. The plan is that of its preparation, with any host name and limits. Answered by
    /// [`SpawnerReply::Launched`] with a pidfd; when that fails, nothing is left but the home.
    Claim(Box<SandboxPlan>),
    /// Kill everything in the sandbox's cgroup and wait (at most 5 s) until nothing of it runs; then remove its cgroup,
    /// control socket and runtime directory. Answered by [`SpawnerReply::Done`]; also when there was nothing.
    Kill(SandboxId),
    /// [`SpawnerRequest::Kill`] and then [`SpawnerRequest::RemoveHome`]: nothing that was written there has to reach the disk any
    /// more, so the answer does not wait for that either. Its home is there as long as the answer is a failure.
    Forget {
        /// The sandbox.
        id: SandboxId,
        /// Its home.
        home: SandboxId,
    },
    /// Kill everything in the cgroup that a sandbox was recorded to have, when an earlier run of this service, started in
    /// another cgroup itself, left it there. Answered by [`SpawnerReply::Done`]; also when there was nothing.
    KillStray {
        /// Its name.
        id: SandboxId,
        /// Its cgroup below the mount point of cgroup2, as [`Launched::cgroup`] said.
        cgroup: String,
    },
    /// Freeze every process of the sandbox and wait until the kernel says so.
    Freeze(SandboxId),
    /// Let it run again.
    Thaw(SandboxId),
    /// Remove the home of that name with all it holds (it must not be in use). Answered at once: the tree is renamed to
    /// the trash and emptied beside.
    RemoveHome(SandboxId),
    /// Sandboxes that live below this service's cgroup, by name, at most [`PAGE`] that come after the given one. Answered by
    /// [`SpawnerReply::Live`] with one pidfd each; a page that is not full is the last.
    List(Option<SandboxId>),
    /// What a privileged process sees of a live sandbox of that profile, which was lent these directories. Answered by
    /// [`SpawnerReply::Inspected`].
    Inspect(SandboxId, Profile, Vec<LentMount>),
    /// What the home of that name takes up. Answered by [`SpawnerReply::DiskUse`].
    DiskUse(SandboxId),
    /// The program of a filter. Answered by [`SpawnerReply::Filter`].
    Filter(Filter),
    /// Make a cgroup for one call of an agent's loop and hand it to its init. Answered by [`SpawnerReply::Call`]; a program is then
    /// started in it by [`super::init::InitRequest::StartIn`].
    BeginCall {
        /// The sandbox.
        id: SandboxId,
        /// What becomes of what the call leaves running.
        left: Left,
    },
    /// Kill everything in the cgroup of a call, count what it used, remove it. Answered by [`SpawnerReply::CallEnded`].
    EndCall {
        /// The sandbox.
        id: SandboxId,
        /// Which call.
        call: u32,
    },
    /// Count what a call used, and let what it started go on. Answered by [`SpawnerReply::CallEnded`].
    ReleaseCall {
        /// The sandbox.
        id: SandboxId,
        /// Which call.
        call: u32,
    },
    /// After a restart of the service: kill what runs in calls that nobody waits for, but for those whose remains go on. Answered by
    /// [`SpawnerReply::Done`].
    EndCalls(SandboxId),
    /// [`SpawnerRequest::Launch`] with parts left out, for the attack suite. Last, so that the others keep their numbers.
    #[cfg(feature = "weaken")]
    LaunchWithout(Box<SandboxPlan>, Vec<crate::spawner::weaken::Part>),
    /// [`SpawnerRequest::Prepare`], the same.
    #[cfg(feature = "weaken")]
    PrepareWithout(Box<SandboxPlan>, Vec<crate::spawner::weaken::Part>),
}

impl SpawnerRequest {
    /// Whether the answer comes when a sandbox runs.
    pub const fn begins(&self) -> bool {
        match self {
            Self::Launch(_) | Self::Claim(_) => true,
            #[cfg(feature = "weaken")]
            Self::LaunchWithout(..) => true,
            _ => false,
        }
    }

    /// Is it a launch for which the host's trees have to be known?
    pub fn needs_walk(&self) -> bool {
        match self {
            Self::Launch(plan) => plan.profile == Profile::Packages,
            #[cfg(feature = "weaken")]
            Self::LaunchWithout(plan, _) => plan.profile == Profile::Packages,
            _ => false,
        }
    }

    /// The sandbox or home that it is about, for what must not overtake something else about the same.
    pub fn subject(&self) -> Option<&SandboxId> {
        match self {
            Self::Launch(plan) | Self::Prepare(plan) | Self::Claim(plan) => Some(&plan.id),
            #[cfg(feature = "weaken")]
            Self::LaunchWithout(plan, _) | Self::PrepareWithout(plan, _) => Some(&plan.id),
            Self::Kill(id)
            | Self::Forget { id, .. }
            | Self::KillStray { id, .. }
            | Self::Freeze(id)
            | Self::Thaw(id)
            | Self::Inspect(id, ..) => Some(id),
            Self::BeginCall { id, .. } | Self::EndCall { id, .. } | Self::ReleaseCall { id, .. } | Self::EndCalls(id) => Some(id),
            Self::RemoveHome(home) | Self::DiskUse(home) => Some(home),
            Self::Host | Self::List(_) | Self::Filter(_) => None,
        }
    }
}

/// Answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SpawnerReply {
    /// To [`SpawnerRequest::Host`].
    Host(Box<HostSupport>),
    /// To [`SpawnerRequest::Launch`]; the pidfd of PID 1 inside travels beside it.
    Launched(Launched),
    /// Done.
    Done,
    /// To [`SpawnerRequest::List`]; pidfds in the same order travel beside it.
    Live(Vec<LiveSandbox>),
    /// Refused or failed; nothing is left behind.
    Failed(SpawnFailure),
    /// To [`SpawnerRequest::Inspect`].
    Inspected(Box<Inspection>),
    /// To [`SpawnerRequest::DiskUse`].
    DiskUse(DiskUse),
    /// To [`SpawnerRequest::Filter`]: 8 bytes an instruction as in `struct sock_filter`.
    #[serde(with = "serde_bytes")]
    Filter(Vec<u8>),
    /// To [`SpawnerRequest::BeginCall`]: its number, which no other call of this spawner's life has.
    Call(u32),
    /// To [`SpawnerRequest::EndCall`] and [`SpawnerRequest::ReleaseCall`].
    CallEnded(CallEnd),
}

/// What becomes of processes that are still there when the program of a call has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Left {
    /// They are killed.
    Killed,
    /// They go on.
    GoesOn,
}

/// Why something is not counted for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Uncounted {
    /// The kernel has no such count.
    Kernel,
    /// The agent's other processes could not be moved out of the way, which the controllers need in cgroup2.
    InTheWay,
    /// The service has not got the controller.
    NotDelegated,
}

/// What the kernel counted for one call, with everything that it started, whoever waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFigures {
    /// CPU time, microseconds.
    pub cpu_usec: u64,
    /// Most memory at a time, with the pages of files that it read and wrote, bytes.
    pub memory_peak_bytes: Result<u64, Uncounted>,
    /// Most processes and threads at a time.
    pub most_tasks: Result<u64, Uncounted>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnd {
    /// What it used.
    pub figures: CallFigures,
    /// Processes that were still there: killed, or left to themselves.
    pub left: u32,
}

/// A filter of system calls that a spawner installs. Its program never changes while that spawner runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Filter {
    /// The spawner's own, which every sandbox inherits.
    Spawner,
    /// That of sandboxes with a directory lent for writing, below their own: no file gets a set-id bit.
    SetId,
    /// The profile `standard`.
    Standard,
    /// The profile `packages` where no file may get a set-id bit.
    Packages,
    /// The profile `packages`.
    PackagesSetId,
    /// The profile `browser`.
    Browser,
}

/// What a home takes up and may take up, as far as the kernel or the means of limiting it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskUse {
    /// Space, bytes; a btrfs says it some seconds late.
    pub bytes: Option<u64>,
    /// The limit of it in force, bytes.
    pub bytes_limit: Option<u64>,
    /// Files and directories.
    pub inodes: Option<u64>,
    /// The limit of them in force.
    pub inodes_limit: Option<u64>,
}

/// What a privileged process sees of a live sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Host pid of its PID 1.
    pub pid: u32,
    /// Its namespaces: name and what `/proc/<pid>/ns/<name>` points at, for example `net:[4026532281]`.
    pub namespaces: Vec<(String, String)>,
    /// The filters that this spawner installs in such a sandbox, in order; it may have been launched by another one.
    pub filters: Vec<Filter>,
    /// The Landlock rules that this spawner enforces for such a sandbox, one line each; empty for none.
    pub ruleset: String,
}

/// A sandbox that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launched {
    /// Host pid of its PID 1 inside.
    pub pid: u32,
    /// Path of its cgroup below the mount point of cgroup2, for example `/aether-1f2e/abc`.
    pub cgroup: String,
    /// Every layer.
    pub layers: Vec<LayerState>,
    /// The filters of system calls that it was given, in the order in which they were installed; none without seccomp.
    pub filters: Vec<Filter>,
    /// The Landlock rules that it was given, one line each; empty for none.
    pub ruleset: String,
    /// The limits of its cgroup.
    pub limits: CgroupLimits,
    /// What its home may take up; `None` where nothing keeps it from more.
    pub disk: Option<DiskLimits>,
    /// Its network namespace was ready; otherwise it had to be waited for or made.
    pub network_ready: bool,
}

/// A sandbox found alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSandbox {
    /// Its name.
    pub id: SandboxId,
    /// Host pid of its PID 1 inside.
    pub pid: u32,
    /// Path of its cgroup below the mount point of cgroup2.
    pub cgroup: String,
    /// Is it frozen?
    pub frozen: bool,
}

/// Why a request failed: layer, step, errno and fix, always by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{step}: {cause}")]
pub struct SpawnFailure {
    /// Layer it belongs to, when it belongs to one.
    pub layer: Option<PlanLayer>,
    /// The step, for example `mount overlay home`.
    pub step: String,
    /// Error number of the kernel, 0 when a check of ours refused.
    pub errno: i32,
    /// Cause in words, with the errno's name.
    pub cause: String,
    /// What the person can do; may be empty.
    pub hint: String,
}
