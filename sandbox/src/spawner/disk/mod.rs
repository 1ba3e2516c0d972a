//! What an agent may put on disk: where homes lie, and what keeps each of them within its limits.
//!
//! Everything an agent writes to disk is below `homes/<name>`. The means, best first, found once at the start:
//!
//! 1. project quota (ext4, xfs) or quota groups (btrfs) of the file system that holds the state directory, where they are on;
//! 2. a **volume** of our own: one sparse image `<state>/volume.img`, mounted on the stage only, so that it lives as long as the
//!    spawner or a sandbox does and leaves no loop device behind however they end. ext4 with project quota, or btrfs where the
//!    kernel lacks the quota format;
//! 3. an **image** for each home: a small ext4 of exactly its size. Slower to launch (some 20 ms), and the only one of them
//!    that limits files where the volume is a btrfs; used for agents that ask for it there, and for all where nothing else works;
//! 4. none. The host's report says so, and an agent that names a limit is refused.
//!
//! Calls: `quotactl_fd`, `ioctl` (project, btrfs, loop), the mount API, `flock`, `setns` to visit the host's `/dev`, and `execve`
//! of `mke2fs` and `mkfs.btrfs`. Capabilities: SYS_ADMIN. A quota does not bind a task with SYS_RESOURCE; the spawner has it not.

mod format;
mod image;
mod project;
mod subvolume;
mod volume;

pub(super) use self::project::forget as forget_project;

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{OFlag, open, openat},
    sys::{
        stat::{FileStat, Mode, fstatat},
        statvfs::fstatvfs,
    },
};
use serde::{Deserialize, Serialize};

use super::{
    SpawnerConfig,
    failure::{at, refused},
    home,
    mounts::{Stage, detach},
};
use crate::{
    host::Feature,
    plan::{DiskLimits, PlanLayer, SandboxId},
    sys::mount::{move_mount, open_tree_clone},
    wire::spawner::{DiskUse, SpawnFailure},
};

/// Free space on the file system of the state directory below which no agent is started: a sparse image that cannot grow
/// gives errors to every agent, and the database needs room as well.
const MARGIN: u64 = 256 << 20;

/// Room for the overlay's own directory in a full home, bytes: btrfs reserves far more than it takes.
const ROOM: u64 = 16 << 20;

/// The image of a home that has one of its own.
const IMAGE: &str = "image";

const OLD: &str = "its home was made before there were limits (aether cp takes files to a new agent)";

const FIX: &str = "install e2fsprogs (mke2fs) and load the loop driver (modprobe loop), or put the state directory on ext4 or xfs \
                   mounted with prjquota; then restart aetherd";

/// The volume that a service makes where its file system has no quota of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeSize {
    /// Four fifths of what is free when it is made.
    #[default]
    Auto,
    /// So many bytes.
    Bytes(u64),
    /// None is made.
    None,
}

/// What limits homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// Project quota: space and files.
    Projects,
    /// A btrfs quota group for each home: space.
    Subvolumes,
    /// Nothing.
    Nothing,
}

/// Homes and their limits.
#[derive(Debug)]
pub(super) struct Disk {
    means: Means,
    /// In words, for example `ext4 volume`.
    place_name: &'static str,
    /// The directory that has `homes` and `trash`: the state directory or the volume.
    place: OwnedFd,
    /// The state directory's own homes, where a volume covers them.
    plain: Option<OwnedFd>,
    /// Whether an image can be made for a home.
    images: Result<(), String>,
    /// Limits of space.
    pub(super) space: Feature,
    /// Limits of the number of files.
    pub(super) files: Feature,
}

/// A home that can be mounted from, also when it is full: until it is closed there is a little more room in it than its limit, for
/// the overlay's own directory. Dropping it takes its own mount off the stage again.
#[derive(Debug)]
pub(super) struct Entered {
    attached: Option<PathBuf>,
    /// What is exceeded until it is closed.
    strict: Option<Strict>,
    /// What limits it, in words, or why nothing does.
    pub(super) detail: Result<String, String>,
}

#[derive(Debug)]
enum Strict {
    Project(OwnedFd, DiskLimits),
    Subvolume(OwnedFd, DiskLimits),
    Image(DiskLimits),
}

impl Entered {
    /// Puts the exact limit in force, before anything of the agent runs.
    pub(super) fn close(self) -> Result<(), SpawnFailure> {
        let done = match &self.strict {
            None => Ok(()),
            Some(Strict::Project(home, limits)) => project::limit(home.as_fd(), true, *limits).map(drop),
            Some(Strict::Subvolume(home, limits)) => subvolume::limit(home.as_fd(), *limits).map(drop),
            Some(Strict::Image(limits)) => self.attached.as_ref().map_or(Ok(()), |at| image::fill_up(at, limits.inodes)),
        };
        done.map_err(at(PlanLayer::Filesystem, "limit the disk"))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(path) = &self.attached {
            // The overlay holds the file system from now on; nothing is lost if this one stays.
            let _ = detach(path);
        }
    }
}

