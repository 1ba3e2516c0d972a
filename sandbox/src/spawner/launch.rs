//! One launch, read top to bottom; whatever fails, nothing is left.

use std::{
    fs, io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    time::Duration,
};

use nix::{
    sched::CloneFlags,
    sys::{
        socket::{AddressFamily, SockFlag, SockType, socketpair},
        stat::fstat,
    },
};

use super::{
    cgroup::Group,
    child::Birth,
    confine::{self, Policies},
    failure::{at, refused, unseen},
    netns::PreparedNet,
    serve::Spawner,
    weaken::Weakened,
};
use crate::{
    host::HostSupport,
    plan::{LayerState, NetworkPlan, PlanLayer, Profile, RANGE_SIZE, SandboxId, SandboxPlan},
    sys::{
        packet::{recv_packet, send_packet},
        task::{Cloned, clone_into, exit_now},
    },
    wire::spawner::{Launched, SpawnFailure},
};

/// A sandbox whose first process is on its way to become `aether-init`.
pub(super) struct Begun {
    /// What is told about it.
    pub(super) launched: Launched,
    pub(super) pidfd: OwnedFd,
    /// Closed by the child when it is what it has to be; a packet before that is its failure.
    pub(super) child: OwnedFd,
}

/// Everything that the spawner does for a sandbox; what its first process does for itself goes on when this returns.
pub(super) fn begin(spawner: &Spawner, plan: &SandboxPlan, weakened: &Weakened, lent: &[OwnedFd]) -> Result<Begun, SpawnFailure> {
    check(plan, lent)?;
    let mut layers = layers(&weakened.host(&spawner.host), plan)?;
    if spawner.tree.find(&plan.id).map_err(unseen)?.is_some() {
        return Err(refused(None, "check the plan", format!("a sandbox {} exists already", plan.id), ""));
    }
    let home = spawner.disk.enter(&spawner.stage, &plan.home, plan.disk)?;
    if let Some(files) = layers.iter_mut().find(|state| state.layer == PlanLayer::Filesystem) {
        let disk = home.detail.clone().unwrap_or_else(|why| format!("not limited: {why}"));
        files.detail = format!("{}; disk: {disk}", files.detail);
    }
    let group =
        spawner.tree.create(&plan.id, &weakened.limits(&plan.limits)).map_err(at(PlanLayer::Cgroup, "make the cgroup"))?;
    let disk = plan.disk.filter(|_| home.detail.is_ok());
    // Before the clone, so that the child installs this very filter.
    let policies = spawner.confinement.policies(plan.profile, &plan.mounts, weakened);
    let begun = policies.and_then(|Policies { filters, ruleset }| {
        let (pid, pidfd, child, network_ready) = start(spawner, plan, weakened, lent, &group)?;
        home.close()?;
        let (cgroup, limits) = (group.path.clone(), plan.limits);
        Ok(Begun { launched: Launched { pid, cgroup, layers, filters, ruleset, limits, disk, network_ready }, pidfd, child })
    });
    begun.inspect_err(|_| discard(spawner, &plan.id))
}

/// Hears that the child is what it has to be, which it has just said, and believes it only after a look.
pub(super) fn hear(begun: &Begun, plan: &SandboxPlan, weakened: &Weakened) -> Result<(), SpawnFailure> {
    let mut buffer = [0; 4096];
    match recv_packet(begun.child.as_fd(), &mut buffer).map_err(at(PlanLayer::Namespaces, "wait for aether-init"))? {
        (0, _) => confine::check_init(begun.launched.pid, plan, weakened),
        (length, _) => Err(postcard::from_bytes(&buffer[..length])
            .unwrap_or_else(|e| refused(None, "read the report of the child", e.to_string(), ""))),
    }
}

