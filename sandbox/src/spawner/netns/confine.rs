//! What the maker of namespaces and its keeper give up: everything but making them.

use std::{collections::BTreeMap, io};

use caps::{CapSet, Capability, CapsHashSet};
use libc as c;
use nix::sys::{
    prctl::set_pdeathsig,
    resource::{RLIM_INFINITY, Resource, setrlimit},
    signal::Signal,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Cond,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::super::service::has_filters;
use crate::sys::{
    bpf::{LINK_CREATE, MAP_CREATE, MAP_UPDATE, PROG_LOAD},
    netns::SOCKET_NAMESPACE,
    task::{set_no_new_privs, set_undumpable},
};

/// Namespaces (SYS_ADMIN), what is in them (NET_ADMIN, and NET_BIND_SERVICE for port 53), the program that picks sockets (BPF).
const KEPT: [Capability; 4] =
    [Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN, Capability::CAP_NET_BIND_SERVICE, Capability::CAP_BPF];

/// Does this kernel have filters? The maker could not find out: it may open nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filtered(bool);

/// Confines the keeper for good: to what the maker needs, and to starting it.
pub(super) fn apply_to_keeper() -> io::Result<Filtered> {
    // Before Linux 5.11 maps and programs count as locked memory. Only a lack of memory on a kernel of that kind follows.
    let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
    super::super::confine::keep_core_limit()?;
    set_undumpable()?;
    trim()?;
    set_no_new_privs()?;
    // After the change of capabilities, which may clear it.
    set_pdeathsig(Signal::SIGKILL)?;
    let filtered = Filtered(has_filters());
    install(filtered, &[c::SYS_clone3, c::SYS_prctl, c::SYS_seccomp])?;
    Ok(filtered)
}

/// Confines the maker for good, beyond what it has of its keeper.
pub(super) fn apply(filtered: Filtered) -> io::Result<()> {
    install(filtered, &[])
}

fn install(Filtered(filtered): Filtered, more: &[i64]) -> io::Result<()> {
    if filtered {
        let filter = filter(more).map_err(|error| io::Error::other(error.to_string()))?;
        seccompiler::apply_filter(&filter).map_err(|error| io::Error::other(error.to_string()))?;
    }
    Ok(())
}

fn trim() -> io::Result<()> {
    let failed = |error: caps::errors::CapsError| io::Error::other(format!("trim the capabilities: {error}"));
    let wanted: CapsHashSet = KEPT.into_iter().collect();
    let held = caps::read(None, CapSet::Permitted).map_err(failed)?;
    let kept: CapsHashSet = held.intersection(&wanted).copied().collect();
    for capability in caps::runtime::thread_all_supported() {
        caps::drop(None, CapSet::Bounding, capability).map_err(failed)?;
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(failed)?;
    }
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(failed)
}

/// Everything the maker calls, `more`, and nothing else: it opens no file, starts no program and looks at no other process.
fn filter(more: &[i64]) -> Result<BpfProgram, BackendError> {
    let plain = [
        c::SYS_bind,
        c::SYS_listen,
        c::SYS_connect,
        c::SYS_setsockopt,
        c::SYS_getsockname,
        c::SYS_sendto,
        c::SYS_sendmsg,
        c::SYS_recvfrom,
        c::SYS_recvmsg,
        c::SYS_poll,
        c::SYS_ppoll,
        c::SYS_close,
        c::SYS_write,
        c::SYS_brk,
        c::SYS_munmap,
        c::SYS_mremap,
        c::SYS_madvise,
        c::SYS_futex,
        c::SYS_restart_syscall,
        c::SYS_rt_sigreturn,
        c::SYS_exit,
        c::SYS_exit_group,
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        plain.into_iter().chain(more.iter().copied()).map(|call| (call, Vec::new())).collect();
    let only = |argument, values: &[u64]| {
        let rule = |value: &u64| SeccompRule::new(vec![Cond::new(argument, Len::Dword, Op::Eq, *value)?]);
        values.iter().map(rule).collect::<Result<Vec<_>, _>>()
    };
    let new_net = c::CLONE_NEWNET as u64;
    rules.insert(c::SYS_unshare, only(0, &[new_net])?);
    rules.insert(c::SYS_setns, only(1, &[new_net])?);
    rules.insert(c::SYS_bpf, only(0, &[MAP_CREATE, MAP_UPDATE, PROG_LOAD, LINK_CREATE].map(u64::from))?);
    rules.insert(c::SYS_ioctl, only(1, &[SOCKET_NAMESPACE])?);
    rules.insert(c::SYS_socket, only(0, &[c::AF_INET, c::AF_INET6, c::AF_NETLINK].map(|family| family as u64))?);
    let no_code = Cond::new(2, Len::Dword, Op::MaskedEq(c::PROT_EXEC as u64), 0)?;
    rules.insert(c::SYS_mmap, vec![SeccompRule::new(vec![no_code])?]);
    let denied = SeccompAction::Errno(c::EPERM.unsigned_abs());
    SeccompFilter::new(rules, denied, SeccompAction::Allow, TargetArch::x86_64)?.try_into()
}
