//! The root of every sandbox, without `/usr`: mount points, links, `/etc`.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{BaseError, at, etc, make_directory};

/// Empty directories and their modes, parents first.
const DIRECTORIES: [(&str, u32); 18] = [
    ("usr", 0o755),
    ("proc", 0o755),
    ("sys", 0o755),
    ("dev", 0o755),
    ("tmp", 0o1777),
    ("run", 0o755),
    ("home", 0o755),
    ("home/agent", 0o755),
    ("mnt", 0o755),
    ("media", 0o755),
    ("opt", 0o755),
    ("srv", 0o755),
    ("root", 0o700),
    ("var", 0o755),
    ("var/lib", 0o755),
    ("var/cache", 0o755),
    ("var/log", 0o755),
    ("etc", 0o755),
];
const LINKS: [(&str, &str); 4] =
    [("var/run", "/run"), ("var/lock", "/run/lock"), ("var/tmp", "../tmp"), ("etc/mtab", "../proc/self/mounts")];
/// Directories that a merged system has as links, and whether there is no system without them.
pub(super) const MERGED: [(&str, bool); 6] =
    [("bin", true), ("sbin", true), ("lib", true), ("lib64", false), ("lib32", false), ("libx32", false)];

/// Builds the root at `tree`, which does not exist yet.
pub(super) fn build(host: &Path, tree: &Path) -> Result<(), BaseError> {
    let merged = merged_links(host)?;
    make_directory(tree, 0o755)?;
    for (name, mode) in DIRECTORIES {
        make_directory(&tree.join(name), mode)?;
    }
    for (name, target) in
        merged.iter().map(|(name, target)| (*name, target.as_path())).chain(LINKS.map(|(n, t)| (n, Path::new(t))))
    {
        let link = tree.join(name);
        symlink(target, &link).map_err(at("link", &link))?;
    }
    etc::build(host, &tree.join("etc"))
}

/// `bin -> usr/bin` and so on, as on the host.
fn merged_links(host: &Path) -> Result<Vec<(&'static str, PathBuf)>, BaseError> {
    let mut links = Vec::new();
    for (name, needed) in MERGED {
        let path = host.join(name);
        match path.symlink_metadata() {
            Err(_) if !needed => continue,
            Err(error) => return Err(at("stat", &path)(error)),
            Ok(metadata) if !metadata.is_symlink() => return Err(BaseError::NotMerged { name }),
            Ok(_) => {}
        }
        let target = fs::read_link(&path).map_err(at("read", &path))?;
        let target = target.strip_prefix("/").map_or_else(|_| target.clone(), Path::to_owned);
        if !target.starts_with("usr") {
            return Err(BaseError::NotMerged { name });
        }
        links.push((name, target));
    }
    Ok(links)
}
