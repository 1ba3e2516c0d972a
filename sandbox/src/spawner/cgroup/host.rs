//! Where the host keeps its cgroup hierarchies, and small files in them.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::fd::{BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{OFlag, openat},
    sys::stat::{Mode, mkdirat},
};

/// Mount point of the cgroup2 file system, or of the v1 hierarchy that has `controller`.
pub(super) fn mount_point(mountinfo: &str, kind: &str, controller: Option<&str>) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let options = right.clone().nth(2)?;
        let right_kind = right.next() == Some(kind);
        let has = controller.is_none_or(|wanted| options.split(',').any(|option| option == wanted));
        (right_kind && has).then(|| left.split(' ').nth(4).map(PathBuf::from)).flatten()
    })
}

/// Path of this process in the hierarchy of `controller` (`""` for cgroup2).
pub(super) fn own_path<'a>(cgroups: &'a str, controller: &str) -> Option<&'a str> {
    cgroups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, names, path) = (parts.next()?, parts.next()?, parts.next()?);
        let found = if controller.is_empty() { number == "0" } else { names.split(',').any(|name| name == controller) };
        found.then_some(path)
    })
}

pub(super) fn below(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

pub(super) fn make_dir_at(dir: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    match mkdirat(dir, name, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    Ok(nix::fcntl::open(path, OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
}

pub(super) fn open_dir_at(dir: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    Ok(openat(dir, name, OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
}

/// Is it there? What cannot be looked for is neither there nor absent.
pub(super) fn exists_at(dir: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    match nix::unistd::faccessat(dir, name, nix::unistd::AccessFlags::F_OK, nix::fcntl::AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(nix::errno::Errno::ENOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn read_at(dir: BorrowedFd<'_>, name: &str) -> io::Result<String> {
    let mut text = String::new();
    File::from(openat(dir, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?).read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn write_at(dir: BorrowedFd<'_>, name: &str, value: &str) -> io::Result<()> {
    File::from(openat(dir, name, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?).write_all(value.as_bytes())
}

pub(super) fn write_if_there(dir: BorrowedFd<'_>, name: &str, value: &str) -> io::Result<()> {
    if exists_at(dir, name)? { write_at(dir, name, value) } else { Ok(()) }
}

/// Moves what runs directly in the agents' root, which is nothing but its holder, into a leaf: a cgroup with processes of its
/// own gives its children no controllers.
pub(super) fn make_room(root: &Path) -> io::Result<()> {
    if !root.join("cgroup.type").exists() {
        // The root of the hierarchy has no type, and is no leaf; anything else without one is not there.
        return fs::metadata(root.join("cgroup.procs")).map(drop);
    }
    let pids = fs::read_to_string(root.join("cgroup.procs"))?;
    if pids.is_empty() {
        return Ok(());
    }
    let holder = root.join("holder");
    make_dir(&holder)?;
    pids.lines().try_for_each(|pid| match fs::write(holder.join("cgroup.procs"), pid) {
        // It ended meanwhile.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        moved => moved,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{mount_point, own_path};

    const MOUNTS: &str = "35 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                          33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                          41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn finds_hierarchies_in_the_mount_table() {
        assert_eq!(mount_point(MOUNTS, "cgroup2", None).as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(mount_point(MOUNTS, "cgroup", Some("cpu")).as_deref(), Some(Path::new("/sys/fs/cgroup/cpu,cpuacct")));
        assert_eq!(mount_point(MOUNTS, "cgroup", Some("pids")), None);
    }

    #[test]
    fn finds_the_own_path_in_each_hierarchy() {
        let own = "9:name=systemd:/\n4:memory:/process_api/5a\n2:cpu,cpuacct:/x\n0::/system.slice/a.service\n";
        assert_eq!(own_path(own, "memory"), Some("/process_api/5a"));
        assert_eq!(own_path(own, "cpu"), Some("/x"));
        assert_eq!(own_path(own, ""), Some("/system.slice/a.service"));
        assert_eq!(own_path(own, "pids"), None);
    }
}
