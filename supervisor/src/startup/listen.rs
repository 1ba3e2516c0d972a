//! The listeners, bound while this process may still do it anywhere.

use std::{
    fs::{self, Permissions},
    net::{SocketAddr, TcpListener},
    os::fd::AsRawFd,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

use anyhow::Context;
use nix::unistd::{Gid, Uid, chown};

/// Binds the Unix socket: for root and the members of `group`.
pub(super) fn unix(path: &Path, group: Option<Gid>) -> anyhow::Result<UnixListener> {
    let (parent, name) = path.parent().zip(path.file_name()).context("--socket: not a path of a socket")?;
    let dir = fs::File::open(parent).with_context(|| format!("cannot open {}", parent.display()))?;
    // Through the directory's descriptor: a socket address holds only 107 bytes of path.
    let short = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name);
    if let Ok(meta) = fs::symlink_metadata(&short) {
        anyhow::ensure!(meta.file_type().is_socket(), "{} exists and is not a socket", path.display());
        anyhow::ensure!(
            UnixStream::connect(&short).is_err(),
            "another program serves {}\nhint: stop it, or give this one a socket of its own (--socket)",
            path.display()
        );
        fs::remove_file(&short).with_context(|| format!("cannot remove the old {}", path.display()))?;
    }
    let listener = UnixListener::bind(&short).with_context(|| format!("cannot bind {}", path.display()))?;
    chown(&short, Some(Uid::from_raw(0)), Some(group.unwrap_or(Gid::from_raw(0))))
        .context("cannot give the socket to its group")?;
    fs::set_permissions(&short, Permissions::from_mode(0o660)).context("cannot set the mode of the socket")?;
    Ok(listener)
}

/// Binds the TCP listener.
pub(super) fn tcp(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address}\nhint: choose another address (--listen ADDR:PORT, or --listen none)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_a_served_one_and_a_file_are_not() {
        if !nix::unistd::geteuid().is_root() {
            // Only root gives files away; the service always starts as root.
            return;
        }
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.sock");
        let first = unix(&path, None).expect("bind");
        assert_eq!(fs::metadata(&path).expect("socket").permissions().mode() & 0o777, 0o660);
        assert!(unix(&path, None).expect_err("served").to_string().contains("another program"));
        drop(first);
        unix(&path, None).expect("stale");
        let file = dir.path().join("file");
        fs::write(&file, "x").expect("write");
        assert!(unix(&file, None).expect_err("a file").to_string().contains("not a socket"));
    }
}