impl Disk {
    /// Finds the means and puts the volume on the stage.
    ///
    /// # Errors
    /// Those of the file system; a volume that exists and cannot be mounted: agents' homes are in it.
    pub(super) fn open(stage: &Stage, config: &SpawnerConfig) -> io::Result<Self> {
        let own = if project::works(stage.state.as_fd()).is_ok() {
            Means::Projects
        } else if subvolume::works(stage.state.as_fd()).is_ok() {
            Means::Subvolumes
        } else {
            Means::Nothing
        };
        let (volume, why_not) = match volume::open(stage, config, own != Means::Nothing)? {
            volume::Found::Mounted(kind) => (Some(kind), String::new()),
            volume::Found::None(why) => (None, why),
        };
        let (means, place_name) = match volume {
            Some(format::Kind::Ext4) => (Means::Projects, "ext4 volume"),
            Some(format::Kind::Btrfs) => (Means::Subvolumes, "btrfs volume"),
            None => (own, "file system of the state directory"),
        };
        let images = if means == Means::Nothing { image::probe(stage) } else { image::likely(stage) };
        let directory = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let (place, plain) = if volume.is_some() {
            let plain = openat(&stage.state, "homes", directory, Mode::empty())?;
            cover()?;
            (open("/volume", directory, Mode::empty())?, Some(plain))
        } else {
            (stage.state.try_clone()?, None)
        };
        let (space, files) = features(means, place_name, &images, &why_not);
        Ok(Self { means, place_name, place, plain, images, space, files })
    }

    /// Makes a home unless it exists, and has it kept within its limits.
    pub(super) fn enter(&self, stage: &Stage, name: &SandboxId, limits: Option<DiskLimits>) -> Result<Entered, SpawnFailure> {
        let fail = |step: &str| at(PlanLayer::Filesystem, step);
        self.check_margin(stage)?;
        if self.plain.is_some() {
            volume::revive(self.place.as_fd(), stage.state.as_fd());
        }
        let entered = if self.is_plain(name).map_err(fail("look for the home"))? {
            let attached = self.attach_plain(name).map_err(fail("attach the home"))?;
            Entered { attached: Some(attached), strict: None, detail: Err(OLD.to_owned()) }
        } else {
            let exists = self.status(name).map_err(fail("look for the home"))?.is_some();
            match limits {
                Some(limits) if self.wants_image(name, exists, limits).map_err(fail("look into the home"))? => {
                    let attached = image::enter(stage, self.place.as_fd(), name, limits);
                    let attached = Some(attached.map_err(fail("mount the image of the home"))?);
                    let detail = format!("{}, {} files by an image of its own", size(limits.bytes), limits.inodes);
                    Entered { attached, strict: Some(Strict::Image(limits)), detail: Ok(detail) }
                }
                limits => self.limit(name, exists, limits)?,
            }
        };
        if let (Err(cause), Some(limits)) = (&entered.detail, limits)
            && (limits.required || limits.inodes_required)
        {
            let cause = format!("this agent's disk cannot be limited: {cause}");
            return Err(refused(Some(PlanLayer::Filesystem), "limit the disk", cause, FIX));
        }
        home::ensure(name).map_err(fail("make the home"))?;
        Ok(entered)
    }

    /// Makes the directory of a home and limits it.
    fn limit(&self, name: &SandboxId, exists: bool, limits: Option<DiskLimits>) -> Result<Entered, SpawnFailure> {
        let fail = |step: &str| at(PlanLayer::Filesystem, step);
        if limits.is_some_and(|limits| limits.inodes_required && !self.files.works) {
            return Ok(Entered { attached: None, strict: None, detail: Err(self.files.detail.clone()) });
        }
        if self.means == Means::Subvolumes && !exists {
            subvolume::create(self.place.as_fd(), name).map_err(fail("make the subvolume of the home"))?;
        }
        home::top(name).map_err(fail("make the home"))?;
        let dir = self.home(name).map_err(fail("open the home"))?;
        let by = self.place_name;
        let unlimited = |why: &str| Ok(Entered { attached: None, strict: None, detail: Err(why.to_owned()) });
        let Some(limits) = limits else { return unlimited("no limit was asked for") };
        let roomier = DiskLimits { bytes: limits.bytes + ROOM, inodes: limits.inodes + 16, ..limits };
        let (limited, strict, detail) = match self.means {
            Means::Nothing => return unlimited(&self.space.detail),
            Means::Projects => (
                project::limit(dir.as_fd(), exists, roomier),
                Strict::Project(dir, limits),
                format!("{}, {} files by project quota, {by}", size(limits.bytes), limits.inodes),
            ),
            Means::Subvolumes => (
                subvolume::limit(dir.as_fd(), roomier),
                Strict::Subvolume(dir, limits),
                format!("{} by quota group, {by}; files count as space", size(limits.bytes)),
            ),
        };
        if limited.map_err(fail("limit the disk"))? {
            Ok(Entered { attached: None, strict: Some(strict), detail: Ok(detail) })
        } else {
            unlimited(OLD)
        }
    }

