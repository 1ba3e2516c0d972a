//! Cgroups of the service and of its sandboxes, by directory descriptors.
//!
//! Placement, freeze and kill are cgroup2's, on every host. Limits are cgroup2's where its controllers are delegated to us,
//! else those of the v1 hierarchies (hybrid hosts). Everything lives below the cgroup this process was started in.

mod calls;
mod end;
mod hold;
mod host;
mod leaf;

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use nix::{
    fcntl::{Flock, OFlag},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};

pub(super) use calls::CallGroup;
pub(super) use end::Events;
use host::{
    below, exists_at, make_dir, make_dir_at, make_room, mount_point, open_dir, open_dir_at, own_path, read_at, write_at,
    write_if_there,
};

use crate::{
    host::Feature,
    plan::{CgroupLimits, SandboxId},
};

/// One v1 controller and where the service's directory is.
#[derive(Debug)]
struct V1 {
    controller: &'static str,
    dir: OwnedFd,
}

/// The service's own cgroup tree.
#[derive(Debug)]
pub(super) struct Tree {
    /// The mount point of cgroup2.
    mount: OwnedFd,
    unified: Flock<OwnedFd>,
    /// Path of `unified` below the cgroup2 mount point.
    path: String,
    v1: Vec<V1>,
    name: String,
    /// Where the service's directories are, to remove them at the end when nothing lives in them.
    parents: Vec<OwnedFd>,
    memory: Feature,
    pids: Feature,
    cpu: Feature,
    hybrid: bool,
}

/// What the tree can limit.
#[derive(Debug, Clone)]
pub(super) struct Support {
    pub(super) memory: Feature,
    pub(super) pids: Feature,
    pub(super) cpu: Feature,
    pub(super) layout: &'static str,
}

/// Microseconds in which a quota of CPU time is counted.
const PERIOD: &str = "100000";

const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];
const DELEGATE: &str = "start the service in a cgroup of its own with its controllers delegated: \
                        systemd-run --scope -p Delegate=yes aetherd, or a unit with Delegate=yes";

