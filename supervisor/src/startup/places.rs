//! Directories of the service: made with their owners and modes, one service each, and reachable after privilege is gone.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::fd::OwnedFd,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use nix::{
    fcntl::{Flock, FlockArg, OFlag},
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::stat::Mode,
    unistd::{Gid, Uid, chown},
};
use sha2::{Digest, Sha256};

use super::{args::Args, identity::Identity};
use crate::{config::Config, fleet::TRUST};

const DEFAULT_STATE: &str = "/var/lib/aether";
const DEFAULT_SOCKET: &str = "/run/aether/aether.sock";
/// Directories of the file hierarchy that exist everywhere and that the service needs for nothing else.
const VIEWS: [&str; 3] = ["/mnt", "/srv", "/media"];

/// Where everything is.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) state: PathBuf,
    pub(super) socket: PathBuf,
    /// Directory of the inits' control sockets.
    pub(super) sockets: PathBuf,
}

impl Places {
    /// Makes what is missing and sets owners and modes.
    pub(super) fn prepare(args: &Args, config: &Config, identity: &Identity) -> anyhow::Result<Self> {
        let state = args.state.as_ref().or(config.state.as_ref()).map_or(Path::new(DEFAULT_STATE), PathBuf::as_path);
        let socket = args.socket.as_ref().or(config.socket.as_ref()).map_or(Path::new(DEFAULT_SOCKET), PathBuf::as_path);
        let socket = std::path::absolute(socket).context("--socket")?;
        let run = socket.parent().context("--socket: not a path of a socket")?.to_owned();
        let root = (Uid::from_raw(0), Gid::from_raw(0));
        let service = (identity.uid, identity.gid);
        fs::create_dir_all(state).with_context(|| format!("cannot make {}", state.display()))?;
        let state = state.canonicalize().with_context(|| format!("cannot enter {}", state.display()))?;
        // The service makes its database and token here; by the sticky bit it can touch nothing that root made.
        directory(&state, (root.0, identity.gid), 0o1771)?;
        for private in ["homes", "trash"] {
            directory(&state.join(private), root, 0o700)?;
        }
        directory(&state.join("logs"), service, 0o700)?;
        // Lent to agents, who have to look into it.
        directory(&state.join(TRUST), service, 0o755)?;
        hand_over(&state.join("aether.db"), service)?;
        if !run.exists() {
            directory(&run, root, 0o755)?;
        }
        let sockets = run.join("agents");
        directory(&sockets, service, 0o700)?;
        Ok(Self { state, socket, sockets })
    }

    /// Holds the state directory for this service alone, until the process ends.
    pub(super) fn lock(&self) -> anyhow::Result<Flock<File>> {
        let path = self.state.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            nix::errno::Errno::EWOULDBLOCK => anyhow::anyhow!(
                "another aetherd uses {}\nhint: stop it, or give this one a state directory and socket of its own (--state, --socket)",
                self.state.display()
            ),
            errno => anyhow::anyhow!("cannot lock {}: {}", path.display(), errno.desc()),
        })
    }

    /// Name of the service's cgroup: one for each state directory.
    pub(super) fn cgroup_name(&self) -> String {
        let digest = Sha256::digest(self.state.as_os_str().as_encoded_bytes());
        let hex: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("aether-{hex}")
    }

    /// The directory of the inits' control sockets, opened.
    pub(super) fn open_sockets(&self) -> anyhow::Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        nix::fcntl::open(&self.sockets, flags, Mode::empty()).with_context(|| format!("cannot open {}", self.sockets.display()))
    }

    /// The directory of what agents trust, opened where the spawner can lend it from.
    pub(super) fn open_trust(&self) -> anyhow::Result<OwnedFd> {
        let path = self.state.join(TRUST);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        nix::fcntl::open(&path, flags, Mode::empty()).with_context(|| format!("cannot open {}", path.display()))
    }

    /// The state directory by a path that the service's user can walk: below a home that nobody else may enter, it is bound
    /// to a place of its own, in a mount namespace that only this process has. (A descriptor would not do: SQLite resolves
    /// its path to the real one.)
    pub(super) fn reachable_state(&self, identity: &Identity) -> anyhow::Result<PathBuf> {
        if walkable(&self.state, identity) {
            return Ok(self.state.clone());
        }
        let view = VIEWS.iter().map(Path::new).find(|view| view.is_dir()).context("none of /mnt, /srv and /media exists")?;
        let shown = view.join("state");
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS).context("cannot make a mount namespace")?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).context("cannot make mounts private")?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("aether"), view, Some("tmpfs"), flags, Some("size=64k,mode=755")).context("cannot mount a tmpfs")?;
        fs::create_dir(&shown).context("cannot make the place of the state directory")?;
        mount(Some(&self.state), &shown, none, MsFlags::MS_BIND, none)
            .with_context(|| format!("cannot bind {}", self.state.display()))?;
        Ok(shown)
    }
}

