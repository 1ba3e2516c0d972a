//! Images: a file, the loop device before it, and the file system on that, mounted.

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, Flock, FlockArg, OFlag, fallocate},
    sched::{CloneFlags, setns},
    sys::statvfs::statvfs,
};

use super::{IMAGE, attach, format};
use crate::{
    plan::{DiskLimits, SandboxId},
    spawner::mounts::{Stage, return_to},
    sys::{
        loopdev,
        mount::{Attributes, fsconfig_create, fsconfig_flag, fsconfig_string, fsmount, fsopen},
    },
};

/// Inodes of the file system's own, the directories of a home, and the spare ones.
const OWN_INODES: u64 = 32;
/// What is held back beside the home, so that a full one can be mounted again.
const SPARE: &str = "spare";
/// The first files in it, which stand for as many inodes.
const ROOM_INODES: u64 = 8;
/// The file in it that stands for blocks.
const ROOM: &str = "room";

/// How often a device or a file system that is just being given up is asked for again, every 20 ms.
const TRIES: u32 = 100;

/// Does `work` where the host's devices and programs are.
pub(super) fn on_host<T>(stage: &Stage, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    setns(&stage.host, CloneFlags::CLONE_NEWNS)?;
    let done = work();
    return_to(&stage.own, CloneFlags::CLONE_NEWNS);
    done
}

/// Is there what images are made with?
pub(super) fn likely(stage: &Stage) -> Result<(), String> {
    let found = on_host(stage, || {
        format::find_mke2fs()?;
        fs::metadata("/dev/loop-control").map(drop)
    });
    found.map_err(|error| format!("no images: {error}"))
}

/// Can images be made and mounted? A small one is.
pub(super) fn probe(stage: &Stage) -> Result<(), String> {
    let path = Path::new("/state/.image-probe");
    let tried = create(stage, path, 16 << 20, |path| format::ext4(path, &format::ext4_home(1024)))
        .and_then(|file| mount(stage, file, Options::Home).map(drop));
    let _ = fs::remove_file(path);
    tried.map_err(|error| format!("no images: {error}"))
}

/// How an image is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Options {
    /// One home.
    Home,
    /// ext4 with project quota.
    Projects,
    /// btrfs.
    Subvolumes,
}

/// Makes a sparse image, complete or not at all.
pub(super) fn create(stage: &Stage, path: &Path, size: u64, format: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<File> {
    let unfinished = path.with_extension("new");
    let _ = fs::remove_file(&unfinished);
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&unfinished)?;
    // The host's mount namespace has another path to it, or none.
    let made = file
        .set_len(size)
        .and_then(|()| on_host(stage, || format(Path::new(&by_descriptor(&file)))))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, path));
    if made.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    made.map(|()| file)
}

/// A path by which a program that we start reaches a file: by our pid, since descriptors are closed in the program.
fn by_descriptor(file: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}

/// Mounts an image, detached. One that is mounted already, by us or an earlier spawner whose sandboxes live, is mounted once
/// more from the same device: a second device before the same file would destroy it.
pub(super) fn mount(stage: &Stage, file: File, options: Options) -> io::Result<OwnedFd> {
    let file = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    on_host(stage, || {
        let mut tries = 0;
        loop {
            let mounted = device(&file).and_then(|(device, path)| {
                let mounted = mount_device(&path, options);
                drop(device);
                mounted
            });
            match mounted {
                Err(error) if tries < TRIES && is_passing(&error) => {
                    tries += 1;
                    sleep(Duration::from_millis(20));
                }
                other => return other,
            }
        }
    })
}

/// A device or superblock on its way out says so.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBUSY | libc::ENXIO))
}