impl Tree {
    /// Makes (or finds again) the service's directories.
    ///
    /// With a `root` (a path below the cgroup2 mount point) they lie below it, and the cgroup this process was started in is
    /// left as it is, so that whoever manages it can start the service there again while agents live.
    ///
    /// # Errors
    /// In words, with the fix, when there is no cgroup2 or it may not be written.
    pub(super) fn open(name: &str, root: Option<&str>) -> Result<Self, Feature> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let unified_mount = mount_point(&mounts, "cgroup2", None)
            .ok_or_else(|| Feature::no("no cgroup2 is mounted", "mount it: mount -t cgroup2 none /sys/fs/cgroup/unified"))?;
        let own_unified = root.or_else(|| own_path(&own, "")).unwrap_or("/");
        let parent = below(&unified_mount, own_unified);
        if root.is_some() {
            make_room(&parent).map_err(|e| Feature::no(format!("the agents' cgroup {own_unified}: {e}"), DELEGATE))?;
        }
        let refuse = |what: &str, error: &io::Error| Feature::no(format!("{what}: {error}"), DELEGATE);
        let root_dir = parent.join(name);
        let unified = hold::hold(&root_dir).map_err(|e| refuse("cgroup2 is not delegated to the service", &e))?;
        if !exists_at(unified.as_fd(), "cgroup.kill").map_err(|e| refuse("cannot look into the service's cgroup", &e))? {
            let _ = fs::remove_dir(&root_dir);
            return Err(Feature::no("this kernel has no cgroup.kill", "use Linux 5.14 or newer"));
        }
        let mut tree = Self {
            mount: open_dir(&unified_mount).map_err(|e| refuse("cannot open the cgroup2 mount", &e))?,
            unified,
            path: format!("{}/{name}", own_unified.trim_end_matches('/')),
            v1: Vec::new(),
            name: name.to_owned(),
            parents: open_dir(&parent).ok().into_iter().collect(),
            memory: absent("memory"),
            pids: absent("pids"),
            cpu: absent("cpu"),
            hybrid: false,
        };
        let available = fs::read_to_string(parent.join("cgroup.controllers")).unwrap_or_default();
        for controller in CONTROLLERS {
            let found = if available.split_whitespace().any(|c| c == controller) {
                delegate(&parent, &root_dir, controller)
            } else {
                tree.open_v1(&mounts, &own, controller, name, root)
            };
            match controller {
                "memory" => tree.memory = found,
                "pids" => tree.pids = found,
                _ => tree.cpu = found,
            }
        }
        Ok(tree)
    }

    fn open_v1(&mut self, mounts: &str, own: &str, controller: &'static str, name: &str, root: Option<&str>) -> Feature {
        let Some(mount) = mount_point(mounts, "cgroup", Some(controller)) else { return absent(controller) };
        self.hybrid = true;
        // The agents' root need not exist in every hierarchy.
        let root = root.map(|root| below(&mount, root)).filter(|root| root.is_dir());
        let parent = root.unwrap_or_else(|| below(&mount, own_path(own, controller).unwrap_or("/")));
        let root = parent.join(name);
        let opened = make_dir(&root).and_then(|()| Ok((open_dir(&parent)?, open_dir(&root)?)));
        match opened {
            Ok((parent, dir)) => {
                self.parents.push(parent);
                self.v1.push(V1 { controller, dir });
                Feature::yes(format!("cgroup v1 controller {controller}"))
            }
            Err(error) => Feature::no(format!("the v1 hierarchy of {controller}: {error}"), DELEGATE),
        }
    }

    /// What it can limit.
    pub(super) fn support(&self) -> Support {
        let layout = if self.hybrid { "hybrid" } else { "unified" };
        Support { memory: self.memory.clone(), pids: self.pids.clone(), cpu: self.cpu.clone(), layout }
    }

    /// Makes the cgroup of a sandbox with its limits.
    pub(super) fn create(&self, id: &SandboxId, limits: &CgroupLimits) -> io::Result<Group> {
        make_dir_at(self.unified.as_fd(), id.as_str())?;
        let group = self.group(id)?;
        match group.limit(limits) {
            Ok(()) => Ok(group),
            Err(error) => {
                self.remove(id).ok();
                Err(error)
            }
        }
    }

    fn group(&self, id: &SandboxId) -> io::Result<Group> {
        let unified = open_dir_at(self.unified.as_fd(), id.as_str())?;
        let mut v1 = Vec::new();
        for hierarchy in &self.v1 {
            make_dir_at(hierarchy.dir.as_fd(), id.as_str())?;
            v1.push(V1 { controller: hierarchy.controller, dir: open_dir_at(hierarchy.dir.as_fd(), id.as_str())? });
        }
        Ok(Group { unified, path: format!("{}/{id}", self.path), v1 })
    }

    /// The cgroup of a sandbox, when there is one.
    ///
    /// # Errors
    /// When that cannot be told: what lives must never pass for gone.
    pub(super) fn find(&self, id: &SandboxId) -> io::Result<Option<Group>> {
        exists_at(self.unified.as_fd(), id.as_str())?.then(|| self.group(id)).transpose()
    }

    /// The cgroup of a sandbox that an earlier run of this service left elsewhere: started in another cgroup, it had its tree
    /// in another place. Only below a directory with this service's name, and never through a link.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(super) fn stray(&self, id: &SandboxId, path: &str) -> io::Result<Option<Group>> {
        use nix::errno::Errno;
        use nix::fcntl::{OpenHow, ResolveFlag, openat2};
        let ours = format!("/{}/{id}", self.name);
        if !path.ends_with(&ours) || path == format!("{}/{id}", self.path) {
            return Ok(None);
        }
        let how = OpenHow::new()
            .flags(OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
        match openat2(&self.mount, path.trim_start_matches('/'), how) {
            Ok(unified) => Ok(Some(Group { unified, path: path.to_owned(), v1: Vec::new() })),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EXDEV) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an empty stray cgroup and, when it was the last, the directory of the service it lay in.
    pub(super) fn remove_stray(&self, path: &str) {
        let path = path.trim_start_matches('/');
        if let Ok(dir) = open_dir_at(self.mount.as_fd(), path) {
            let _ = calls::remove_below(dir.as_fd());
        }
        for path in [Some(path), path.rsplit_once('/').map(|(parent, _)| parent)].into_iter().flatten() {
            let _ = unlinkat(&self.mount, path, UnlinkatFlags::RemoveDir);
        }
    }

    /// Every sandbox that has a cgroup.
    ///
    /// # Errors
    /// When not all can be listed.
    pub(super) fn ids(&self) -> io::Result<Vec<SandboxId>> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let mut entries = nix::dir::Dir::openat(self.unified.as_fd(), ".", flags, Mode::empty())?;
        let mut ids = Vec::new();
        for entry in entries.iter() {
            let entry = entry?;
            if entry.file_type() == Some(nix::dir::Type::Directory) {
                ids.extend(entry.file_name().to_str().ok().and_then(|name| name.parse::<SandboxId>().ok()));
            }
        }
        Ok(ids)
    }

    /// Removes the service's directories when no sandbox is left and no other service has them.
    pub(super) fn remove_roots(&self) {
        hold::give_up(&self.unified, || {
            // The one that is held last: who waits for it makes the others after it.
            for parent in self.parents.iter().rev() {
                // Fails while a sandbox lives: then the next start of the service finds and keeps it.
                let _ = unlinkat(parent.as_fd(), self.name.as_str(), UnlinkatFlags::RemoveDir);
            }
        });
    }
}

