//! The first process of a sandbox, from the moment it exists to the moment it becomes `aether-init`.
//!
//! Single-threaded: it runs on a copy of the spawner's memory. Everything is prepared by descriptors from the parent; the
//! first thing that fails is reported with its layer and step, and the process ends.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    os::unix::net::UnixListener,
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::{Gid, Uid, chdir, setgroups, sethostname, setresgid, setresuid},
};

use super::{
    cgroup::Group,
    confine::{self, Confinement},
    failure::at,
    mounts::SandboxMounts,
    netns::{NetSockets, PreparedNet},
    root,
    weaken::{Part, Weakened},
};
use crate::{
    init::{LISTENER, NETWORK, REPORT},
    plan::{AGENT_HOME, PlanLayer, SandboxPlan},
    sys::{
        packet::{recv_packet, send_packet},
        task::{close_on_exec_from, dup_to, exec_fd, exit_now, reset_signal},
    },
    wire::spawner::SpawnFailure,
};

/// Descriptors and data the child finds in its copy of memory.
pub(super) struct Birth<'a> {
    pub(super) plan: &'a SandboxPlan,
    pub(super) weakened: &'a Weakened,
    pub(super) links: &'a [(std::ffi::CString, std::ffi::CString)],
    pub(super) group: &'a Group,
    pub(super) confinement: &'a Confinement,
    pub(super) init: &'a OwnedFd,
    pub(super) null: &'a OwnedFd,
    pub(super) listener: &'a UnixListener,
    /// The network namespace that the child is in; without, it is in one of its own that has to be furnished.
    pub(super) net: Option<&'a PreparedNet>,
    pub(super) sync: OwnedFd,
}

