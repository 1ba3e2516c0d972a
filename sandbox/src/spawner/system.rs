//! The writable system of the profile `packages`: one overlay for each tree, its upper layer in the agent's home directory on
//! disk, beneath it copies without secrets and the host's `/usr` and package database.
//!
//! Ids on disk begin at [`DISK_IDS`]: what uid 0 inside writes belongs to nobody on the host, so a set-id bit gives nothing.
//! Inside, uid 0 with `DAC_OVERRIDE` reads every file whose owner its user namespace maps, so what not everybody on the host
//! may read is covered by whiteouts (see [`super::closed`]).

use std::{
    ffi::{CStr, CString},
    fs, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::AT_FDCWD,
    sched::{CloneFlags, setns},
    unistd::{chdir, fchdir},
};

use super::{
    closed,
    failure::{at, refused},
    launch::Holder,
    mounts::{LAYERS, Stage, detach, overlay, return_to},
};
use crate::{
    plan::{AGENT_ID, PlanLayer, RANGE_SIZE, SandboxPlan},
    profile::DISK_IDS,
    sys::{
        mount::{Attributes, mount_setattr, move_mount, open_tree_clone},
        task::set_fs_ids,
    },
    wire::spawner::SpawnFailure,
};

/// Where the copies without secrets, a tree of the host, and the whiteouts are attached while overlays are being mounted.
pub(super) const PLACES: [&str; 3] = ["lower", "host", "over"];

/// Trees beside `/usr` and `/etc`, in the order in which they are attached.
pub(super) const TREES: [&CStr; 6] = [c"var", c"var/lib/dpkg", c"var/lib/apt", c"opt", c"root", c"srv"];

/// A directory of the agent's own for each overlay, and the mode of its root.
const UPPERS: [(&str, u32); 9] = [
    ("home", 0o750),
    ("usr", 0o755),
    ("etc", 0o755),
    ("var", 0o755),
    ("dpkg", 0o755),
    ("apt", 0o755),
    ("opt", 0o755),
    ("root", 0o700),
    ("srv", 0o755),
];

/// The overlays of one sandbox, detached.
pub(super) struct System {
    pub(super) home: OwnedFd,
    pub(super) usr: OwnedFd,
    pub(super) etc: OwnedFd,
    /// As [`TREES`].
    pub(super) trees: Vec<OwnedFd>,
}