/// The cgroup of one sandbox.
#[derive(Debug)]
pub(super) struct Group {
    unified: OwnedFd,
    /// Path below the cgroup2 mount point.
    pub(super) path: String,
    v1: Vec<V1>,
}

impl Group {
    /// Its cgroup2 directory, for `CLONE_INTO_CGROUP`.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.unified.as_fd()
    }

    /// Sets its limits, also other ones than it had.
    pub(super) fn limit(&self, limits: &CgroupLimits) -> io::Result<()> {
        let memory = limits.memory_bytes.to_string();
        let quota = limits.cpu_quota_usec.max(1_000);
        let unified = self.unified.as_fd();
        if exists_at(unified, "memory.max")? {
            write_at(unified, "memory.max", &memory)?;
            // Absent without swap accounting: then there is no swap to use up either.
            write_if_there(unified, "memory.swap.max", "0")?;
            write_if_there(unified, "memory.oom.group", "1")?;
        }
        if exists_at(unified, "pids.max")? {
            write_at(unified, "pids.max", &limits.pids.to_string())?;
        }
        if exists_at(unified, "cpu.max")? {
            write_at(unified, "cpu.max", &format!("{quota} {PERIOD}"))?;
        }
        write_if_there(unified, "cgroup.max.descendants", "0")?;
        for V1 { controller, dir } in &self.v1 {
            let dir = dir.as_fd();
            match *controller {
                "memory" => {
                    // Neither may pass the other: one way works when the limits grow, the other when they shrink.
                    write_if_there(dir, "memory.memsw.limit_in_bytes", &memory).ok();
                    write_at(dir, "memory.limit_in_bytes", &memory)?;
                    write_if_there(dir, "memory.memsw.limit_in_bytes", &memory)?;
                    write_if_there(dir, "memory.swappiness", "0").ok();
                }
                "pids" => write_at(dir, "pids.max", &limits.pids.to_string())?,
                _ => {
                    // Each of the two writes looks at every cgroup of the hierarchy, and new ones have this period.
                    if read_at(dir, "cpu.cfs_period_us")?.trim() != PERIOD {
                        write_at(dir, "cpu.cfs_period_us", PERIOD)?;
                    }
                    write_at(dir, "cpu.cfs_quota_us", &quota.to_string())?;
                }
            }
        }
        Ok(())
    }

    /// Puts the calling task, which `CLONE_INTO_CGROUP` placed in cgroup2, into the v1 hierarchies as well. A task with one
    /// thread that writes 0 to `tasks` moves without waiting for others; its pid in `cgroup.procs`, written by somebody else,
    /// waits for a grace period of the whole machine (10 ms here). To be called with the spawner's uid: v1 asks for root.
    pub(super) fn enter(&self) -> io::Result<()> {
        self.v1.iter().try_for_each(|hierarchy| write_at(hierarchy.dir.as_fd(), "tasks", "0"))
    }

    /// Freezes or thaws it; the event that says when the kernel has.
    pub(super) fn begin_freeze(&self, frozen: bool) -> io::Result<(Events, &'static str)> {
        let (value, event) = if frozen { ("1", "frozen 1") } else { ("0", "frozen 0") };
        write_at(self.unified.as_fd(), "cgroup.freeze", value)?;
        Ok((self.events()?, event))
    }

    /// Is it frozen?
    pub(super) fn frozen(&self) -> io::Result<bool> {
        Ok(read_at(self.unified.as_fd(), "cgroup.events")?.lines().any(|line| line == "frozen 1"))
    }
}