/// Kills what is in a sandbox's cgroup and removes the cgroup and the control socket.
pub(super) fn kill(spawner: &Spawner, id: &SandboxId) -> Result<(), SpawnFailure> {
    if let Some(group) = spawner.tree.find(id).map_err(unseen)? {
        group.kill(Duration::from_secs(5)).map_err(at(PlanLayer::Cgroup, "kill the sandbox"))?;
        drop(group);
    }
    spawner.tree.remove(id).map_err(at(PlanLayer::Cgroup, "remove the cgroup"))?;
    remove_socket(spawner, id)
}

/// Removes the control socket of a sandbox; nothing there is no error.
pub(super) fn remove_socket(spawner: &Spawner, id: &SandboxId) -> Result<(), SpawnFailure> {
    match fs::remove_file(socket_path(spawner, id)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(at(PlanLayer::Filesystem, "remove the control socket")(error))
        }
        _ => Ok(()),
    }
}

/// Kills what an earlier run of the service left in another place of the cgroup tree.
pub(super) fn kill_stray(spawner: &Spawner, id: &SandboxId, cgroup: &str) -> Result<(), SpawnFailure> {
    if let Some(group) = spawner.tree.stray(id, cgroup).map_err(unseen)? {
        group.kill(Duration::from_secs(5)).map_err(at(PlanLayer::Cgroup, "kill the stray sandbox"))?;
        drop(group);
        spawner.tree.remove_stray(cgroup);
    }
    Ok(())
}

/// Takes away what a failure left, which is reported anyway: best effort, a rest is swept at the next start.
pub(super) fn discard(spawner: &Spawner, id: &SandboxId) {
    let _ = kill(spawner, id);
}

fn start(
    spawner: &Spawner,
    plan: &SandboxPlan,
    weakened: &Weakened,
    lent: &[OwnedFd],
    group: &Group,
) -> Result<(u32, OwnedFd, OwnedFd, bool), SpawnFailure> {
    let listener = listen(spawner, &plan.id).map_err(at(PlanLayer::Filesystem, "bind the control socket"))?;
    let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
    let (ours, theirs) = pair.map_err(|e| at(PlanLayer::Namespaces, "make a socket pair")(e.into()))?;
    let net = network(spawner, plan)?;
    let namespaces = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    match spawner
        .net
        .clone_into(net.as_ref(), namespaces, Some(group.directory()))
        .map_err(at(PlanLayer::Namespaces, "clone3 into new namespaces"))?
    {
        Cloned::Child => {
            drop(ours);
            // It would be the last to let go of them when it becomes init, and wait for the disk there.
            spawner.held.borrow_mut().clear();
            Birth {
                plan,
                weakened,
                links: &spawner.stage.links,
                group,
                confinement: &spawner.confinement,
                init: &spawner.init,
                null: &spawner.null,
                listener: &listener,
                net: net.as_ref(),
                sync: theirs,
            }
            .run()
        }
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            raise(spawner, (plan, weakened), lent, pid, &ours)?;
            Ok((pid, pidfd, ours, net.is_some_and(|net| net.was_ready)))
        }
    }
}

/// A namespace that is ready; a sandbox without a network can do without, and makes one itself.
fn network(spawner: &Spawner, plan: &SandboxPlan) -> Result<Option<PreparedNet>, SpawnFailure> {
    match (spawner.net.take(plan.network), plan.network) {
        (Ok(net), _) => Ok(Some(net)),
        (Err(_), NetworkPlan::LoopbackOnly) => Ok(None),
        (Err(error), NetworkPlan::Relayed) => Err(at(PlanLayer::Network, "take a network namespace")(error)),
    }
}

