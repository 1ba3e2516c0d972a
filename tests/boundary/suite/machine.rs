//! What the kernel under the suite cannot show: attempts whose control needs something that it has not got.
//!
//! Everything else inconclusive is a failure. A reason holds for a kind of kernel that the suite sees for itself, and only while sandbox
//! and controls answer as a kernel without the thing does: where one of them gets through, or answers otherwise, it is judged as anywhere.

use std::{
    fs,
    path::Path,
    process::{self, Command},
    sync::{LazyLock, OnceLock},
};

use anyhow::{Context as _, Result};
use nix::sys::utsname::uname;

use crate::{attack::Layer, report::Verdict};

/// A kind of kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// User-Mode Linux: a kernel without hardware of its own.
    Uml,
    /// User-Mode Linux on which `int $0x80` was seen to make x86-64 calls.
    UmlWithoutI386,
    /// Every controller is with cgroup v2.
    PureV2,
    /// Older than 6.17.
    Before617,
    /// Without keyrings.
    NoKeyrings,
    /// Without sockets of AF_XDP.
    NoXdp,
    /// Without kernel samepage merging, whose setting stands for those below `/sys/kernel/mm`.
    NoSamepages,
}

/// Something that a kind of kernel has not got.
struct Lack {
    kind: Kind,
    id: &'static str,
    attempt: &'static str,
    /// What the full sandbox answers.
    sandbox: &'static str,
    /// What the controls answer: there is nothing to get through to.
    control: &'static str,
    why: &'static str,
}

const fn lack(
    kind: Kind,
    id: &'static str,
    attempt: &'static str,
    [sandbox, control]: [&'static str; 2],
    why: &'static str,
) -> Lack {
    Lack { kind, id, attempt, sandbox, control, why }
}

const NO_I386: &str = "User-Mode Linux has no i386 entry: the interrupt makes the x86-64 call of that number, which the filters judge as such (writev, getuid, munmap)";
const NO_ADDRESSES: &str = "User-Mode Linux has no such addresses to show";
const NO_KEYRINGS: &str = "this kernel has no keyrings";
const LACKS: [Lack; 16] = [
    lack(Kind::NoKeyrings, "ESC-08", "key-users", ["ENOENT", "ENOENT"], NO_KEYRINGS),
    lack(Kind::NoKeyrings, "ESC-19", "add_key", ["EPERM", "ENOSYS"], NO_KEYRINGS),
    lack(Kind::NoKeyrings, "ESC-19", "session-keyring", ["EPERM", "ENOSYS"], NO_KEYRINGS),
    lack(Kind::NoKeyrings, "ESC-19", "search-canary", ["EPERM", "ENOSYS"], NO_KEYRINGS),
    lack(Kind::NoKeyrings, "ESC-19", "request-canary", ["EPERM", "ENOSYS"], NO_KEYRINGS),
    lack(Kind::NoKeyrings, "ESC-19", "proc-keys", ["ENOENT", "ENOENT"], NO_KEYRINGS),
    lack(
        Kind::NoSamepages,
        "ESC-07",
        "sys-kernel-mm",
        ["ENOENT", "ENOENT"],
        "this kernel cannot merge pages: the setting that is tried does not exist",
    ),
    lack(Kind::UmlWithoutI386, "ESC-03", "getpid", ["EBADF", "EBADF"], NO_I386),
    lack(Kind::UmlWithoutI386, "ESC-03", "socketcall", ["through", "through"], NO_I386),
    lack(Kind::UmlWithoutI386, "ESC-03", "execve", ["EINVAL", "EINVAL"], NO_I386),
    lack(Kind::Uml, "ESC-08", "iomem", ["ENODATA", "ENODATA"], NO_ADDRESSES),
    lack(Kind::Uml, "ESC-08", "ioports", ["ENODATA", "ENODATA"], NO_ADDRESSES),
    lack(Kind::Uml, "ESC-18", "perf_event_open", ["EPERM", "ENOSYS"], "User-Mode Linux has no performance counters"),
    lack(Kind::Uml, "ESC-27", "modify_ldt", ["EPERM", "ENOSYS"], "User-Mode Linux has no such call"),
    lack(
        Kind::PureV2,
        "ESC-12",
        "mount-pids",
        ["EPERM", "EPERM"],
        "there is no hierarchy of version 1 to mount, and only the host's own cgroup namespace may make one",
    ),
    lack(
        Kind::Before617,
        "ESC-01",
        "unknown-newer",
        ["ENOSYS", "ENOSYS"],
        "this kernel has no call that is newer than the profile",
    ),
];

/// Layers to which a kind of kernel leaves nothing to stop, because it refuses that itself with an answer that counts as through. What the
/// other layers do is shown as anywhere.
struct Idle {
    kind: Kind,
    id: &'static str,
    attempt: &'static str,
    layers: &'static [Layer],
    why: &'static str,
}

const IDLE: [Idle; 1] = [Idle {
    kind: Kind::NoXdp,
    id: "ESC-04",
    attempt: "AF_XDP",
    layers: &[Layer::Namespaces, Layer::Capabilities],
    why: "this kernel has no such family and says so before it looks at a namespace or a capability: what they stop elsewhere is not shown here",
}];

/// The layers of an attempt that have nothing to stop on this kernel, and why; none on most.
pub(crate) fn idle(id: &str, attempt: &str) -> (&'static [Layer], &'static str) {
    let found = IDLE.iter().find(|idle| KINDS.contains(&idle.kind) && idle.id == id && idle.attempt == attempt);
    found.map_or((&[], ""), |idle| (idle.layers, idle.why))
}

/// Does `int $0x80` make x86-64 calls here?
static WITHOUT_I386: OnceLock<bool> = OnceLock::new();

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut kinds = Vec::new();
    if read("/proc/cpuinfo").contains("User Mode Linux") {
        kinds.push(Kind::Uml);
        if WITHOUT_I386.get() == Some(&true) {
            kinds.push(Kind::UmlWithoutI386);
        }
    }
    let mounts = read("/proc/self/mountinfo");
    if mounts.contains(" - cgroup2 ") && !mounts.contains(" - cgroup ") {
        kinds.push(Kind::PureV2);
    }
    if release().is_some_and(|release| release < (6, 17)) {
        kinds.push(Kind::Before617);
    }
    if !Path::new("/proc/key-users").exists() {
        kinds.push(Kind::NoKeyrings);
    }
    if !read("/proc/net/protocols").lines().any(|line| line.starts_with("XDP ")) {
        kinds.push(Kind::NoXdp);
    }
    if !Path::new("/sys/kernel/mm/ksm/run").exists() {
        kinds.push(Kind::NoSamepages);
    }
    kinds
});