fn absent(controller: &str) -> Feature {
    Feature::no(format!("no {controller} controller is delegated to the service"), DELEGATE)
}

/// Turns a cgroup2 controller on for the children of `root`. A cgroup with processes of its own cannot do that for its
/// children (cgroups(7), no internal processes), so our own processes move to a leaf first; foreign ones are left alone.
///
/// Moved before anything is turned on: pids and cpu can be turned on above processes as well, but that makes the children
/// threaded domains, which then take neither a controller nor a sandbox (EOPNOTSUPP).
fn delegate(parent: &Path, root: &Path, controller: &str) -> Feature {
    let enable = |dir: &Path| fs::write(dir.join("cgroup.subtree_control"), format!("+{controller}"));
    // The root of the hierarchy is no leaf and may have processes; it alone has no type.
    if parent.join("cgroup.type").exists()
        && let Err(error) = move_own_processes(parent)
    {
        return Feature::no(format!("{controller}: {error}"), DELEGATE);
    }
    for dir in [parent, root] {
        if let Err(error) = enable(dir) {
            return Feature::no(format!("cannot turn {controller} on below {}: {error}", dir.display()), DELEGATE);
        }
    }
    Feature::yes(format!("cgroup v2 controller {controller}"))
}

fn move_own_processes(parent: &Path) -> io::Result<()> {
    // Again, until it is empty: one of ours may have started another meanwhile.
    loop {
        let text = fs::read_to_string(parent.join("cgroup.procs"))?;
        let pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        if pids.is_empty() {
            return Ok(());
        }
        let leaf = parent.join("supervisor");
        make_dir(&leaf)?;
        for pid in pids {
            match is_ours(pid) {
                Ok(true) => {}
                Ok(false) => {
                    let text = format!("the service's cgroup also holds process {pid}, which is not ours to move");
                    return Err(io::Error::other(text));
                }
                Err(error) if ended(&error) => continue,
                Err(error) => return Err(error),
            }
            match fs::write(leaf.join("cgroup.procs"), pid.to_string()) {
                Err(error) if !ended(&error) => return Err(error),
                _ => {}
            }
        }
    }
}

fn ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// Whether a process is this one, the one that started it, or one of what this one started (proc_pid_stat(5)).
fn is_ours(pid: u32) -> io::Result<bool> {
    let ours = [std::process::id(), nix::unistd::getppid().as_raw().unsigned_abs()];
    let mut at = pid;
    while !ours.contains(&at) {
        if at <= 1 {
            return Ok(false);
        }
        let stat = fs::read_to_string(format!("/proc/{at}/stat"))?;
        // The name may hold anything, parentheses and spaces too.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).and_then(|parent| parent.parse().ok());
        at = parent.ok_or_else(|| io::Error::other(format!("/proc/{at}/stat does not name a parent")))?;
    }
    Ok(true)
}