/// The parent's half: what the child may not do itself.
fn raise(
    spawner: &Spawner,
    (plan, weakened): (&SandboxPlan, &Weakened),
    lent: &[OwnedFd],
    pid: u32,
    child: &OwnedFd,
) -> Result<(), SpawnFailure> {
    let start = plan.ids.start();
    write_maps(pid, &format!("0 {start} {RANGE_SIZE}"), &format!("0 {start} {RANGE_SIZE}"))
        .map_err(at(PlanLayer::UserNamespace, "write the id maps"))?;
    let userns = open_userns(pid).map_err(at(PlanLayer::UserNamespace, "open the user namespace"))?;
    let mounts = spawner.stage.sandbox(plan, weakened, userns.as_fd(), lent)?;
    let mut fds = vec![mounts.etc.as_fd(), mounts.usr.as_fd(), mounts.dev.as_fd(), mounts.home.as_fd()];
    fds.extend(mounts.system.iter().chain(&mounts.lent).map(AsFd::as_fd));
    send_packet(child.as_fd(), b"go", &fds).map_err(at(PlanLayer::Namespaces, "hand the mounts over"))
}

pub(super) fn socket_path(spawner: &Spawner, id: &SandboxId) -> String {
    format!("/proc/self/fd/{}/{id}.sock", spawner.sockets.as_raw_fd())
}

fn listen(spawner: &Spawner, id: &SandboxId) -> io::Result<UnixListener> {
    let path = socket_path(spawner, id);
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    // The directory is closed to everybody but the service.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

fn write_maps(pid: u32, uids: &str, gids: &str) -> io::Result<()> {
    fs::write(format!("/proc/{pid}/uid_map"), uids)?;
    fs::write(format!("/proc/{pid}/gid_map"), gids)
}

fn open_userns(pid: u32) -> io::Result<OwnedFd> {
    Ok(fs::File::open(format!("/proc/{pid}/ns/user"))?.into())
}

/// The spawner trusts nobody's compile step.
pub(super) fn check(plan: &SandboxPlan, lent: &[OwnedFd]) -> Result<(), SpawnFailure> {
    let bad = |cause: String, hint: &str| Err(refused(None, "check the plan", cause, hint));
    let host = &plan.hostname;
    let host_ok =
        (1..=63).contains(&host.len()) && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !host_ok {
        return bad(format!("{host:?} is not a host name"), "use a-z, 0-9 and -");
    }
    if crate::plan::IdRange::new(plan.ids.slot()).is_none() {
        return bad(format!("id range {} does not exist", plan.ids.slot()), "");
    }
    if lent.len() != plan.mounts.len() {
        return bad(format!("{} lent directories, {} descriptors", plan.mounts.len(), lent.len()), "");
    }
    for (mount, fd) in plan.mounts.iter().zip(lent) {
        let target = &mount.target;
        let forbidden = ["/proc", "/sys", "/dev", "/usr", "/etc", "/run", "/bin", "/sbin", "/lib", "/lib64"];
        let inside = |top: &str| target == top || target.starts_with(&format!("{top}/"));
        let plain =
            target.len() > 1 && target.starts_with('/') && !target.contains('\0') && !target.split('/').any(|part| part == "..");
        if !plain
            || (forbidden.into_iter().any(inside) && !(target == crate::plan::TRUST && mount.read_only))
            || target.trim_end_matches('/') == "/home/agent"
            || target.trim_end_matches('/') == "/home"
        {
            return bad(
                format!("nothing can be mounted on {target:?}"),
                "choose a directory outside /proc /sys /dev /usr /etc /run, for example /mnt/data or /home/agent/project",
            );
        }
        let directory = fstat(fd).is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFDIR);
        if !directory {
            return bad(format!("what is lent for {target} is not a directory"), "lend a directory");
        }
    }
    let limits = &plan.limits;
    if limits.memory_bytes < 8 << 20 || limits.pids < 4 || limits.cpu_quota_usec < 1_000 {
        return bad("a limit is too small to hold a sandbox".into(), "give at least 8M of memory, 4 processes and 0.01 CPUs");
    }
    Ok(())
}