/// The device before a file: the one there is, or a new one.
fn device(file: &File) -> io::Result<(File, String)> {
    let meta = file.metadata()?;
    for name in fs::read_to_string("/proc/partitions")?.lines().filter_map(|line| line.split_whitespace().nth(3)) {
        if !name.starts_with("loop") {
            continue;
        }
        let path = format!("/dev/{name}");
        if let Ok(device) = open_device(&path, Access::Read)
            && loopdev::backing(device.as_fd()).is_ok_and(|found| found == (meta.dev(), meta.ino()))
        {
            return Ok((device, path));
        }
    }
    let control = File::options().read(true).write(true).open("/dev/loop-control");
    let control = control.map_err(|error| io::Error::new(error.kind(), format!("/dev/loop-control: {error}")))?;
    loop {
        let path = format!("/dev/loop{}", loopdev::free_device(control.as_fd())?);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"));
        // A device is as writable as the descriptor it was configured by.
        let writer = open_device(&path, Access::Write).map_err(named)?;
        match loopdev::configure(writer.as_fd(), file.as_fd()) {
            Ok(()) => return Ok((open_device(&path, Access::Read).map_err(named)?, path)),
            // Somebody else was quicker.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What a device is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// To keep it, and to look at it. A kernel that forbids writing to mounted devices (`CONFIG_BLK_DEV_WRITE_MOUNTED`, Linux 6.8)
    /// mounts none that somebody has open for more than that: EBUSY.
    Read,
    /// To configure it.
    Write,
}

fn open_device(path: &str, access: Access) -> io::Result<File> {
    File::options().read(true).write(access == Access::Write).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

fn mount_device(path: &str, options: Options) -> io::Result<OwnedFd> {
    let context = fsopen(if options == Options::Subvolumes { c"btrfs" } else { c"ext4" })?;
    let set = |key, value| fsconfig_string(context.as_fd(), key, value);
    let source = CString::new(path)?;
    set(c"source", &source)?;
    match options {
        Options::Subvolumes => {
            // Freed space goes back to the host; what is in use is known 10 s late.
            set(c"discard", c"async")?;
            set(c"commit", c"10")?;
        }
        Options::Home | Options::Projects => {
            // Without noinit_itable a thread of the kernel would write every inode table, and the image would not stay sparse.
            for flag in [c"discard", c"noinit_itable"] {
                fsconfig_flag(context.as_fd(), flag)?;
            }
            set(c"errors", c"remount-ro")?;
        }
    }
    if options == Options::Projects {
        fsconfig_flag(context.as_fd(), c"prjquota")?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), Attributes::NOSUID.with(Attributes::NODEV))
}

/// Makes the image of a home unless it has one, and mounts it where the home is looked for.
pub(super) fn enter(stage: &Stage, place: BorrowedFd<'_>, name: &SandboxId, limits: DiskLimits) -> io::Result<PathBuf> {
    let dir = PathBuf::from(format!("/proc/self/fd/{}/homes/{name}", place.as_raw_fd()));
    match fs::create_dir(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?,
    }
    let path = dir.join(IMAGE);
    let file = match File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let inodes = limits.inodes.min(limits.bytes / 4096);
            let words = format::ext4_home(inodes + OWN_INODES);
            create(stage, &path, limits.bytes, |path| format::ext4(path, &words))?
        }
        opened => opened?,
    };
    let mounted = mount(stage, file, Options::Home)?;
    let at = Path::new("/state/homes").join(name.as_str());
    attach(mounted.as_fd(), &at)?;
    make_room(&at);
    Ok(at)
}

/// Makes room in a full image for the overlay's own directory.
fn make_room(home: &Path) {
    for name in (0..ROOM_INODES).map(|number| number.to_string()).chain([ROOM.to_owned()]) {
        // The first time there is none yet.
        let _ = fs::remove_file(home.join(SPARE).join(name));
    }
}

/// Takes up the room again, and what mke2fs made too many: it rounds up to whole blocks of inodes in each group of 128 MiB.
pub(super) fn fill_up(home: &Path, inodes: u64) -> io::Result<()> {
    let spare = home.join(SPARE);
    let mut fillers = ROOM_INODES;
    match fs::create_dir(&spare) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => {
            made?;
            // One for the room itself.
            let surplus = statvfs(home)?.files_free().saturating_sub(inodes + 1);
            // Many among many more are no matter, and would take long.
            if surplus < 8192 || surplus > inodes / 64 {
                fillers = fillers.max(surplus);
            }
        }
    }
    for number in 0..fillers {
        match File::create(spare.join(number.to_string())) {
            // The overlay's directory took its place.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
            made => drop(made?),
        }
    }
    let room = match File::create(spare.join(ROOM)) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
        made => made?,
    };
    for size in [64 << 10, 32 << 10, 16 << 10, 8 << 10] {
        match fallocate(&room, FallocateFlags::empty(), 0, size) {
            Err(Errno::ENOSPC) => {}
            done => return Ok(done?),
        }
    }
    Ok(())
}