/// Asks the machine what only a program can find out, with the compiled probes in `programs`. Before anything else here.
pub(crate) fn look(programs: &Path) -> Result<()> {
    let status = Command::new(programs.join("i386_entry")).status().context("i386_entry")?;
    let _ = WITHOUT_I386.set(status.success());
    Ok(())
}

/// Why this attempt cannot be judged on this kernel: the full sandbox answered `sandbox`, and the controls (everything left out, and
/// as root outside) `controls`.
pub(crate) fn lacks(id: &str, attempt: &str, sandbox: &str, controls: [&str; 2], verdict: &Verdict) -> Option<&'static str> {
    let lack = LACKS.iter().find(|lack| KINDS.contains(&lack.kind) && lack.id == id && lack.attempt == attempt)?;
    let nothing_there = controls.iter().all(|answer| [lack.control, "no answer"].contains(answer));
    // A refusal where there is nothing is inconclusive; only another meaning of the call itself, or a file that does not exist, may be an
    // answer that is not accepted.
    let open = matches!(verdict, Verdict::Inconclusive(_))
        || lack.kind == Kind::UmlWithoutI386
        || (lack.kind == Kind::NoKeyrings && sandbox == "ENOENT");
    (open && nothing_there && sandbox == lack.sandbox).then_some(lack.why)
}

/// Is this a machine of the suite's own, whose settings may be changed for a moment?
pub(crate) fn is_disposable() -> bool {
    KINDS.contains(&Kind::Uml)
}

/// With cgroup v2 alone a spawner moves those whose cgroup it was started in, and no others may be there: before a second one is
/// started, this process leaves the cgroup that it shares with the first.
pub(crate) fn leave_cgroup() -> Result<()> {
    if !KINDS.contains(&Kind::PureV2) {
        return Ok(());
    }
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let own = own.trim().strip_prefix("0::/").context("a cgroup of version 2")?;
    let apart = Path::new("/sys/fs/cgroup").join(own).with_file_name("apart");
    fs::create_dir(&apart)?;
    fs::write(apart.join("cgroup.procs"), process::id().to_string())?;
    Ok(())
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