/// Where a package puts `aether-init`: nobody starts it by hand.
const PACKAGED_INIT: &str = "/usr/libexec/aether/aether-init";

/// `aether-init`: configured, or beside this program, or where a package puts it.
pub(super) fn init_program(config: &Config) -> anyhow::Result<PathBuf> {
    if let Some(init) = &config.init {
        anyhow::ensure!(init.is_file(), "{} does not exist\nhint: correct init in the configuration", init.display());
        return Ok(init.clone());
    }
    let beside = std::env::current_exe().context("cannot find this program")?.with_file_name("aether-init");
    let found = [beside.clone(), PathBuf::from(PACKAGED_INIT)].into_iter().find(|init| init.is_file());
    found.with_context(|| {
        format!("{} does not exist\nhint: it belongs beside aetherd (or set init in the configuration)", beside.display())
    })
}

/// Made if missing, owned and with the mode as said, never through a link.
fn directory(path: &Path, (uid, gid): (Uid, Gid), mode: u32) -> anyhow::Result<()> {
    let made = match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(path),
        made => made,
    };
    made.with_context(|| format!("cannot make {}", path.display()))?;
    let meta = fs::symlink_metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    anyhow::ensure!(meta.is_dir(), "{} is not a directory", path.display());
    chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot give {} to its owner", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).with_context(|| format!("cannot set the mode of {}", path.display()))
}

/// Gives a database that root restored where there was none to the service. Only a file that is root's alone: the service's user
/// makes names in this directory, and must not get somebody else's file by one.
fn hand_over(database: &Path, (uid, gid): (Uid, Gid)) -> anyhow::Result<()> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(database) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.with_context(|| format!("cannot open {}", database.display()))?,
    };
    let meta = file.metadata().with_context(|| format!("cannot look at {}", database.display()))?;
    if meta.is_file() && meta.nlink() == 1 && meta.uid() == 0 {
        nix::unistd::fchown(&file, Some(uid), Some(gid))
            .with_context(|| format!("cannot give {} to its owner", database.display()))?;
    }
    Ok(())
}

/// May the service's user walk to `path`?
fn walkable(path: &Path, identity: &Identity) -> bool {
    path.ancestors().all(|dir| {
        fs::metadata(dir).is_ok_and(|meta| {
            let bit = if meta.uid() == identity.uid.as_raw() {
                0o100
            } else if meta.gid() == identity.gid.as_raw() {
                0o010
            } else {
                0o001
            };
            meta.mode() & bit != 0
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_the_service_may_walk() {
        let dir = tempfile::tempdir().expect("dir");
        let closed = dir.path().join("closed");
        let state = closed.join("state");
        fs::create_dir_all(&state).expect("mkdir");
        let identity = Identity { uid: Uid::from_raw(64_999), gid: Gid::from_raw(64_999), socket_group: None };
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).expect("mode");
        fs::set_permissions(&closed, Permissions::from_mode(0o711)).expect("mode");
        let open = walkable(dir.path(), &identity);
        assert_eq!(walkable(&state, &identity), open);
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("mode");
        assert!(!walkable(&state, &identity));
    }
}
