//! How a step that failed becomes a [`SpawnFailure`]: layer, step, errno, and the fix where one is known.

use std::io;

use crate::{plan::PlanLayer, wire::spawner::SpawnFailure};

/// Turns the error of `step` into a failure; for `map_err`.
pub(super) fn at(layer: PlanLayer, step: &str) -> impl FnOnce(io::Error) -> SpawnFailure + use<> {
    let step = step.to_owned();
    move |error| {
        let errno = error.raw_os_error().unwrap_or(0);
        SpawnFailure { layer: Some(layer), step, errno, cause: error.to_string(), hint: hint(layer, errno).to_owned() }
    }
}

/// The error of looking for a sandbox.
pub(super) fn unseen(error: io::Error) -> SpawnFailure {
    at(PlanLayer::Cgroup, "look for the sandbox")(error)
}

/// A check of ours refused.
pub(super) fn refused(
    layer: Option<PlanLayer>,
    step: impl Into<String>,
    cause: impl Into<String>,
    hint: impl Into<String>,
) -> SpawnFailure {
    SpawnFailure { layer, step: step.into(), errno: 0, cause: cause.into(), hint: hint.into() }
}

fn hint(layer: PlanLayer, errno: i32) -> &'static str {
    match (layer, errno) {
        (_, libc::ENOSPC | libc::EDQUOT) if layer == PlanLayer::UserNamespace => {
            "raise user.max_user_namespaces: sysctl -w user.max_user_namespaces=65536"
        }
        (_, libc::ENOSPC | libc::EDQUOT) if layer == PlanLayer::Network => {
            "raise user.max_net_namespaces: sysctl -w user.max_net_namespaces=65536"
        }
        (PlanLayer::Namespaces, libc::ENOSPC) => "raise the limits user.max_*_namespaces with sysctl",
        (_, libc::ENOSPC) => "free space on the file system that holds the state directory",
        (_, libc::EMFILE | libc::ENFILE) => "raise the limit of open files of the service (LimitNOFILE=)",
        (_, libc::EAGAIN | libc::ENOMEM) => "the host is out of processes or memory: end other work or raise kernel.pid_max",
        (PlanLayer::UserNamespace | PlanLayer::Namespaces, libc::EPERM | libc::EACCES) => {
            "allow user namespaces: sysctl -w user.max_user_namespaces=65536, and where AppArmor restricts them \
             sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        }
        (PlanLayer::UserNamespace | PlanLayer::Namespaces | PlanLayer::Network, libc::EINVAL | libc::ENOSYS) => {
            "this kernel lacks a kind of namespace: use a kernel with USER_NS, PID_NS, NET_NS, IPC_NS, UTS_NS and CGROUPS"
        }
        (PlanLayer::Filesystem, libc::EINVAL | libc::EOPNOTSUPP | libc::ENODEV) => {
            "put the state directory on ext4, xfs or btrfs (Linux 5.19 or newer) or tmpfs (6.3 or newer), not on overlayfs"
        }
        (PlanLayer::Landlock, _) => "boot with landlock in the lsm= list of the kernel command line",
        (PlanLayer::Cgroup | PlanLayer::Memory | PlanLayer::Pids | PlanLayer::Cpu, libc::EACCES | libc::EPERM | libc::EROFS) => {
            "delegate the service's cgroup: Delegate=yes in its unit"
        }
        (PlanLayer::Network, _) => "restart aetherd, which starts the maker of network namespaces again; agents that run go on",
        _ => "",
    }
}
