//! The spawner's life: set up once, then requests until the control socket closes.

use std::{
    cell::{Cell, RefCell},
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    fcntl::{OFlag, open},
    sys::stat::{Mode, umask},
};

use super::{
    MOST_NETWORKS, SpawnerConfig,
    call::{self, Ending},
    cgroup::{Group, Tree},
    closed,
    confine::{self, Confinement},
    disk::Disk,
    failure::{at, refused, unseen},
    filters::Filters,
    flight::{Answer, Birth, Flight, LOOK, Walking, Woken, failed, wait},
    home, inspect, launch,
    mounts::Stage,
    netns::NetPool,
    prepared::{self, Waiting},
    probe, service,
    walk::Walk,
    weaken::{self, Weakened},
};
use crate::{
    host::{Feature, HostSupport},
    plan::{PlanLayer, Profile, SandboxId, SandboxPlan},
    sys::{
        packet::{recv_packet, send_packet},
        task::{ignore_signal, pidfd_open, sealed_program, set_securebits, set_undumpable},
    },
    wire::spawner::{LiveSandbox, MAX_PACKET, PAGE, SpawnFailure, SpawnerReply, SpawnerRequest, TAIL},
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
    /// The number of the last call.
    pub(super) calls: Cell<u32>,
    /// When the trash is to be emptied, or to be looked at again.
    pub(super) trash: Cell<Option<Instant>>,
    /// The process that empties it.
    pub(super) emptier: RefCell<Option<OwnedFd>>,
    /// Mounts of forgotten sandboxes, for that process: whoever lets go of them last waits for the disk.
    pub(super) held: RefCell<Vec<OwnedFd>>,
}

impl Spawner {
    fn empty_trash(&self) -> io::Result<Option<Duration>> {
        home::empty_trash(&mut self.emptier.borrow_mut(), &mut self.held.borrow_mut())
    }
}

/// A host without a usable cgroup2 can only say so.
enum Role {
    Ready(Box<Spawner>),
    Unable(Box<HostSupport>),
}

impl Role {
    fn spawner(&self) -> Option<&Spawner> {
        match self {
            Self::Ready(spawner) => Some(spawner),
            Self::Unable(_) => None,
        }
    }
}

/// What a request came to.
enum Outcome {
    Now(Answer),
    Later(Flight),
}

/// Sandboxes that build themselves at a time. Each holds descriptors until it is done, and more than a few gain nothing.
const BIRTHS: usize = 4;

/// A request, the descriptors beside it and what is echoed behind its reply.
struct Asked {
    request: SpawnerRequest,
    fds: Vec<OwnedFd>,
    tail: Vec<u8>,
}

/// Serves until the control socket closes.
pub(super) fn run() -> io::Result<()> {
    let stdin = io::stdin();
    let control = stdin.as_fd();
    let mut buffer = vec![0; MAX_PACKET];
    let (length, _) = recv_packet(control, &mut buffer)?;
    let config: SpawnerConfig = postcard::from_bytes(&buffer[..length]).map_err(io::Error::other)?;
    let role = prepare(&config)?;
    let mut flights: Vec<(Flight, Vec<u8>)> = Vec::new();
    let mut held: Vec<Asked> = Vec::new();
    loop {
        let due = role.spawner().and_then(|spawner| spawner.trash.get());
        let Woken { asked, readable } = wait(control, flights.iter().map(|(flight, _)| flight), due)?;
        let mut landed = false;
        for ((flight, tail), readable) in std::mem::take(&mut flights).into_iter().zip(readable) {
            let Some(spawner) = role.spawner() else { continue };
            match flight.step(spawner, readable) {
                Ok(answer) => {
                    landed = true;
                    reply(control, answer, &tail)?;
                }
                Err(flight) => flights.push((flight, tail)),
            }
        }
        let mut requests = if landed { std::mem::take(&mut held) } else { Vec::new() };
        if asked {
            let (length, fds) = recv_packet(control, &mut buffer)?;
            if length == 0 {
                break;
            }
            match postcard::take_from_bytes(&buffer[..length]) {
                Ok((request, tail)) => requests.push(Asked { request, fds, tail: tail.get(..TAIL).unwrap_or(tail).to_vec() }),
                Err(error) => reply(control, failed(refused(None, "read the request", error.to_string(), "")), &[])?,
            }
        }
        for asked in requests {
            // In the order in which they came, for any one sandbox.
            let subject = asked.request.subject();
            let busy = subject.is_some_and(|id| {
                flights.iter().any(|(flight, _)| flight.id == *id) || held.iter().any(|held| held.request.subject() == subject)
            });
            // One walk through the host at a time.
            let waits = asked.request.needs_walk() && flights.iter().any(|(flight, _)| flight.is_walk());
            let full = asked.request.begins() && flights.iter().filter(|(flight, _)| flight.is_birth()).count() >= BIRTHS;
            if busy || full || waits {
                held.push(asked);
                continue;
            }
            match answer(&role, asked.request, &asked.fds) {
                Outcome::Now(answer) => reply(control, answer, &asked.tail)?,
                Outcome::Later(flight) => flights.push((flight, asked.tail)),
            }
        }
        if let Some(spawner) = role.spawner().filter(|spawner| spawner.trash.get().is_some_and(|due| due <= Instant::now())) {
            let next = spawner.empty_trash().unwrap_or(Some(home::TRASH_AGAIN));
            spawner.trash.set(next.map(|pause| Instant::now() + pause));
        }
    }
    if let Role::Ready(spawner) = role {
        flights.into_iter().for_each(|(flight, _)| flight.abandon(&spawner));
        prepared::give_up(&spawner);
        let _ = spawner.empty_trash();
        spawner.tree.remove_roots();
    }
    Ok(())
}

