//! The stage: a mount namespace of the spawner's own with nothing but what sandboxes are made of.
//!
//! A sandbox copies its parent's mount table, so a small one makes launches cheap and leaves nothing of the host to hide.

use std::{
    cell::RefCell,
    ffi::{CStr, CString},
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use nix::{
    fcntl::{OFlag, open},
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, setns, unshare},
    sys::stat::{Mode, SFlag, makedev, mknodat},
    unistd::{chdir, fchdir, mkdir, symlinkat},
};

use super::SpawnerConfig;
use crate::{
    plan::{LentMount, PlanLayer, Profile, SandboxPlan},
    spawner::{
        closed::Walked,
        failure::at,
        system::{self, System},
        weaken::{Part, Weakened},
    },
    sys::{
        mount::{
            Attributes, fsconfig_create, fsconfig_string, fsmount, fsopen, mount_setattr, mount_setattr_all, move_mount,
            open_tree_clone, open_tree_clone_all, pivot_root_here,
        },
        task::{exit_now, set_fs_ids},
    },
    wire::spawner::SpawnFailure,
};

/// Where the overlay finds its layers while it is being mounted.
pub(super) const LAYERS: &str = "/layers";

/// The spawner's mount namespace and the way back to the host's.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) host: OwnedFd,
    pub(super) own: OwnedFd,
    /// The state directory as mounted on the stage.
    pub(super) state: OwnedFd,
    etc: CString,
    /// The layers of `/etc`, below the state directory.
    etc_layers: CString,
    pub(super) base_home: CString,
    /// Lower layers of the profile `packages`, below the state directory.
    pub(super) base_packages: CString,
    pub(super) idmapped_usr: bool,
    /// What of the host's trees is covered by whiteouts.
    pub(super) walked: RefCell<Option<Walked>>,
    /// Links at the top of the base (`bin` to `usr/bin`), name and target.
    pub(super) links: Vec<(CString, CString)>,
}

/// The mounts of one sandbox, detached; its init attaches them.
#[derive(Debug)]
pub(super) struct SandboxMounts {
    /// `/etc`, read-only.
    pub(super) etc: OwnedFd,
    /// `/usr`, read-only.
    pub(super) usr: OwnedFd,
    /// `/dev`, read-only nodes.
    pub(super) dev: OwnedFd,
    /// `/home/agent`.
    pub(super) home: OwnedFd,
    /// The rest of a writable system, as [`system::TREES`]; none in other profiles.
    pub(super) system: Vec<OwnedFd>,
    /// Lent directories, in the plan's order.
    pub(super) lent: Vec<OwnedFd>,
}

