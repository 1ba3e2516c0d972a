//! What the service and the spawner give up themselves: neither needs all it could have.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use caps::{CapSet, Capability, CapsHashSet};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
};

use super::syscalls;
use crate::sys::task::{install_filter, landlock_abi, set_no_new_privs, set_undumpable};

/// Confines the calling process, which must have one thread and no privilege: it may write below the directories `writable`
/// only, start no program, and make the system calls of a sandbox. Reading stays what the service's user may read.
///
/// The directories come as descriptors: the service's user may be unable to walk the way to them.
///
/// # Errors
/// The step and its error. A kernel without Landlock or seccomp is no error here: agents are refused on it anyway, by name.
pub fn confine_service(writable: &[BorrowedFd<'_>]) -> io::Result<()> {
    let step = |name: &str, error: &dyn std::fmt::Display| io::Error::other(format!("{name}: {error}"));
    set_no_new_privs()?;
    set_undumpable()?;
    super::confine::keep_core_limit()?;
    if let Ok(abi) = landlock_abi() {
        let abi = if abi >= 5 { ABI::V5 } else { super::confine::version(abi) };
        let all = AccessFs::from_all(abi);
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(all & !read)
            .and_then(Ruleset::create)
            .map_err(|e| step("make the service's ruleset", &e))?;
        let devices = all & (AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev);
        let dev = PathFd::new("/dev").map_err(|e| step("open /dev", &e))?;
        let below = writable.iter().map(|dir| (*dir, all & !read & !AccessFs::Execute));
        for (dir, access) in below.chain([(dev.as_fd(), devices)]) {
            ruleset = ruleset.add_rule(PathBeneath::new(dir, access)).map_err(|e| step("allow a directory", &e))?;
        }
        let status = ruleset.restrict_self().map_err(|e| step("enforce the service's ruleset", &e))?;
        if status.ruleset != RulesetStatus::FullyEnforced {
            return Err(io::Error::other(format!("the service's ruleset is only {:?}", status.ruleset)));
        }
    }
    if has_filters() {
        install_filter(&syscalls::deny::program()).map_err(|e| step("install the filter of refused calls", &e))?;
        let filter = syscalls::compile_for_service().map_err(io::Error::other)?;
        seccompiler::apply_filter(&filter).map_err(|e| step("install the service's filter", &e))?;
    }
    Ok(())
}

/// Does this kernel have filters of system calls?
pub(super) fn has_filters() -> bool {
    Path::new("/proc/sys/kernel/seccomp/actions_avail").exists()
}

/// Refuses the spawner, and every sandbox by inheritance, what none of them needs.
pub(super) fn filter_spawner() -> io::Result<()> {
    if !has_filters() {
        return Ok(()); // sandboxes are refused by name
    }
    install_filter(&syscalls::deny::program()).map_err(|e| io::Error::other(format!("install the spawner's filter: {e}")))
}

/// What the spawner uses: mounts and namespaces (SYS_ADMIN), id maps (SETUID, SETGID), the namespaces of children that
/// nobody may trace (SYS_PTRACE), homes of any owner (CHOWN, DAC_*, FOWNER, FSETID), nodes of `/dev` (MKNOD), ending
/// sandboxes (KILL), visits to the host's mount namespace (SYS_CHROOT, setns(2)), and its own sets (SETPCAP).
const SPAWNER: [Capability; 13] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_MKNOD,
    Capability::CAP_KILL,
    Capability::CAP_SYS_CHROOT,
    Capability::CAP_SETPCAP,
];

/// Trims the spawner's capabilities to what it uses; nothing it starts can gain others.
pub(super) fn trim_spawner() -> io::Result<()> {
    let failed = |error: caps::errors::CapsError| io::Error::other(format!("trim the spawner's capabilities: {error}"));
    let wanted: CapsHashSet = SPAWNER.into_iter().collect();
    for capability in caps::runtime::thread_all_supported() {
        if !wanted.contains(&capability) {
            caps::drop(None, CapSet::Bounding, capability).map_err(failed)?;
        }
    }
    let held = caps::read(None, CapSet::Permitted).map_err(failed)?;
    let kept: CapsHashSet = held.intersection(&wanted).copied().collect();
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(failed)?;
    }
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(failed)?;
    if super::weaken::spawner_takes_no_new_privs() { set_no_new_privs() } else { Ok(()) }
}