/// Every layer as it will be, or the refusal that names the missing one and its fix.
pub(super) fn layers(host: &HostSupport, plan: &SandboxPlan) -> Result<Vec<LayerState>, SpawnFailure> {
    PlanLayer::ALL
        .into_iter()
        .map(|layer| {
            let feature = match layer {
                PlanLayer::UserNamespace | PlanLayer::Namespaces | PlanLayer::Network => &host.user_namespaces,
                PlanLayer::Filesystem => &host.overlay,
                PlanLayer::Cgroup => &host.cgroup,
                PlanLayer::Memory => &host.memory,
                PlanLayer::Pids => &host.pids,
                PlanLayer::Cpu => &host.cpu,
                PlanLayer::Landlock => &host.landlock,
                PlanLayer::Seccomp => &host.seccomp,
                PlanLayer::Capabilities => {
                    let detail = match plan.profile {
                        Profile::Packages => "those of a package manager in its own user namespace, no_new_privs",
                        Profile::Standard | Profile::Browser => "all sets empty, no_new_privs",
                    };
                    return Ok(LayerState { layer, active: true, detail: detail.into() });
                }
            };
            let optional =
                matches!(layer, PlanLayer::Memory | PlanLayer::Pids | PlanLayer::Cpu | PlanLayer::Landlock | PlanLayer::Seccomp);
            if feature.works || (optional && plan.may_miss.contains(&layer)) {
                let detail =
                    if feature.works { describe(layer, plan, &feature.detail, &host.relay) } else { feature.detail.clone() };
                return Ok(LayerState { layer, active: feature.works, detail });
            }
            Err(refused(Some(layer), format!("set up {}", layer.name()), feature.detail.clone(), feature.fix.clone()))
        })
        .collect()
}

fn describe(layer: PlanLayer, plan: &SandboxPlan, found: &str, relay: &crate::host::Feature) -> String {
    match layer {
        PlanLayer::UserNamespace => format!("host ids {} to {}", plan.ids.start(), plan.ids.start() + RANGE_SIZE - 1),
        PlanLayer::Namespaces => "pid, mount, ipc, uts, cgroup".into(),
        PlanLayer::Network => match plan.network {
            NetworkPlan::LoopbackOnly => "own namespace, loopback only".into(),
            NetworkPlan::Relayed if relay.works => "own namespace, loopback only; connections and names are relayed".into(),
            // No less closed: what programs do not send to the proxy goes nowhere.
            NetworkPlan::Relayed => format!("own namespace, loopback only; {}", relay.detail),
        },
        PlanLayer::Memory => format!("{} MiB, no swap ({found})", plan.limits.memory_bytes >> 20),
        PlanLayer::Pids => format!("{} ({found})", plan.limits.pids),
        PlanLayer::Cpu => format!("{} ms per 100 ms ({found})", plan.limits.cpu_quota_usec / 1000),
        _ => found.to_owned(),
    }
}

/// A process that does nothing but hold a user namespace with one id map open, for id-mapped mounts.
pub(super) struct Holder {
    pid: u32,
    pidfd: OwnedFd,
}

impl Holder {
    /// Maps `count` ids on disk from `uid` and `gid` to ids from `shown` on.
    pub(super) fn new(uid: u32, gid: u32, shown: u32, count: u32) -> io::Result<Self> {
        match clone_into(CloneFlags::CLONE_NEWUSER.bits(), None)? {
            Cloned::Child => {
                // SIGKILL from `drop` ends it; the alarm does if the spawner dies first.
                nix::unistd::alarm::set(60);
                nix::unistd::pause();
                exit_now(0)
            }
            Cloned::Parent { pid, pidfd } => {
                let holder = Self { pid, pidfd };
                write_maps(pid, &format!("{uid} {shown} {count}"), &format!("{gid} {shown} {count}"))?;
                Ok(holder)
            }
        }
    }

    /// Its user namespace.
    pub(super) fn userns(&self) -> io::Result<OwnedFd> {
        open_userns(self.pid)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = crate::sys::task::kill_pidfd(&self.pidfd);
    }
}