impl Stage {
    /// Enters a new mount namespace that holds `/proc`, `/usr`, `/state` and a prepared `/dev`, and nothing else.
    ///
    /// # Errors
    /// Those of the mount system calls.
    pub(super) fn enter(config: &SpawnerConfig) -> io::Result<Self> {
        let host = open("/proc/self/ns/mnt", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let relative = |path: &Path| {
            let inside = path.strip_prefix(&config.state).map_err(io::Error::other)?;
            Ok::<_, io::Error>(CString::new(inside.as_os_str().as_bytes())?)
        };
        let (etc, base_home) = (relative(&config.base_root.join("etc"))?, relative(&config.base_home)?);
        let base_packages = relative(&config.base_root.with_file_name("packages"))?;
        // overlayfs wants a second layer where none is written to; this one is an empty directory of the stage.
        let etc_layers = CString::new([etc.as_bytes(), b":/none"].concat())?;
        let links = top_links(&config.base_root)?;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        let here = nix::fcntl::AT_FDCWD;
        let trees = [c"/proc".to_owned(), c"/usr".to_owned(), CString::new(config.state.as_os_str().as_bytes())?]
            .map(|path| open_tree_clone(here, &path));
        let [proc, usr, state] = trees;
        let tmpfs = new_tmpfs(c"1m", c"64", c"0755")?;
        // Any directory serves: the stage becomes the root two lines later, and only in this namespace.
        move_mount(tmpfs.as_fd(), here, &CString::new(config.state.as_os_str().as_bytes())?)?;
        fchdir(tmpfs.as_fd())?;
        for dir in ["proc", "usr", "state", "dev", "layers", "new", "none", "volume"].into_iter().chain(system::PLACES) {
            mkdir(dir, Mode::from_bits_truncate(0o755))?;
        }
        move_mount(proc?.as_fd(), here, c"proc")?;
        move_mount(usr?.as_fd(), here, c"usr")?;
        move_mount(state?.as_fd(), here, c"state")?;
        pivot_root_here()?;
        umount2(".", MntFlags::MNT_DETACH)?;
        chdir("/")?;
        move_mount(prepared_dev()?.as_fd(), here, c"/dev")?;
        let own = open("/proc/self/ns/mnt", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let state = open("/state", OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let walked = RefCell::new(None);
        Ok(Self { host, own, state, etc, etc_layers, base_home, base_packages, idmapped_usr: false, walked, links })
    }

    /// Whether `/usr` can be mounted with an id map; otherwise its files show as `nobody` inside, which weakens nothing.
    pub(super) fn set_idmapped_usr(&mut self, idmapped: bool) {
        self.idmapped_usr = idmapped;
    }

    /// A copy of `path` on the stage with attributes and, with `userns`, its id map.
    pub(super) fn copy(&self, path: &CStr, attributes: Attributes, userns: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
        // The homes may be another file system than the state directory they are looked for in.
        let tree = open_tree_clone_all(self.state.as_fd(), path)?;
        mount_setattr_all(tree.as_fd(), attributes, userns)?;
        Ok(tree)
    }

    /// Everything a sandbox is mounted from. `userns` has the plan's id map.
    pub(super) fn sandbox(
        &self,
        plan: &SandboxPlan,
        weakened: &Weakened,
        userns: BorrowedFd<'_>,
        lent: &[OwnedFd],
    ) -> Result<SandboxMounts, SpawnFailure> {
        let fail = |step: &str| at(PlanLayer::Filesystem, step);
        let dev =
            self.copy(c"/dev", Attributes::RDONLY.with(Attributes::NOSUID), None).map_err(fail("bind the prepared /dev"))?;
        if plan.profile == Profile::Packages {
            let System { home, usr, etc, trees: system } = self.system(plan, userns)?;
            let lent = self.lend(&plan.mounts, plan.agent(), lent)?;
            return Ok(SandboxMounts { etc, usr, dev, home, system, lent });
        }
        let locked = Attributes::RDONLY.with(Attributes::NOSUID).with(Attributes::NODEV);
        let usr_map = self.idmapped_usr.then_some(userns);
        let usr = self.copy(c"/usr", locked, usr_map).map_err(fail("bind the host's /usr"))?;
        let (home, mut etc) = self.overlays_of_base(plan, weakened, userns)?;
        if !weakened.keeps(Part::Mounts) {
            etc = self.copy(&self.etc, Attributes::NOSUID, Some(userns)).map_err(fail("map the ids of the base"))?;
        }
        let lent = self.lend(&plan.mounts, plan.agent(), lent)?;
        Ok(SandboxMounts { etc, usr, dev, home, system: Vec::new(), lent })
    }

    /// The home, an overlay of the skeleton and the agent's own layer, and `/etc`. All layers lie on one id-mapped mount, so that
    /// what is on disk carries unshifted ids; the superblock must be made by a task whose file-system ids are inside the map, or
    /// the overlay comes up read-only (seen on Linux 6.18).
    ///
    /// `/etc` is an overlay that nothing can be written to, and not a plain mount of its directory: of a mount mountinfo tells
    /// the way to it on its file system, which would say where on the host the state directory lies.
    fn overlays_of_base(
        &self,
        plan: &SandboxPlan,
        weakened: &Weakened,
        userns: BorrowedFd<'_>,
    ) -> Result<(OwnedFd, OwnedFd), SpawnFailure> {
        let fail = |step: &str| at(PlanLayer::Filesystem, step);
        let attributes = Attributes::NOSUID.with(Attributes::NODEV);
        let layers = self.copy(c"", attributes, Some(userns)).map_err(fail("map the ids of the home"))?;
        let cstring = |text: String| CString::new(text).map_err(io::Error::other);
        let upper = cstring(format!("homes/{}/upper", plan.home)).map_err(fail("mount overlay home"))?;
        let work = cstring(format!("homes/{}/work", plan.home)).map_err(fail("mount overlay home"))?;
        move_mount(layers.as_fd(), nix::fcntl::AT_FDCWD, &c_layers()).map_err(fail("attach the layers of the home"))?;
        let mounted = fchdir(layers.as_fd()).map_err(io::Error::from).and_then(|()| {
            set_fs_ids(plan.ids.start(), plan.ids.start())?;
            let attributes = if weakened.keeps(Part::Mounts) { attributes } else { Attributes::default() };
            let home = overlay(&self.base_home, &upper, &work, attributes);
            let etc = read_only_overlay(&self.etc_layers, Attributes::NOSUID.with(Attributes::NODEV).with(Attributes::RDONLY));
            set_fs_ids(0, 0)?;
            Ok((home, etc))
        });
        let (back, detached) = (chdir("/"), detach(LAYERS));
        back.and(detached).map_err(|e| fail("detach the layers")(e.into()))?;
        let (home, etc) = mounted.map_err(fail("enter the layers of the home"))?;
        let (home, etc) = (home.map_err(fail("mount overlay home"))?, etc.map_err(fail("mount /etc"))?);
        let flags = nix::sys::statvfs::fstatvfs(&home).map_err(|e| fail("check the home")(e.into()))?.flags();
        if flags.contains(nix::sys::statvfs::FsFlags::ST_RDONLY) {
            return Err(fail("mount overlay home writable")(io::Error::from_raw_os_error(libc::EROFS)));
        }
        Ok((home, etc))
    }

    /// Copies of lent directories: the lender's id becomes the agent's, nothing else is mapped. The descriptors come from
    /// the host's mount namespace, and only a task in it may copy its mounts.
    fn lend(&self, mounts: &[LentMount], agent: u32, fds: &[OwnedFd]) -> Result<Vec<OwnedFd>, SpawnFailure> {
        let fail = |mount: &LentMount, step: &str| at(PlanLayer::Filesystem, &format!("{step} for {}", mount.target));
        if mounts.is_empty() {
            return Ok(Vec::new());
        }
        setns(&self.host, CloneFlags::CLONE_NEWNS).map_err(|e| at(PlanLayer::Filesystem, "visit the host's mounts")(e.into()))?;
        let trees: Vec<io::Result<OwnedFd>> = fds.iter().map(|fd| open_tree_clone(fd.as_fd(), c"")).collect();
        return_to(&self.own, CloneFlags::CLONE_NEWNS);
        let mut lent = Vec::new();
        for (mount, tree) in mounts.iter().zip(trees) {
            let tree = tree.map_err(fail(mount, "copy the lent directory"))?;
            let map = super::launch::Holder::new(mount.lender_uid, mount.lender_gid, agent, 1)
                .map_err(fail(mount, "make its id map"))?;
            let userns = map.userns().map_err(fail(mount, "open its id map"))?;
            let mut attributes = Attributes::NOSUID.with(Attributes::NODEV);
            if mount.read_only {
                attributes = attributes.with(Attributes::RDONLY);
            }
            mount_setattr(tree.as_fd(), attributes, Some(userns.as_fd())).map_err(fail(mount, "map the ids"))?;
            lent.push(tree);
        }
        Ok(lent)
    }
}

/// Takes a mount off the stage. Tried again at once: the call copies the path, for which a busy kernel may have no memory, and every
/// later sandbox would begin with what stays.
pub(super) fn detach<P: nix::NixPath + ?Sized>(path: &P) -> nix::Result<()> {
    let mut detached = umount2(path, MntFlags::MNT_DETACH);
    for _ in 0..2 {
        if detached.is_err() {
            detached = umount2(path, MntFlags::MNT_DETACH);
        }
    }
    detached
}

/// Returns from a visit to another namespace. A spawner that cannot must not go on where it is: it ends, and the next one begins
/// where it has to be; agents go on.
pub(super) fn return_to(own: &OwnedFd, kind: CloneFlags) {
    for _ in 0..3 {
        if setns(own, kind).is_ok() {
            return;
        }
    }
    exit_now(1)
}

fn top_links(base: &Path) -> io::Result<Vec<(CString, CString)>> {
    let mut links = Vec::new();
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            let target = fs::read_link(entry.path())?;
            links.push((CString::new(entry.file_name().as_bytes())?, CString::new(target.as_os_str().as_bytes())?));
        }
    }
    Ok(links)
}

fn c_layers() -> CString {
    CString::new(LAYERS).unwrap_or_default()
}

/// A detached overlay; paths are relative to the working directory, so that no host path shows in the mount table inside.
pub(super) fn overlay(lower: &CStr, upper: &CStr, work: &CStr, attributes: Attributes) -> io::Result<OwnedFd> {
    let context = fsopen(c"overlay")?;
    for (key, value) in
        [(c"lowerdir", lower), (c"upperdir", upper), (c"workdir", work), (c"redirect_dir", c"off"), (c"metacopy", c"off")]
    {
        fsconfig_string(context.as_fd(), key, value)?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), attributes)
}

