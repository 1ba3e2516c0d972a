//! What the kernel under the suite cannot show: attempts whose control needs something that it has not got.
//!
//! Everything else inconclusive is a failure. A reason here holds for a kind of kernel, never for a single machine, and counts only
//! where the suite sees that kind; an attempt that is refused as stated counts as passed there, too.

use std::{fs, sync::LazyLock};

use nix::sys::utsname::uname;

/// A kind of kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// User-Mode Linux: a kernel without hardware of its own.
    Uml,
    /// Every controller is with cgroup v2.
    PureV2,
    /// Older than 6.17.
    Before617,
}

const LACKS: [(Kind, &str, &[&str], &str); 7] = [
    (
        Kind::Uml,
        "ESC-03",
        &["getpid", "socketcall", "execve"],
        "User-Mode Linux has no i386 entry: the interrupt makes the x86-64 call of that number, which the allowlist judges",
    ),
    (Kind::Uml, "ESC-07", &["sys-kernel-mm"], "User-Mode Linux has no huge pages"),
    (Kind::Uml, "ESC-08", &["iomem", "ioports", "slabinfo"], "User-Mode Linux has no such addresses to show"),
    (Kind::Uml, "ESC-18", &["perf_event_open"], "User-Mode Linux has no performance counters"),
    (Kind::Uml, "ESC-27", &["modify_ldt"], "User-Mode Linux has no such call"),
    (Kind::PureV2, "ESC-12", &["mount-pids"], "cgroup v2 has the controller: version 1 could not be mounted by anybody"),
    (Kind::Before617, "ESC-01", &["unknown-newer"], "this kernel has no call that is newer than the profile"),
];
static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut kinds = Vec::new();
    if read("/proc/cpuinfo").contains("User Mode Linux") {
        kinds.push(Kind::Uml);
    }
    let mounts = read("/proc/self/mountinfo");
    if mounts.contains(" - cgroup2 ") && !mounts.contains(" - cgroup ") {
        kinds.push(Kind::PureV2);
    }
    if release().is_some_and(|release| release < (6, 17)) {
        kinds.push(Kind::Before617);
    }
    kinds
});

/// Why this attempt cannot be judged on this kernel.
pub(crate) fn lacks(id: &str, attempt: &str) -> Option<&'static str> {
    let mut of =
        LACKS.iter().filter(|(kind, group, attempts, _)| KINDS.contains(kind) && *group == id && attempts.contains(&attempt));
    of.next().map(|(_, _, _, why)| *why)
}

/// Is this a machine of the suite's own, whose settings may be changed for a moment?
pub(crate) fn is_disposable() -> bool {
    KINDS.contains(&Kind::Uml)
}

/// The kernel in a few words, for the head of a table.
pub(crate) fn described() -> String {
    let (major, minor) = release().unwrap_or_default();
    let sort = if KINDS.contains(&Kind::Uml) { " (User-Mode Linux)" } else { "" };
    let layout = if KINDS.contains(&Kind::PureV2) { "pure cgroup v2" } else { "hybrid cgroups" };
    let landlock = aether_sandbox::sys::task::landlock_abi().map_or("none".to_owned(), |abi| format!("ABI {abi}"));
    format!("Linux {major}.{minor}{sort}, {layout}, Landlock {landlock}")
}

fn release() -> Option<(u32, u32)> {
    let release = uname().ok()?.release().to_str()?.to_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
