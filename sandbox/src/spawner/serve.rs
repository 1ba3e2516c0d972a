//! The spawner's life: set up once, then one request at a time until the control socket closes.

use std::{
    cell::RefCell,
    fs, io,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use nix::{
    fcntl::{OFlag, open},
    sys::stat::{Mode, umask},
};

use super::{
    SpawnerConfig,
    cgroup::Tree,
    confine::{self, Confinement},
    disk::Disk,
    failure::{at, refused},
    filters::Filters,
    home, inspect, launch,
    mounts::Stage,
    netns::NetPool,
    prepared::{self, Waiting},
    probe, service,
    weaken::{self, Weakened},
};
use crate::{
    host::{Feature, HostSupport},
    plan::{PlanLayer, SandboxId},
    sys::{
        packet::{recv_packet, send_packet},
        task::{ignore_signal, pidfd_open, sealed_program, set_securebits, set_undumpable},
    },
    wire::spawner::{Launched, LiveSandbox, MAX_PACKET, PAGE, SpawnFailure, SpawnerReply, SpawnerRequest},
};

/// Keeps capabilities when the file-system uid changes (`SECBIT_NO_SETUID_FIXUP`, capabilities(7)): an overlay has to be
/// mounted with ids of the sandbox and the spawner's capabilities.
pub(super) const NO_SETUID_FIXUP: u32 = 4;

/// Everything a launch needs, set up once.
pub(super) struct Spawner {
    pub(super) stage: Stage,
    pub(super) tree: Tree,
    pub(super) disk: Disk,
    pub(super) host: HostSupport,
    pub(super) confinement: Confinement,
    /// The sealed copy of `aether-init`.
    pub(super) init: OwnedFd,
    pub(super) null: OwnedFd,
    /// Network namespaces that are ready.
    pub(super) net: NetPool,
    /// Directory of the control sockets.
    pub(super) sockets: OwnedFd,
    /// The spawner's own namespace of host names, the way back from others.
    pub(super) uts: OwnedFd,
    /// Sandboxes built ahead.
    pub(super) prepared: RefCell<Waiting>,
}

/// A host without a usable cgroup2 can only say so.
enum Role {
    Ready(Box<Spawner>),
    Unable(Box<HostSupport>),
}

/// Serves until the control socket closes.
pub(super) fn run() -> io::Result<()> {
    let stdin = io::stdin();
    let control = stdin.as_fd();
    let mut buffer = vec![0; MAX_PACKET];
    let (length, _) = recv_packet(control, &mut buffer)?;
    let config: SpawnerConfig = postcard::from_bytes(&buffer[..length]).map_err(io::Error::other)?;
    let role = prepare(&config)?;
    loop {
        let (length, fds) = recv_packet(control, &mut buffer)?;
        if length == 0 {
            if let Role::Ready(spawner) = role {
                prepared::give_up(&spawner);
                spawner.tree.remove_roots();
            }
            return Ok(());
        }
        let (reply, fds) = match postcard::from_bytes(&buffer[..length]) {
            Ok(request) => answer(&role, request, &fds),
            Err(error) => (SpawnerReply::Failed(refused(None, "read the request", error.to_string(), "")), Vec::new()),
        };
        let packet = postcard::to_stdvec(&reply).map_err(io::Error::other)?;
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        match send_packet(control, &packet, &borrowed) {
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
            other => other?,
        }
    }
}

fn prepare(config: &SpawnerConfig) -> io::Result<Role> {
    ignore_signal(libc::SIGCHLD);
    let null = reserve_low_descriptors()?;
    // Before anything is given up that it needs.
    let net = NetPool::start(null.as_fd())?;
    set_undumpable()?;
    set_securebits(NO_SETUID_FIXUP)?;
    confine::keep_core_limit()?;
    service::trim_spawner()?;
    if weaken::spawner_filters_itself() {
        service::filter_spawner()?;
    }
    umask(Mode::from_bits_truncate(0o022));
    let with_path = |path: &std::path::Path| {
        let path = path.display().to_string();
        move |error: io::Error| io::Error::other(format!("{path}: {error}"))
    };
    let init = sealed_program(c"aether-init", &fs::read(&config.init).map_err(with_path(&config.init))?)?;
    let directory = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let sockets = open(&config.sockets, directory, Mode::empty()).map_err(|e| with_path(&config.sockets)(e.into()))?;
    let uts = open("/proc/self/ns/uts", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let tree = Tree::open(&config.cgroup_name, config.cgroup_root.as_deref());
    let mut stage = Stage::enter(config).map_err(|e| io::Error::other(format!("set up the spawner's mounts: {e}")))?;
    home::prepare()?;
    let disk = Disk::open(&stage, config)?;
    home::empty_trash()?;
    let host = probe::probe(config, &mut stage, &disk, tree.as_ref(), net.relay());
    let Ok(tree) = tree else { return Ok(Role::Unable(Box::new(host))) };
    let confinement =
        Confinement { filters: Filters::new(host.seccomp.works).map_err(io::Error::other)?, landlock_abi: host.landlock_abi };
    Ok(Role::Ready(Box::new(Spawner {
        stage,
        tree,
        disk,
        host,
        confinement,
        init,
        null,
        net,
        sockets,
        uts,
        prepared: RefCell::default(),
    })))
}

/// Opens `/dev/null` until the numbers below 10 are taken, so that a child may put what it likes there just before its exec.
fn reserve_low_descriptors() -> io::Result<OwnedFd> {
    use std::os::fd::{AsRawFd, IntoRawFd};
    loop {
        let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
        if null.as_raw_fd() >= 10 {
            return Ok(null);
        }
        let _kept_open = null.into_raw_fd();
    }
}

fn answer(role: &Role, request: SpawnerRequest, fds: &[OwnedFd]) -> (SpawnerReply, Vec<OwnedFd>) {
    let spawner = match (role, &request) {
        (Role::Unable(host), SpawnerRequest::Host) => return (SpawnerReply::Host(host.clone()), Vec::new()),
        (Role::Unable(_), SpawnerRequest::List(_)) => return (SpawnerReply::Live(Vec::new()), Vec::new()),
        (Role::Unable(host), _) => return (SpawnerReply::Failed(unable(&host.cgroup)), Vec::new()),
        (Role::Ready(spawner), _) => spawner,
    };
    let done = |result: Result<(), SpawnFailure>| match result {
        Ok(()) => (SpawnerReply::Done, Vec::new()),
        Err(failure) => (SpawnerReply::Failed(failure), Vec::new()),
    };
    match request {
        SpawnerRequest::Host => (SpawnerReply::Host(Box::new(spawner.host.clone())), Vec::new()),
        SpawnerRequest::Launch(plan) => launched(launch::launch(spawner, &plan, &Weakened::default(), fds)),
        SpawnerRequest::Prepare(plan) => done(prepared::prepare(spawner, *plan)),
        SpawnerRequest::Claim(plan) => launched(prepared::claim(spawner, &plan)),
        #[cfg(feature = "weaken")]
        SpawnerRequest::LaunchWithout(plan, parts) => launched(launch::launch(spawner, &plan, &Weakened::without(parts), fds)),
        SpawnerRequest::Kill(id) => {
            drop(spawner.prepared.borrow_mut().remove(&id));
            done(launch::kill(spawner, &id))
        }
        SpawnerRequest::KillStray { id, cgroup } => done(launch::kill_stray(spawner, &id, &cgroup)),
        SpawnerRequest::Freeze(id) => done(set_frozen(spawner, &id, true)),
        SpawnerRequest::Thaw(id) => done(set_frozen(spawner, &id, false)),
        SpawnerRequest::RemoveHome(home) => done(remove_home(spawner, &home)),
        SpawnerRequest::Inspect(id, profile, mounts) => match inspect::inspect(spawner, &id, profile, &mounts) {
            Ok(inspection) => (SpawnerReply::Inspected(Box::new(inspection)), Vec::new()),
            Err(failure) => (SpawnerReply::Failed(failure), Vec::new()),
        },
        SpawnerRequest::DiskUse(home) => match spawner.disk.used(&home) {
            Ok(used) => (SpawnerReply::DiskUse(used), Vec::new()),
            Err(error) => (SpawnerReply::Failed(at(PlanLayer::Filesystem, "see what the home takes up")(error)), Vec::new()),
        },
        SpawnerRequest::Filter(filter) => match spawner.confinement.filters.bytes(filter) {
            Ok(program) => (SpawnerReply::Filter(program), Vec::new()),
            Err(cause) => (SpawnerReply::Failed(refused(Some(PlanLayer::Seccomp), "compile the filter", cause, "")), Vec::new()),
        },
        SpawnerRequest::List(after) => list(spawner, after.as_ref()),
    }
}

fn launched(result: Result<(Launched, OwnedFd), SpawnFailure>) -> (SpawnerReply, Vec<OwnedFd>) {
    match result {
        Ok((launched, pidfd)) => (SpawnerReply::Launched(launched), vec![pidfd]),
        Err(failure) => (SpawnerReply::Failed(failure), Vec::new()),
    }
}

fn unable(cgroup: &Feature) -> SpawnFailure {
    refused(Some(PlanLayer::Cgroup), "set up cgroup", cgroup.detail.clone(), cgroup.fix.clone())
}

fn set_frozen(spawner: &Spawner, id: &SandboxId, frozen: bool) -> Result<(), SpawnFailure> {
    let group = spawner.tree.find(id).ok_or_else(|| refused(None, "find the sandbox", format!("no sandbox {id} lives"), ""))?;
    let step = if frozen { "freeze the sandbox" } else { "thaw the sandbox" };
    group.set_frozen(frozen, Duration::from_secs(5)).map_err(at(PlanLayer::Cgroup, step))
}

fn remove_home(spawner: &Spawner, home: &SandboxId) -> Result<(), SpawnFailure> {
    if spawner.tree.find(home).is_some_and(|group| !group.pids().is_empty()) {
        return Err(refused(None, "remove the home", format!("sandbox {home} lives"), "kill it first"));
    }
    spawner.disk.remove(&spawner.stage, home).map_err(at(PlanLayer::Filesystem, "remove the home"))
}

/// Every sandbox with a process that is PID 1 of its namespace; cgroups that hold nothing are swept away.
fn list(spawner: &Spawner, after: Option<&SandboxId>) -> (SpawnerReply, Vec<OwnedFd>) {
    let mut live = Vec::new();
    let mut pidfds = Vec::new();
    let mut ids = spawner.tree.ids();
    ids.sort_unstable();
    for id in ids.into_iter().filter(|id| after.is_none_or(|after| id > after)) {
        if live.len() == PAGE {
            break;
        }
        let Some(group) = spawner.tree.find(&id) else { continue };
        let found =
            group.pids().into_iter().find(|pid| is_namespace_init(*pid)).and_then(|pid| Some((pid, pidfd_open(pid).ok()?)));
        match found {
            // Still there after the descriptor was opened, so the descriptor is of this process and of no later one.
            Some((pid, pidfd)) if group.pids().contains(&pid) => {
                live.push(LiveSandbox { id, pid, cgroup: group.path.clone(), frozen: group.frozen() });
                pidfds.push(pidfd);
            }
            _ => {
                let _ = launch::kill(spawner, &id);
            }
        }
    }
    (SpawnerReply::Live(live), pidfds)
}

pub(super) fn is_namespace_init(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    ids.is_some_and(|ids| ids.split_whitespace().count() > 1 && ids.split_whitespace().next_back() == Some("1"))
}