/// A detached overlay of layers with colons between them, none of which is written to.
fn read_only_overlay(layers: &CStr, attributes: Attributes) -> io::Result<OwnedFd> {
    let context = fsopen(c"overlay")?;
    for (key, value) in [(c"lowerdir", layers), (c"redirect_dir", c"off"), (c"metacopy", c"off")] {
        fsconfig_string(context.as_fd(), key, value)?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), attributes)
}

/// A detached tmpfs.
pub(super) fn new_tmpfs(size: &CStr, inodes: &CStr, mode: &CStr) -> io::Result<OwnedFd> {
    let context = fsopen(c"tmpfs")?;
    for (key, value) in [(c"size", size), (c"nr_inodes", inodes), (c"mode", mode)] {
        fsconfig_string(context.as_fd(), key, value)?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), Attributes::NOSUID.with(Attributes::NODEV))
}

/// A tmpfs with the six nodes every program expects, made once and bound read-only into each sandbox.
fn prepared_dev() -> io::Result<OwnedFd> {
    let context = fsopen(c"tmpfs")?;
    fsconfig_string(context.as_fd(), c"size", c"64k")?;
    fsconfig_string(context.as_fd(), c"mode", c"0755")?;
    fsconfig_create(context.as_fd())?;
    // Not NODEV: this is the one place where device nodes work.
    let dev = fsmount(context.as_fd(), Attributes::NOSUID)?;
    let all = Mode::from_bits_truncate(0o666);
    for (name, minor, major) in
        [("null", 3, 1), ("zero", 5, 1), ("full", 7, 1), ("random", 8, 1), ("urandom", 9, 1), ("tty", 0, 5)]
    {
        mknodat(&dev, name, SFlag::S_IFCHR, all, makedev(major, minor))?;
        nix::sys::stat::fchmodat(&dev, name, all, nix::sys::stat::FchmodatFlags::FollowSymlink)?;
    }
    for name in ["pts", "shm", "mqueue"] {
        nix::sys::stat::mkdirat(&dev, name, Mode::from_bits_truncate(0o755))?;
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    for (name, target) in links {
        symlinkat(target, &dev, name)?;
    }
    Ok(dev)
}
