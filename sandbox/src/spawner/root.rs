//! The root of a sandbox, built by its first process inside the new namespaces.

use std::{
    ffi::{CStr, CString, OsStr},
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    os::unix::ffi::OsStrExt,
    os::unix::fs::chown,
    path::Path,
};

use nix::{
    fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2},
    mount::{MntFlags, umount2},
    sys::stat::{Mode, mkdirat},
    unistd::{chdir, fchdir, symlinkat},
};

use super::{
    mounts::{SandboxMounts, new_tmpfs},
    system,
    weaken::{Part, Weakened},
};
use crate::{
    plan::{Profile, SandboxPlan},
    profile::BROWSER_USER_NAMESPACES,
    sys::mount::{
        Attributes, fsconfig_create, fsconfig_string, fsmount, fsopen, mount_setattr, move_mount, open_tree_clone,
        pivot_root_here,
    },
};

/// Directories of the root, parents first.
const DIRS: [&str; 22] = [
    "usr",
    "etc",
    "proc",
    "sys",
    "dev",
    "tmp",
    "run",
    "home",
    "home/agent",
    "mnt",
    "opt",
    "srv",
    "media",
    "root",
    "var",
    "var/lib",
    "var/cache",
    "var/log",
    "var/spool",
    "var/mail",
    "var/opt",
    "boot",
];

/// Files and directories of `/proc` that say something about the host, hidden even where their mode already does.
const MASKED: [&CStr; 19] = [
    c"proc/kcore",
    c"proc/keys",
    c"proc/key-users",
    c"proc/kallsyms",
    c"proc/timer_list",
    c"proc/latency_stats",
    c"proc/interrupts",
    c"proc/iomem",
    c"proc/ioports",
    c"proc/slabinfo",
    c"proc/vmallocinfo",
    c"proc/kpagecount",
    c"proc/kpageflags",
    c"proc/kpagecgroup",
    c"proc/sched_debug",
    c"proc/modules",
    c"proc/acpi",
    c"proc/asound",
    c"proc/scsi",
];

/// Parts of `/proc` that act on the kernel, made read-only.
const READ_ONLY: [&CStr; 5] = [c"proc/bus", c"proc/fs", c"proc/irq", c"proc/sys", c"proc/sysrq-trigger"];

/// How a step of the way to a lent directory is taken.
const NO_LINK: ResolveFlag = ResolveFlag::RESOLVE_NO_SYMLINKS.union(ResolveFlag::RESOLVE_BENEATH);