/// A mount on the stage for as long as overlays are being made from it.
struct Attached(&'static str);

impl Attached {
    fn new(mount: &OwnedFd, place: &'static str) -> io::Result<Self> {
        move_mount(mount.as_fd(), AT_FDCWD, &CString::new(place)?)?;
        Ok(Self(place))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Detached by name: nothing but this file mounts there, and a mount left there would only show on the stage.
        let _ = detach(self.0);
    }
}

/// Makes the directories of the upper layers unless they exist. They lie in the home's directory, under its limit.
fn ensure(system: &Path) -> io::Result<()> {
    let own = |path: &Path, mode: u32| {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            other => other?,
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        chown(path, Some(DISK_IDS), Some(DISK_IDS))
    };
    own(system, 0o700)?;
    for (name, mode) in UPPERS {
        let tree = system.join(name);
        own(&tree, 0o700)?;
        own(&tree.join("upper"), mode)?;
        own(&tree.join("work"), 0o700)?;
    }
    Ok(())
}

impl Stage {
    /// Mounts the system and the home of a plan. `userns` has the plan's id map.
    pub(super) fn system(&self, plan: &SandboxPlan, userns: BorrowedFd<'_>) -> Result<System, SpawnFailure> {
        let fail = |step: &str| at(PlanLayer::Filesystem, step);
        if !self.idmapped_usr {
            let hint = "put /usr on ext4, xfs or btrfs, or use the standard profile";
            let cause = "the file system of the host's /usr takes no id map, so nothing could be installed over it";
            return Err(refused(Some(PlanLayer::Filesystem), "prepare the system", cause, hint));
        }
        ensure(&PathBuf::from(format!("/state/homes/{}/system", plan.home))).map_err(fail("make the layers of the system"))?;
        let mounted = self.overlays(plan, userns);
        let back = chdir("/").map_err(|e| fail("leave the layers")(e.into()));
        mounted.and_then(|system| back.map(|()| system))
    }

    fn overlays(&self, plan: &SandboxPlan, userns: BorrowedFd<'_>) -> Result<System, SpawnFailure> {
        let fail = |step: &str| at(PlanLayer::Filesystem, step);
        let locked = Attributes::RDONLY.with(Attributes::NOSUID).with(Attributes::NODEV);
        let cstring = |text: String| CString::new(text).map_err(|e| fail("name a layer")(e.into()));
        let map = |error: io::Error| fail("make the id map of the layers")(error);
        let start = plan.ids.start();

        let disk = Holder::new(DISK_IDS, DISK_IDS, start, RANGE_SIZE).map_err(map)?;
        let disk = disk.userns().map_err(map)?;
        let uppers = self
            .copy(
                &cstring(format!("homes/{}/system", plan.home))?,
                Attributes::NOSUID.with(Attributes::NODEV),
                Some(disk.as_fd()),
            )
            .map_err(fail("map the ids of the layers"))?;
        let _uppers = Attached::new(&uppers, LAYERS).map_err(fail("attach the layers"))?;
        fchdir(&uppers).map_err(|e| fail("enter the layers")(e.into()))?;
        // The superblock must be made by a task whose file-system ids are inside the map (see `overlays_of_base`).
        let make = |lower: &CStr, name: &str| {
            let (upper, work) = (cstring(format!("{name}/upper"))?, cstring(format!("{name}/work"))?);
            let made = set_fs_ids(start, start).and_then(|()| {
                let made = overlay(lower, &upper, &work, Attributes::NOSUID.with(Attributes::NODEV));
                set_fs_ids(0, 0).and(made)
            });
            let tree = made.map_err(fail(&format!("mount the overlay of {name}")))?;
            let flags = nix::sys::statvfs::fstatvfs(&tree).map_err(|e| fail("check an overlay")(e.into()))?.flags();
            if flags.contains(nix::sys::statvfs::FsFlags::ST_RDONLY) {
                let step = format!("mount the overlay of {name} writable");
                return Err(fail(&step)(io::Error::from_raw_os_error(libc::EROFS)));
            }
            Ok(tree)
        };

        // What every home begins with belongs to the agent, whose id is another one in this profile.
        let home = {
            let owner = Holder::new(AGENT_ID, AGENT_ID, plan.agent(), 1).map_err(map)?;
            let owner = owner.userns().map_err(map)?;
            let lower = self.copy(&self.base_home, locked, Some(owner.as_fd())).map_err(fail("map the ids of the home"))?;
            let _lower = Attached::new(&lower, "/lower").map_err(fail("attach the base of the home"))?;
            make(c"/lower", "home")?
        };
        let lower = self.copy(&self.base_packages, locked, Some(userns)).map_err(fail("map the ids of the base"))?;
        let _lower = Attached::new(&lower, "/lower").map_err(fail("attach the base of the system"))?;
        let hosts = self.host_trees().map_err(fail("visit the host's package database"))?;
        let over = closed::cover(self, &hosts).map_err(fail(super::flight::LOOK))?;
        let over = self.copy(&cstring(over)?, locked, Some(userns)).map_err(fail("map the ids of the whiteouts"))?;
        let _over = Attached::new(&over, "/over").map_err(fail("attach the whiteouts"))?;
        let above = |tree: Option<OwnedFd>, name: &str| {
            let Some(tree) = tree else { return make(c"/lower/none", name) };
            mount_setattr(tree.as_fd(), locked, Some(userns)).map_err(fail(&format!("map the ids of the host's {name}")))?;
            let _host = Attached::new(&tree, "/host").map_err(fail(&format!("attach the host's {name}")))?;
            make(&cstring(format!("/over/{name}:/host"))?, name)
        };
        let usr = open_tree_clone(self.state.as_fd(), c"/usr").map_err(fail("copy the host's /usr"))?;
        let usr = above(Some(usr), "usr")?;
        let HostTrees { dpkg, apt } = hosts;
        let (dpkg, apt) = (above(dpkg, "dpkg")?, above(apt, "apt")?);
        let etc = make(c"/lower/etc", "etc")?;
        let var = make(c"/lower/var", "var")?;
        let (opt, root, srv) = (make(c"/lower/opt", "opt")?, make(c"/lower/root", "root")?, make(c"/lower/srv", "srv")?);
        Ok(System { home, usr, etc, trees: vec![var, dpkg, apt, opt, root, srv] })
    }

    /// Copies of the host's package database, detached; only a task in the host's mount namespace may make them.
    pub(super) fn host_trees(&self) -> io::Result<HostTrees> {
        setns(&self.host, CloneFlags::CLONE_NEWNS)?;
        let [dpkg, apt] = [c"/var/lib/dpkg", c"/var/lib/apt"].map(|path| open_tree_clone(AT_FDCWD, path));
        return_to(&self.own, CloneFlags::CLONE_NEWNS);
        // That changed the working directory; the layers are given relative to it.
        let layers = nix::fcntl::open(LAYERS, nix::fcntl::OFlag::O_PATH, nix::sys::stat::Mode::empty())?;
        fchdir(&layers)?;
        let found = |tree: io::Result<OwnedFd>| match tree {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        };
        Ok(HostTrees { dpkg: found(dpkg)?, apt: found(apt)? })
    }
}

/// The host's package database, detached; a host of another family has none.
pub(super) struct HostTrees {
    pub(super) dpkg: Option<OwnedFd>,
    pub(super) apt: Option<OwnedFd>,
}

/// The way to a detached tree. Not attached for it: what was attached once cannot be attached again.
pub(super) fn way_to(tree: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", tree.as_raw_fd()))
}
