//! Parts of a sandbox that a test may leave out on purpose, so that an attack that is stopped is known to be stopped by them.
//!
//! Only with the feature `weaken`, which no release build can have. Without it [`Weakened`] has no value that leaves anything out.

use std::{borrow::Cow, ffi::CStr};

use crate::{host::HostSupport, plan::CgroupLimits};
#[cfg(feature = "weaken")]
use {
    super::{confine, root, service, syscalls},
    serde::{Deserialize, Serialize},
    std::io,
};

#[cfg(all(feature = "weaken", not(debug_assertions)))]
compile_error!("the feature `weaken` leaves layers of isolation out: it is for tests, never for a release");

#[cfg(feature = "weaken")]
static SPAWNER_MAY_GAIN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// The spawner that this process becomes does without its own `no_new_privs`, which every sandbox would inherit.
#[cfg(feature = "weaken")]
pub fn leave_spawner_without_no_new_privs() {
    SPAWNER_MAY_GAIN.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Does the spawner set `no_new_privs` for itself?
#[cfg(feature = "weaken")]
pub(super) fn spawner_takes_no_new_privs() -> bool {
    !SPAWNER_MAY_GAIN.load(std::sync::atomic::Ordering::Relaxed)
}

/// Does the spawner set `no_new_privs` for itself? Always.
#[cfg(not(feature = "weaken"))]
pub(super) const fn spawner_takes_no_new_privs() -> bool {
    true
}

/// Does the spawner put the filter of refused calls on itself? The suite's own puts it on each sandbox instead, because what is
/// inherited cannot be left out.
#[cfg(feature = "weaken")]
pub(super) fn spawner_filters_itself() -> bool {
    spawner_takes_no_new_privs()
}

/// Does the spawner put the filter of refused calls on itself? Always.
#[cfg(not(feature = "weaken"))]
pub(super) const fn spawner_filters_itself() -> bool {
    true
}

/// A part that can be left out. The user namespace and its id map cannot: without them an attack would reach this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "weaken", derive(Serialize, Deserialize))]
#[cfg_attr(not(feature = "weaken"), allow(dead_code, unreachable_pub))]
pub enum Part {
    /// Empty capability sets: left out, the agent has all of them inside its user namespace.
    Capabilities,
    /// `no_new_privs`; the kernel takes a filter or a ruleset only with it, so they are left out too.
    NoNewPrivs,
    /// Landlock.
    Landlock,
    /// Seccomp.
    Seccomp,
    /// The spawner's filter of refused calls, which every sandbox inherits.
    SpawnerFilter,
    /// The filter of set-id bits, where a directory is lent for writing.
    SetIdFilter,
    /// Masked and read-only `/proc`, read-only root and `/etc`, nosuid and nodev of the home. The host's `/usr` stays read-only.
    Mounts,
    /// `max_user_namespaces` 0 inside.
    UserNamespaceLimit,
    /// New session keyring.
    Keyring,
    /// `close_range` before init is started.
    Descriptors,
    /// `aether-init` is told by its name to stay dumpable; only the test's own init heeds it.
    Dumpable,
    /// A user of its own for `aether-init`: left out, it runs as the agent.
    InitUser,
    /// Limits of the cgroup.
    Cgroup,
    /// Links on the way to where a lent directory is attached are not followed.
    LentWay,
    /// Not a part: the host is taken for one without Landlock.
    HostLandlock,
    /// Not a part: plants a descriptor of the state directory without close-on-exec in the sandbox's first process.
    Leak,
}

/// Parts to leave out of one launch.
#[derive(Debug, Clone, Default)]
pub(super) struct Weakened {
    #[cfg(feature = "weaken")]
    parts: Vec<Part>,
}

impl Weakened {
    /// Leaves `parts` out.
    #[cfg(feature = "weaken")]
    pub(super) fn without(parts: Vec<Part>) -> Self {
        Self { parts }
    }

    /// Is this part to be set up?
    #[cfg(feature = "weaken")]
    pub(super) fn keeps(&self, part: Part) -> bool {
        let needs_no_new_privs = matches!(part, Part::Seccomp | Part::SetIdFilter | Part::Landlock);
        !(self.parts.contains(&part) || needs_no_new_privs && self.parts.contains(&Part::NoNewPrivs))
    }

    /// Is this part to be set up? Always.
    #[cfg(not(feature = "weaken"))]
    #[allow(clippy::unused_self, reason = "the same call with and without the feature")]
    pub(super) const fn keeps(&self, _: Part) -> bool {
        true
    }

    /// The host as it is taken.
    #[cfg(feature = "weaken")]
    pub(super) fn host<'a>(&self, host: &'a HostSupport) -> Cow<'a, HostSupport> {
        if self.keeps(Part::HostLandlock) {
            return Cow::Borrowed(host);
        }
        let (landlock_abi, landlock) = super::probe::without_landlock(&io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        Cow::Owned(HostSupport { landlock_abi, landlock, ..host.clone() })
    }

    /// The host as it is.
    #[cfg(not(feature = "weaken"))]
    #[allow(clippy::unused_self, reason = "the same call with and without the feature")]
    pub(super) const fn host<'a>(&self, host: &'a HostSupport) -> Cow<'a, HostSupport> {
        Cow::Borrowed(host)
    }

    /// Name that `aether-init` is started by; to the test's own init it says what is left out.
    pub(super) fn init_name(&self) -> &'static CStr {
        match (self.keeps(Part::Dumpable), self.keeps(Part::Capabilities) && self.keeps(Part::InitUser)) {
            (true, true) => c"aether-init",
            (false, true) => c"aether-init-dumpable",
            (true, false) => c"aether-init-as-started",
            (false, false) => c"aether-init-as-started-dumpable",
        }
    }

    /// The limits of the cgroup.
    pub(super) fn limits(&self, wanted: &CgroupLimits) -> CgroupLimits {
        if self.keeps(Part::Cgroup) {
            return *wanted;
        }
        CgroupLimits { memory_bytes: 1 << 40, pids: 1 << 20, cpu_quota_usec: 100_000 * 64 }
    }
}

/// Applies one part alone to the calling process, which has one thread, is root and has a mount namespace of its own: shows
/// what that part stops where no namespace and no id map does.
///
/// # Errors
/// Those of the system calls, and parts that mean nothing outside a sandbox.
#[cfg(feature = "weaken")]
pub fn confine_self(part: Part) -> io::Result<()> {
    match part {
        Part::Capabilities => confine::drop_capabilities().map_err(io::Error::other),
        Part::Mounts => {
            std::env::set_current_dir("/")?;
            root::mask_proc()
        }
        Part::Landlock => confine::landlock_outside().map_err(io::Error::other),
        Part::SpawnerFilter => service::filter_spawner(),
        Part::Seccomp => {
            let filter = syscalls::compile().map_err(io::Error::other)?;
            seccompiler::apply_filter(&filter).map_err(io::Error::other)
        }
        _ => Err(io::Error::other(format!("{part:?} means nothing outside a sandbox"))),
    }
}