    /// Has this home an image of its own, or is it to have one?
    fn wants_image(&self, name: &SandboxId, exists: bool, limits: DiskLimits) -> io::Result<bool> {
        if exists {
            return Ok(stat_in(self.home(name)?.as_fd(), IMAGE)?.is_some());
        }
        let wanted = match self.means {
            Means::Projects => false,
            Means::Subvolumes => limits.inodes_required,
            Means::Nothing => true,
        };
        Ok(wanted && self.images.is_ok())
    }

    /// Space and files of a home.
    pub(super) fn used(&self, name: &SandboxId) -> io::Result<DiskUse> {
        let dir = self.home(name)?;
        if let Some(stat) = stat_in(dir.as_fd(), IMAGE)? {
            let bytes = stat.st_blocks.unsigned_abs() * 512;
            return Ok(DiskUse { bytes: Some(bytes), bytes_limit: Some(stat.st_size.unsigned_abs()), ..DiskUse::default() });
        }
        match self.means {
            Means::Projects => project::used(dir.as_fd()),
            Means::Subvolumes => subvolume::used(dir.as_fd()),
            Means::Nothing => Ok(DiskUse::default()),
        }
    }

    /// Takes a home away: it is renamed, and [`home::empty_trash`] empties it. Nothing there is no error.
    pub(super) fn remove(&self, stage: &Stage, name: &SandboxId) -> io::Result<()> {
        if self.is_plain(name)? {
            // The state directory as the host has it, below the cover.
            let state = open_tree_clone(stage.state.as_fd(), c"")?;
            home::remove(state.as_fd(), name)?;
        }
        home::remove(self.place.as_fd(), name)
    }

    fn check_margin(&self, stage: &Stage) -> Result<(), SpawnFailure> {
        let free = fstatvfs(&stage.state).map(|fs| fs.blocks_available() * fs.fragment_size());
        if self.plain.is_none() || free.is_ok_and(|free| free >= MARGIN) {
            return Ok(());
        }
        let cause = format!("less than {} are free on the file system of the state directory", size(MARGIN));
        let hint = "free space there: the volume that holds the homes grows on it";
        Err(SpawnFailure { errno: libc::ENOSPC, ..refused(Some(PlanLayer::Filesystem), "make the home", cause, hint) })
    }

    fn home(&self, name: &SandboxId) -> io::Result<OwnedFd> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.place, format!("homes/{name}").as_str(), flags, Mode::empty())?)
    }

    fn status(&self, name: &SandboxId) -> io::Result<Option<FileStat>> {
        stat_in(self.place.as_fd(), &format!("homes/{name}"))
    }

    fn is_plain(&self, name: &SandboxId) -> io::Result<bool> {
        let stat = self.plain.as_ref().map(|plain| stat_in(plain.as_fd(), name.as_str())).transpose()?;
        Ok(stat.flatten().is_some())
    }

    /// Puts a home from before the volume where homes are looked for.
    fn attach_plain(&self, name: &SandboxId) -> io::Result<PathBuf> {
        let plain = self.plain.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let tree = open_tree_clone(plain.as_fd(), &CString::new(name.as_str())?)?;
        let path = Path::new("/state/homes").join(name.as_str());
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => attach(tree.as_fd(), &path)?,
        }
        Ok(path)
    }
}

fn features(means: Means, place: &str, images: &Result<(), String>, why_not: &str) -> (Feature, Feature) {
    let image = || Feature::yes(format!("an ext4 image for each home; {why_not}"));
    let none = |what: &str| {
        let image = images.as_ref().err().map_or("", String::as_str);
        Feature::no(format!("nothing limits the {what} of agents: no quota; {why_not}; {image}"), FIX)
    };
    match (means, images.is_ok()) {
        (Means::Projects, _) => {
            let found = Feature::yes(format!("project quota, {place}"));
            (found.clone(), found)
        }
        (Means::Subvolumes, can) => {
            let files = if can { Feature::yes("an ext4 image for agents that ask for it") } else { none("number of files") };
            (Feature::yes(format!("quota groups, {place}")), files)
        }
        (Means::Nothing, true) => (image(), image()),
        (Means::Nothing, false) => (none("space"), none("number of files")),
    }
}

/// Shows the volume's homes where homes are looked for.
fn cover() -> io::Result<()> {
    home::prepare_in("/volume")?;
    let homes = open_tree_clone(nix::fcntl::AT_FDCWD, c"/volume/homes")?;
    attach(homes.as_fd(), Path::new("/state/homes"))
}

fn attach(tree: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    move_mount(tree, nix::fcntl::AT_FDCWD, &path)
}

/// Status of what `path` below `dir` is, a link not followed; `None` for nothing.
fn stat_in(dir: BorrowedFd<'_>, path: &str) -> io::Result<Option<FileStat>> {
    match fstatat(dir, path, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(nix::errno::Errno::ENOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        mib if mib < 10 << 10 && mib % 1024 != 0 => format!("{mib} MiB"),
        mib => format!("{} GiB", mib >> 10),
    }
}
