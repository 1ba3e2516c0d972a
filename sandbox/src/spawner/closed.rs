//! What of the host's `/usr` and package database not everybody on the host may read, covered by whiteouts.
//!
//! An overlay hides in its lower layers what a layer above has a whiteout for (a character device 0:0, overlayfs(5)). The
//! layer of whiteouts is named after what it covers and never changed, because sandboxes that live use it.

use std::{
    fs::{self, Metadata},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use nix::sys::stat::{Mode, SFlag, mknod};
use serde::{Deserialize, Serialize};

use super::{
    mounts::Stage,
    system::{HostTrees, way_to},
};

/// Where the layers are, below the state directory.
const LAYERS: &str = "base/over";
/// How long a walk through the host's trees counts, unless a package was installed meanwhile.
const FRESH: Duration = Duration::from_secs(600);
/// Keeps packages from starting services: nothing inside would supervise them (invoke-rc.d(8)).
const POLICY: (&str, &str) = ("sbin/policy-rc.d", "#!/bin/sh\n# Nothing supervises services in a sandbox.\nexit 101\n");

/// The last walk.
#[derive(Debug)]
pub(super) struct Walked {
    /// When it began.
    pub(super) at: Instant,
    pub(super) found: Found,
}

/// What a walk found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Found {
    packages: Option<SystemTime>,
    layer: String,
}

/// When a package was installed last.
fn packages(hosts: &HostTrees) -> Option<SystemTime> {
    let status = hosts.dpkg.as_ref().map(|tree| way_to(tree).join("status").metadata());
    status.and_then(|status| status.ok()?.modified().ok())
}

/// The layer that covers what is closed now, where that is known without a walk.
pub(super) fn known(stage: &Stage, hosts: &HostTrees) -> Option<String> {
    let walked = stage.walked.borrow();
    let last = walked.as_ref().filter(|last| last.found.packages == packages(hosts) && last.at.elapsed() < FRESH)?;
    Some(last.found.layer.clone())
}

/// The layer that covers what is closed now: its path below the state directory. As a rule a [`super::walk::Walk`] was there before.
pub(super) fn cover(stage: &Stage, hosts: &HostTrees) -> io::Result<String> {
    if let Some(layer) = known(stage, hosts) {
        return Ok(layer);
    }
    let at = Instant::now();
    let found = walk(hosts)?;
    let layer = found.layer.clone();
    *stage.walked.borrow_mut() = Some(Walked { at, found });
    Ok(layer)
}

/// Walks through the host's trees, and makes the layer that covers what is closed.
pub(super) fn walk(hosts: &HostTrees) -> io::Result<Found> {
    let packages = packages(hosts);
    let mut covered = Covered::default();
    covered.tree("usr", Path::new("/usr"))?;
    for (name, tree) in [("dpkg", &hosts.dpkg), ("apt", &hosts.apt)] {
        if let Some(tree) = tree {
            covered.tree(name, &way_to(tree))?;
        }
    }
    Ok(Found { packages, layer: covered.build()? })
}

/// What to cover, and the directories on the way there: path within the layer, mode, owner.
#[derive(Default, Hash)]
struct Covered {
    directories: Vec<(PathBuf, u32, u32, u32)>,
    closed: Vec<PathBuf>,
}

impl Covered {
    fn tree(&mut self, name: &str, at: &Path) -> io::Result<()> {
        self.directories.push(described(PathBuf::from(name), &at.metadata()?));
        if name == "usr" {
            let parent = Path::new(POLICY.0).parent().unwrap_or(Path::new(""));
            self.directories.push(described(Path::new(name).join(parent), &at.join(parent).metadata()?));
        }
        self.walk(Path::new(name), at).map(drop)
    }

    /// Is anything covered below?
    fn walk(&mut self, name: &Path, at: &Path) -> io::Result<bool> {
        let mut any = false;
        let place = self.directories.len();
        for entry in fs::read_dir(at)? {
            let entry = entry?;
            let name = name.join(entry.file_name());
            // Gone in between, as happens while the host installs a package.
            let Ok(metadata) = entry.metadata() else { continue };
            if is_closed(&metadata) {
                self.closed.push(name);
                any = true;
            } else if metadata.is_dir() {
                any |= self.walk(&name, &entry.path())?;
            }
        }
        let known = self.directories.iter().any(|(path, ..)| path == name);
        if any && !known {
            // Before those below it.
            self.directories.insert(place, described(name.to_owned(), &at.metadata()?));
        }
        Ok(any)
    }

    /// Makes the layer unless there is an equal one.
    fn build(&mut self) -> io::Result<String> {
        self.closed.sort_unstable();
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let layer = format!("{LAYERS}/{:016x}", hasher.finish());
        let (path, new) = (Path::new("/state").join(&layer), Path::new("/state").join(LAYERS).join("new"));
        if path.exists() {
            return Ok(layer);
        }
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&new)?,
        }
        for name in ["usr", "dpkg", "apt"] {
            fs::create_dir(new.join(name))?;
        }
        for (name, mode, uid, gid) in &self.directories {
            let path = new.join(name);
            if !path.is_dir() {
                fs::create_dir(&path)?;
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode & 0o7777))?;
            chown(&path, Some(*uid), Some(*gid))?;
        }
        for name in &self.closed {
            mknod(&new.join(name), SFlag::S_IFCHR, Mode::empty(), 0)?;
        }
        let policy = new.join("usr").join(POLICY.0);
        fs::write(&policy, POLICY.1)?;
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))?;
        fs::rename(&new, &path)?;
        Ok(layer)
    }
}

fn described(name: PathBuf, metadata: &Metadata) -> (PathBuf, u32, u32, u32) {
    (name, metadata.mode(), metadata.uid(), metadata.gid())
}

/// Not for everybody to read: a file without the bit, a directory that others cannot list and enter, a device, a socket.
fn is_closed(metadata: &Metadata) -> bool {
    let kind = metadata.file_type();
    if kind.is_symlink() {
        return false;
    }
    let special = kind.is_char_device() || kind.is_block_device() || kind.is_socket() || kind.is_fifo();
    let needed = if kind.is_dir() { 0o5 } else { 0o4 };
    special || metadata.mode() & needed != needed
}