/// A step in words and its error.
pub(super) type StepError = (&'static str, io::Error);

fn step(name: &'static str) -> impl FnOnce(io::Error) -> StepError {
    move |error| (name, error)
}

/// Mounts everything and makes it the root; the host's mounts are gone afterwards.
pub(super) fn build(
    plan: &SandboxPlan,
    weakened: &Weakened,
    mounts: &SandboxMounts,
    links: &[(CString, CString)],
) -> Result<(), StepError> {
    let root = new_tmpfs(c"16m", c"4096", c"0755").map_err(step("mount the root"))?;
    move_mount(root.as_fd(), AT_FDCWD, c"/new").map_err(step("attach the root"))?;
    fchdir(root.as_fd()).map_err(|e| step("enter the root")(e.into()))?;
    skeleton(root.as_fd(), links).map_err(step("make the directories of the root"))?;
    let attach = |mount: BorrowedFd<'_>, at: &CStr| move_mount(mount, root.as_fd(), at);
    attach(mounts.usr.as_fd(), c"usr").map_err(step("attach /usr"))?;
    attach(mounts.etc.as_fd(), c"etc").map_err(step("attach /etc"))?;
    for (tree, at) in mounts.system.iter().zip(system::TREES) {
        attach(tree.as_fd(), at).map_err(step("attach the writable system"))?;
    }
    attach(mounts.home.as_fd(), c"home/agent").map_err(step("attach the home"))?;
    attach(mounts.dev.as_fd(), c"dev").map_err(step("attach /dev"))?;
    attach(devpts().map_err(step("mount /dev/pts"))?.as_fd(), c"dev/pts").map_err(step("attach /dev/pts"))?;
    let shm = tmpfs(plan.shm_bytes, c"65536", c"1777").map_err(step("mount /dev/shm"))?;
    attach(shm.as_fd(), c"dev/shm").map_err(step("attach /dev/shm"))?;
    attach(mqueue().map_err(step("mount /dev/mqueue"))?.as_fd(), c"dev/mqueue").map_err(step("attach /dev/mqueue"))?;
    let tmp = tmpfs(plan.tmp_bytes, c"262144", c"1777").map_err(step("mount /tmp"))?;
    attach(tmp.as_fd(), c"tmp").map_err(step("attach /tmp"))?;
    // The one directory of the root's file system that stays writable, as a mount of its own: every memory cgroup of the machine has a
    // list of every file system.
    let run = open_tree_clone(root.as_fd(), c"run").map_err(step("mount /run"))?;
    attach(run.as_fd(), c"run").map_err(step("attach /run"))?;
    run_dirs(plan.profile.agent_id()).map_err(step("make the directories of /run"))?;
    // While the parent's /proc is still visible: the kernel allows a new one only then (mount_too_revealing).
    attach(proc().map_err(step("mount /proc"))?.as_fd(), c"proc").map_err(step("attach /proc"))?;
    for (mount, tree) in plan.mounts.iter().zip(&mounts.lent) {
        let way = if weakened.keeps(Part::LentWay) { NO_LINK } else { ResolveFlag::RESOLVE_IN_ROOT };
        lend(&mount.target, way, plan.profile.agent_id(), tree.as_fd()).map_err(step("attach a lent directory"))?;
    }
    if weakened.keeps(Part::Mounts) {
        mount_setattr(root.as_fd(), Attributes::RDONLY, None).map_err(step("make the root read-only"))?;
    }
    pivot_root_here().map_err(step("pivot_root"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(|e| step("leave the host's mounts")(e.into()))?;
    chdir("/").map_err(|e| step("enter the new root")(e.into()))
}

/// No user namespace can be made inside, whatever the filter says: the limit belongs to the sandbox's own namespace and is
/// written before `/proc/sys` becomes read-only (user_namespaces(7), Linux 4.9). Where the profile allows some, no namespace of
/// a kind that nobody needs can be made in them: these limits hold for everything below. That of mounts is answered open, to be
/// written by [`no_mount_namespaces`] once nothing is mounted any more: open_tree(2) counts as making one.
pub(super) fn limit_namespaces(profile: Profile) -> io::Result<Option<fs::File>> {
    if profile != Profile::Browser {
        return fs::write("/proc/sys/user/max_user_namespaces", "0").map(|()| None);
    }
    let mounts = fs::OpenOptions::new().write(true).open("/proc/sys/user/max_mnt_namespaces")?;
    for kind in ["ipc", "uts", "cgroup", "time"] {
        match fs::write(format!("/proc/sys/user/max_{kind}_namespaces"), "0") {
            Err(error) if kind == "time" && error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    let most = BROWSER_USER_NAMESPACES.to_string();
    for kind in ["user", "pid", "net"] {
        fs::write(format!("/proc/sys/user/max_{kind}_namespaces"), &most)?;
    }
    Ok(Some(mounts))
}

/// No mount namespace can be made inside from now on.
pub(super) fn no_mount_namespaces(limit: &fs::File) -> io::Result<()> {
    io::Write::write_all(&mut &*limit, b"0")
}

/// Hides and locks what of `/proc` is the host's.
pub(super) fn mask_proc() -> io::Result<()> {
    for target in READ_ONLY {
        if let Some(copy) = found(open_tree_clone(AT_FDCWD, target))? {
            let attributes = Attributes::RDONLY.with(Attributes::NOSUID).with(Attributes::NODEV).with(Attributes::NOEXEC);
            mount_setattr(copy.as_fd(), attributes, None)?;
            move_mount(copy.as_fd(), AT_FDCWD, target)?;
        }
    }
    for target in MASKED {
        // Only what is not there needs no cover; what cannot be looked at may be.
        let Some(kind) = found(fs::symlink_metadata(Path::new(OsStr::from_bytes(target.to_bytes()))))? else { continue };
        let cover = open_tree_clone(AT_FDCWD, if kind.is_dir() { c"sys" } else { c"dev/null" })?;
        move_mount(cover.as_fd(), AT_FDCWD, target)?;
    }
    Ok(())
}

fn found<T>(what: io::Result<T>) -> io::Result<Option<T>> {
    match what {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn skeleton(root: BorrowedFd<'_>, links: &[(CString, CString)]) -> io::Result<()> {
    for dir in DIRS {
        let mode = if dir == "root" { 0o700 } else { 0o755 };
        mkdirat(root, dir, Mode::from_bits_truncate(mode))?;
    }
    for (name, target) in links {
        symlinkat(target.as_c_str(), root, name.as_c_str())?;
    }
    for (name, target) in [("var/tmp", "../tmp"), ("var/run", "../run"), ("var/lock", "../run/lock")] {
        symlinkat(target, root, name)?;
    }
    Ok(())
}

fn run_dirs(agent: u32) -> io::Result<()> {
    let own = format!("run/user/{agent}");
    for (dir, mode, owner) in [("run/lock", 0o777, 0), ("run/user", 0o755, 0), (&own, 0o700, agent)] {
        fs::create_dir(dir)?;
        fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        chown(dir, Some(owner), Some(owner))?;
    }
    Ok(())
}

fn tmpfs(bytes: u64, inodes: &CStr, mode: &CStr) -> io::Result<OwnedFd> {
    new_tmpfs(&CString::new(bytes.to_string())?, inodes, mode)
}

fn devpts() -> io::Result<OwnedFd> {
    let context = fsopen(c"devpts")?;
    for (key, value) in [(c"mode", c"0620"), (c"gid", c"5"), (c"ptmxmode", c"0666"), (c"max", c"256")] {
        fsconfig_string(context.as_fd(), key, value)?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), Attributes::NOSUID.with(Attributes::NOEXEC))
}

/// The POSIX message queues of the sandbox's own IPC namespace (mq_overview(7)).
fn mqueue() -> io::Result<OwnedFd> {
    let context = fsopen(c"mqueue")?;
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), Attributes::NOSUID.with(Attributes::NODEV).with(Attributes::NOEXEC))
}

fn proc() -> io::Result<OwnedFd> {
    let context = fsopen(c"proc")?;
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), Attributes::NOSUID.with(Attributes::NODEV).with(Attributes::NOEXEC))
}

/// Attaches a lent directory; missing directories on the way are made, the last ones of a home belong to the agent. The home
/// is agent-controlled, so the way is walked by descriptors and no link is followed (`openat2`, Linux 5.6).
fn lend(target: &str, way: ResolveFlag, agent: u32, tree: BorrowedFd<'_>) -> io::Result<()> {
    let open = |dir: BorrowedFd<'_>, name: &str| {
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).resolve(way);
        openat2(dir, name, how)
    };
    let mut at = open(AT_FDCWD, ".")?;
    let in_home = target.starts_with("/home/agent/");
    for name in target.split('/').filter(|name| !name.is_empty() && *name != ".") {
        at = match open(at.as_fd(), name) {
            Err(nix::errno::Errno::ENOENT) => {
                mkdirat(&at, name, Mode::from_bits_truncate(0o755))?;
                let made = open(at.as_fd(), name)?;
                if in_home {
                    let id = Some(agent);
                    let flags = nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
                    nix::unistd::fchownat(&at, name, id.map(Into::into), id.map(Into::into), flags)?;
                }
                made
            }
            other => other?,
        };
    }
    move_mount(tree, at.as_fd(), c"")
}
