//! The volume: one image that holds the homes of all agents.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use nix::{
    mount::{MntFlags, MsFlags, umount2},
    sys::statvfs::{FsFlags, fstatvfs},
};

use super::{
    VolumeSize, attach,
    format::{self, Kind},
    image::{self, Options},
    project, subvolume,
};
use crate::{
    spawner::{SpawnerConfig, mounts::Stage},
    sys::btrfs::{Accounting, enable_quota},
};

const PATH: &str = "/state/volume.img";
/// The smallest that is worth making.
const SMALLEST: u64 = 256 << 20;

/// The volume of a service.
pub(super) enum Found {
    /// Mounted on `/volume`, its quota enforced.
    Mounted(Kind),
    /// There is none, and why.
    None(String),
}

/// Mounts the volume, and makes it first where there is none and nothing better.
pub(super) fn open(stage: &Stage, config: &SpawnerConfig, needless: bool) -> io::Result<Found> {
    match File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(PATH) {
        Ok(file) => {
            // The service may make files in the state directory; the kernel is not to mount what it wrote.
            let meta = file.metadata()?;
            if meta.uid() != 0 || !meta.is_file() {
                return Err(io::Error::other("volume.img does not belong to root: remove it"));
            }
            let kind = format::kind(&file).ok_or_else(|| io::Error::other("volume.img holds no file system we know"))?;
            mount(stage, file, kind).map(|()| Found::Mounted(kind)).map_err(|error| {
                io::Error::other(format!(
                    "the homes of agents are in volume.img, which cannot be mounted: {error}; look with e2fsck -n or btrfs check"
                ))
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if needless {
                return Ok(Found::None("no volume is needed".to_owned()));
            }
            make(stage, config)
        }
        Err(error) => Err(error),
    }
}

fn make(stage: &Stage, config: &SpawnerConfig) -> io::Result<Found> {
    let fs = fstatvfs(&stage.state)?;
    let size = match config.volume {
        VolumeSize::None => return Ok(Found::None("the configuration has no volume (storage.volume)".to_owned())),
        VolumeSize::Bytes(bytes) => bytes,
        VolumeSize::Auto => fs.blocks_available() * fs.fragment_size() / 5 * 4,
    } & !0xf_ffff;
    if size < SMALLEST {
        return Ok(Found::None(format!("a volume of {} MiB would be too small", size >> 20)));
    }
    let mut why = Vec::new();
    for kind in [Kind::Ext4, Kind::Btrfs] {
        match try_kind(stage, config, kind, size) {
            Ok(()) => return Ok(Found::Mounted(kind)),
            Err(error) => why.push(format!("{}: {error}", if kind == Kind::Ext4 { "ext4 volume" } else { "btrfs volume" })),
        }
    }
    Ok(Found::None(why.join("; ")))
}

/// A small one first: a kernel without the quota format refuses to mount an ext4 with quota.
fn try_kind(stage: &Stage, config: &SpawnerConfig, kind: Kind, size: u64) -> io::Result<()> {
    let format = |path: &Path| match kind {
        Kind::Ext4 => format::ext4(path, format::EXT4_VOLUME),
        // It insists on a path that can be resolved; only root can put anything there.
        Kind::Btrfs => format::btrfs(&config.state.join(Path::new(PATH).with_extension("new").file_name().unwrap_or_default())),
    };
    if kind == Kind::Ext4 {
        let path = Path::new("/state/.volume-probe");
        let tried = image::create(stage, path, 64 << 20, format).and_then(|file| image::mount(stage, file, Options::Projects));
        let _ = std::fs::remove_file(path);
        tried?;
    }
    let file = image::create(stage, Path::new(PATH), size, format)?;
    let mounted = mount(stage, file, kind);
    if mounted.is_err() {
        let _ = std::fs::remove_file(PATH);
    }
    mounted
}

fn mount(stage: &Stage, file: File, kind: Kind) -> io::Result<()> {
    let options = if kind == Kind::Ext4 { Options::Projects } else { Options::Subvolumes };
    let mounted = image::mount(stage, file, options)?;
    attach(mounted.as_fd(), Path::new("/volume"))?;
    // What fsmount gives is open by O_PATH, which takes no ioctl.
    let volume = File::open("/volume")?;
    if kind == Kind::Btrfs {
        // Simple accounting costs less; older kernels do not know it, and a file system keeps the one it has.
        let simple = enable_quota(volume.as_fd(), Accounting::Simple);
        if simple.is_err() {
            let _ = enable_quota(volume.as_fd(), Accounting::Full);
        }
    }
    crate::spawner::home::prepare_in("/volume")?;
    let works = match kind {
        Kind::Ext4 => project::works(volume.as_fd()),
        Kind::Btrfs => subvolume::works(volume.as_fd()),
    };
    if works.is_err() {
        let _ = umount2("/volume", MntFlags::MNT_DETACH);
    }
    works.map_err(|error| io::Error::other(format!("its quota is not enforced: {error}")))
}

/// Makes a volume writable again that was turned read-only together with every disk of the host (an emergency remount); one whose own file
/// system found an error stays as it is, and so does one below which nothing can be written yet.
pub(super) fn revive(volume: BorrowedFd<'_>, state: BorrowedFd<'_>) {
    let read_only = |dir| fstatvfs(dir).is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY));
    if !read_only(volume) || read_only(state) {
        return;
    }
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    match nix::mount::mount(None::<&str>, "/volume", None::<&str>, flags, None::<&str>) {
        Ok(()) => eprintln!("the volume of the homes was read-only; it may be written again"),
        Err(error) => eprintln!("the volume of the homes is read-only and stays so: {error}; look with e2fsck -n or btrfs check"),
    }
}