impl Birth<'_> {
    /// Builds the sandbox around itself and becomes `aether-init`.
    pub(super) fn run(self) -> ! {
        let failure = self.become_init();
        if let Ok(packet) = postcard::to_stdvec(&failure) {
            let _ = send_packet(self.sync.as_fd(), &packet, &[]);
        }
        exit_now(1)
    }

    fn become_init(&self) -> SpawnFailure {
        match self.build() {
            Ok(()) => {}
            Err(failure) => return failure,
        }
        let error = exec_fd(self.init.as_fd(), self.weakened.init_name());
        at(PlanLayer::Namespaces, "start aether-init")(error)
    }

    fn build(&self) -> Result<(), SpawnFailure> {
        // The spawner ignores SIGCHLD to be rid of its children; init must see its own.
        reset_signal(libc::SIGCHLD);
        // Still with the host's uid 0, before the id maps exist.
        self.group.enter().map_err(at(PlanLayer::Cgroup, "enter the v1 cgroups"))?;
        #[cfg(feature = "weaken")]
        if !self.weakened.keeps(Part::Leak) {
            leak_state().map_err(at(PlanLayer::Filesystem, "leak a descriptor"))?;
        }
        let mounts = self.receive_mounts()?;
        let user = |error: nix::errno::Errno| at(PlanLayer::UserNamespace, "become root of the user namespace")(error.into());
        let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
        setresgid(gid, gid, gid).map_err(user)?;
        setgroups(&[]).map_err(user)?;
        setresuid(uid, uid, uid).map_err(user)?;
        // Not in the clone: there the root of the namespace would be the spawner's cgroup, not the sandbox's.
        unshare(CloneFlags::CLONE_NEWCGROUP).map_err(|e| at(PlanLayer::Namespaces, "make the cgroup namespace")(e.into()))?;
        root::build(self.plan, self.weakened, &mounts, self.links)
            .map_err(|(step, error)| at(PlanLayer::Filesystem, step)(error))?;
        drop(mounts);
        sethostname(&self.plan.hostname).map_err(|e| at(PlanLayer::Namespaces, "set the host name")(e.into()))?;
        if self.net.is_none() {
            loopback_up().map_err(at(PlanLayer::Network, "bring loopback up"))?;
        }
        let limited = || at(PlanLayer::UserNamespace, "limit the namespaces inside");
        let mut mounting = None;
        if self.weakened.keeps(Part::UserNamespaceLimit) {
            mounting = root::limit_namespaces(self.plan.profile).map_err(limited())?;
        }
        if self.weakened.keeps(Part::Mounts) {
            root::mask_proc().map_err(at(PlanLayer::Filesystem, "mask /proc"))?;
        }
        if let Some(limit) = mounting {
            root::no_mount_namespaces(&limit).map_err(limited())?;
        }
        chdir(AGENT_HOME).map_err(|e| at(PlanLayer::Filesystem, "enter the home")(e.into()))?;
        confine::apply(self.confinement, self.plan, self.weakened)?;
        self.place_descriptors().map_err(at(PlanLayer::Capabilities, "place the descriptors of init"))
    }

    fn receive_mounts(&self) -> Result<SandboxMounts, SpawnFailure> {
        let mut word = [0; 8];
        let (length, fds) = recv_packet(self.sync.as_fd(), &mut word).map_err(at(PlanLayer::Filesystem, "receive the mounts"))?;
        if length == 0 {
            exit_now(1); // the spawner gave up or is gone
        }
        let system = fds.len().saturating_sub(4 + self.plan.mounts.len());
        let mut fds = fds.into_iter();
        match (fds.next(), fds.next(), fds.next(), fds.next()) {
            (Some(etc), Some(usr), Some(dev), Some(home)) => {
                let system = fds.by_ref().take(system).collect();
                Ok(SandboxMounts { etc, usr, dev, home, system, lent: fds.collect() })
            }
            _ => Err(at(PlanLayer::Filesystem, "receive the mounts")(io::Error::from_raw_os_error(libc::EBADMSG))),
        }
    }

    /// 0, 1, 2: `/dev/null`; 3: the control socket; 4: where init says that it could not become what it has to be, closed once
    /// it has; from 5 on: what init keeps for the supervisor of a sandbox with a network. Nothing else survives the exec.
    fn place_descriptors(&self) -> io::Result<()> {
        for target in 0..3 {
            dup_to(self.null.as_fd(), target)?;
        }
        dup_to(self.listener.as_fd(), LISTENER)?;
        dup_to(self.sync.as_fd(), REPORT)?;
        if self.weakened.keeps(Part::Descriptors) {
            close_on_exec_from(REPORT.unsigned_abs() + 1)?;
        }
        let sockets = self.net.and_then(|net| net.sockets.as_ref()).map(NetSockets::slots).unwrap_or_default();
        for (target, socket) in (NETWORK..).zip(sockets) {
            if let Some(socket) = socket {
                dup_to(socket, target)?;
            }
        }
        Ok(())
    }
}

/// What a careless change might do one day: a directory of the host that every later program inherits.
#[cfg(feature = "weaken")]
fn leak_state() -> io::Result<()> {
    let leaked = nix::fcntl::open("/state", nix::fcntl::OFlag::O_DIRECTORY, nix::sys::stat::Mode::empty())?;
    let _stays_open = std::os::fd::IntoRawFd::into_raw_fd(leaked);
    Ok(())
}

/// Sets `lo` (always index 1) up: one `RTM_NEWLINK`, rtnetlink(7).
fn loopback_up() -> io::Result<()> {
    let mut request = Vec::with_capacity(32);
    for word in [32_u32, 0x0005_0010, 1, 0, 0, 1, 1, 1] {
        // length; type RTM_NEWLINK (16), flags REQUEST|ACK (5); sequence; port; family; index; flags IFF_UP; change IFF_UP
        request.extend_from_slice(&word.to_ne_bytes());
    }
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&request, 0)?;
    let (reply, _) = socket.recv_from_full()?;
    let error = reply.get(16..20).and_then(|bytes| bytes.try_into().ok()).map_or(-libc::EBADMSG, i32::from_ne_bytes);
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-error)) }
}