fn reply(control: BorrowedFd<'_>, (reply, fds): Answer, tail: &[u8]) -> io::Result<()> {
    let mut packet = postcard::to_stdvec(&reply).map_err(io::Error::other)?;
    packet.extend_from_slice(tail);
    let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    match send_packet(control, &packet, &borrowed) {
        Err(error) if error.raw_os_error() == Some(libc::EPIPE) => Ok(()),
        other => other,
    }
}

fn prepare(config: &SpawnerConfig) -> io::Result<Role> {
    ignore_signal(libc::SIGCHLD);
    let null = reserve_low_descriptors()?;
    // Before anything is given up that it needs.
    let net = NetPool::start(null.as_fd(), config.networks.clamp(1, MOST_NETWORKS))?;
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
    let mut emptier = None;
    let trash = home::empty_trash(&mut emptier, &mut Vec::new())?.map(|pause| Instant::now() + pause);
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
        calls: Cell::new(0),
        trash: Cell::new(trash),
        emptier: RefCell::new(emptier),
        held: RefCell::default(),
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

fn answer(role: &Role, request: SpawnerRequest, fds: &[OwnedFd]) -> Outcome {
    let now = |reply| Outcome::Now((reply, Vec::new()));
    let spawner = match (role, &request) {
        (Role::Unable(host), SpawnerRequest::Host) => return now(SpawnerReply::Host(host.clone())),
        (Role::Unable(_), SpawnerRequest::List(_)) => return now(SpawnerReply::Live(Vec::new())),
        (Role::Unable(host), _) => return now(SpawnerReply::Failed(unable(&host.cgroup))),
        (Role::Ready(spawner), _) => spawner,
    };
    let said = |result: Result<SpawnerReply, SpawnFailure>| now(result.unwrap_or_else(SpawnerReply::Failed));
    let done = |result: Result<(), SpawnFailure>| said(result.map(|()| SpawnerReply::Done));
    let later = |result: Result<Flight, SpawnFailure>| match result {
        Ok(flight) => Outcome::Later(flight),
        Err(failure) => now(SpawnerReply::Failed(failure)),
    };
    match request {
        SpawnerRequest::Host => now(SpawnerReply::Host(Box::new(spawner.host.clone()))),
        SpawnerRequest::Launch(plan) => later(launch(spawner, *plan, Weakened::default(), fds)),
        SpawnerRequest::Prepare(plan) => done(prepared::prepare(spawner, *plan, Weakened::default())),
        SpawnerRequest::Claim(plan) => later(prepared::claim(spawner, *plan)),
        #[cfg(feature = "weaken")]
        SpawnerRequest::PrepareWithout(plan, parts) => done(prepared::prepare(spawner, *plan, Weakened::without(parts))),
        #[cfg(feature = "weaken")]
        SpawnerRequest::LaunchWithout(plan, parts) => later(launch(spawner, *plan, Weakened::without(parts), fds)),
        SpawnerRequest::Kill(id) => {
            drop(spawner.prepared.borrow_mut().remove(&id));
            later(Flight::end(spawner, id))
        }
        SpawnerRequest::Forget { id, home } => later(Flight::forget(spawner, id, home)),
        SpawnerRequest::KillStray { id, cgroup } => done(launch::kill_stray(spawner, &id, &cgroup)),
        SpawnerRequest::Freeze(id) => later(set_frozen(spawner, id, true)),
        SpawnerRequest::Thaw(id) => later(set_frozen(spawner, id, false)),
        SpawnerRequest::BeginCall { id, left } => later(call::begin(spawner, &id, left).map(|handing| Flight::hand(handing, id))),
        SpawnerRequest::EndCall { id, call } => {
            later(Ending::begin(spawner, &id, call).map(|ending| Flight::end_call(ending, id)))
        }
        SpawnerRequest::ReleaseCall { id, call } => said(call::release(spawner, &id, call).map(SpawnerReply::CallEnded)),
        SpawnerRequest::EndCalls(id) => done(call::end_all(spawner, &id)),
        SpawnerRequest::RemoveHome(home) => done(remove_home(spawner, &home)),
        SpawnerRequest::Inspect(id, profile, mounts) => {
            let seen = inspect::inspect(spawner, &id, profile, &mounts);
            said(seen.map(|inspection| SpawnerReply::Inspected(Box::new(inspection))))
        }
        SpawnerRequest::DiskUse(home) => {
            let used = spawner.disk.used(&home).map_err(at(PlanLayer::Filesystem, "see what the home takes up"));
            said(used.map(SpawnerReply::DiskUse))
        }
        SpawnerRequest::Filter(filter) => {
            let program = spawner.confinement.filters.bytes(filter);
            let failed = |cause| refused(Some(PlanLayer::Seccomp), "compile the filter", cause, "");
            said(program.map(SpawnerReply::Filter).map_err(failed))
        }
        SpawnerRequest::List(after) => Outcome::Now(list(spawner, after.as_ref()).unwrap_or_else(failed)),
    }
}

fn launch(spawner: &Spawner, plan: SandboxPlan, weakened: Weakened, lent: &[OwnedFd]) -> Result<Flight, SpawnFailure> {
    if plan.profile == Profile::Packages {
        let failed = |error| at(PlanLayer::Filesystem, LOOK)(error);
        let hosts = spawner.stage.host_trees().map_err(failed)?;
        nix::unistd::chdir("/").map_err(|error| failed(error.into()))?;
        if closed::known(&spawner.stage, &hosts).is_none() {
            let walk = Walk::begin(&hosts, spawner.null.as_fd()).map_err(failed)?;
            let lent = lent.iter().map(OwnedFd::try_clone).collect::<Result<_, _>>().map_err(failed)?;
            return Ok(Flight::walk(Walking { walk, plan, weakened, lent }));
        }
    }
    let begun = launch::begin(spawner, &plan, &weakened, lent)?;
    Ok(Flight::birth(Birth { begun, plan, weakened, built: None }))
}

fn unable(cgroup: &Feature) -> SpawnFailure {
    refused(Some(PlanLayer::Cgroup), "set up cgroup", cgroup.detail.clone(), cgroup.fix.clone())
}

fn set_frozen(spawner: &Spawner, id: SandboxId, frozen: bool) -> Result<Flight, SpawnFailure> {
    let gone = || refused(None, "find the sandbox", format!("no sandbox {id} lives"), "");
    let group = spawner.tree.find(&id).map_err(unseen)?.ok_or_else(gone)?;
    Flight::freeze(&group, id, frozen)
}

pub(super) fn remove_home(spawner: &Spawner, home: &SandboxId) -> Result<(), SpawnFailure> {
    let group = spawner.tree.find(home).map_err(unseen)?;
    let pids = group.map(|group| group.pids()).transpose().map_err(unseen)?;
    if pids.is_some_and(|pids| !pids.is_empty()) {
        return Err(refused(None, "remove the home", format!("sandbox {home} lives"), "kill it first"));
    }
    spawner.disk.remove(&spawner.stage, home).map_err(at(PlanLayer::Filesystem, "remove the home"))?;
    let due = Instant::now() + home::TRASH_PAUSE;
    spawner.trash.set(Some(spawner.trash.get().map_or(due, |set| set.min(due))));
    Ok(())
}

/// Every sandbox with a process that is PID 1 of its namespace; cgroups that hold nothing are swept away. What cannot be looked at
/// fails the whole list: it may live.
fn list(spawner: &Spawner, after: Option<&SandboxId>) -> Result<Answer, SpawnFailure> {
    let mut live = Vec::new();
    let mut pidfds = Vec::new();
    let mut ids = spawner.tree.ids().map_err(unseen)?;
    ids.sort_unstable();
    for id in ids.into_iter().filter(|id| after.is_none_or(|after| id > after)) {
        if live.len() == PAGE {
            break;
        }
        let Some(group) = spawner.tree.find(&id).map_err(unseen)? else { continue };
        match init_of(&group).map_err(unseen)? {
            Some((pid, pidfd)) => {
                let frozen = group.frozen().map_err(unseen)?;
                live.push(LiveSandbox { id, pid, cgroup: group.path, frozen });
                pidfds.push(pidfd);
            }
            None => {
                let _ = launch::kill(spawner, &id);
            }
        }
    }
    Ok((SpawnerReply::Live(live), pidfds))
}

/// PID 1 of a sandbox and a descriptor of that very process.
fn init_of(group: &Group) -> io::Result<Option<(u32, OwnedFd)>> {
    let Some(pid) = namespace_init(group)? else { return Ok(None) };
    let pidfd = match pidfd_open(pid) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
        opened => opened?,
    };
    // Still there after the descriptor was opened, so the descriptor is of this process and of no later one.
    Ok(group.pids()?.contains(&pid).then_some((pid, pidfd)))
}

/// The process of a cgroup that is PID 1 of its namespace.
pub(super) fn namespace_init(group: &Group) -> io::Result<Option<u32>> {
    for pid in group.pids()? {
        let status = match fs::read_to_string(format!("/proc/{pid}/status")) {
            // It ended meanwhile.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => continue,
            read => read?,
        };
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        if ids.is_some_and(|ids| ids.split_whitespace().count() > 1 && ids.split_whitespace().next_back() == Some("1")) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}
