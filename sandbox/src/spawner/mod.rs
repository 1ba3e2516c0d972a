//! The spawner: the one privileged program. One thread, a closed set of requests, each checked again. What takes its time (a sandbox
//! that builds itself, one that ends) goes on while others are answered.
//!
//! It is the same executable as `aetherd`, started again before `aetherd` has any thread, so that nothing of the web-facing
//! process is in its memory. Descriptor 0 is its control socket; the first packet is its [`SpawnerConfig`].

mod call;
mod cgroup;
mod child;
mod closed;
mod confine;
mod disk;
mod failure;
mod filters;
mod flight;
mod home;
mod inspect;
mod launch;
mod mounts;
mod netns;
mod prepared;
mod probe;
mod root;
mod serve;
mod service;
mod survey;
mod syscalls;
mod system;
mod walk;
#[cfg(not(feature = "weaken"))]
mod weaken;
#[cfg(feature = "weaken")]
pub mod weaken;

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde::{Deserialize, Serialize};

pub use self::{
    disk::VolumeSize,
    service::confine_service,
    survey::{SURVEY_ARGUMENT, survey, survey_main},
};
use crate::sys::packet::send_packet;

/// First argument that makes `aetherd` the spawner.
pub const SPAWNER_ARGUMENT: &str = "__spawner";

/// What the spawner is told once, at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpawnerConfig {
    /// State directory: holds `base/`, `homes/` and `trash/`.
    pub state: PathBuf,
    /// Directory of the control sockets, `<id>.sock` each; only the service may enter it.
    pub sockets: PathBuf,
    /// Root tree of every sandbox, below `state` (made by `aether-fs-overlay`).
    pub base_root: PathBuf,
    /// Lower layer of every home, below `state`.
    pub base_home: PathBuf,
    /// The static `aether-init`.
    pub init: PathBuf,
    /// Uid the service runs as.
    pub service_uid: u32,
    /// Gid the service runs as.
    pub service_gid: u32,
    /// Network namespaces of each kind that are kept ready: 1 to [`MOST_NETWORKS`].
    pub networks: u8,
    /// The volume that is made for homes where the state directory's file system limits none.
    pub volume: VolumeSize,
    /// Name of this service's cgroup below its own one: `[a-z0-9-]`, 1 to 64 characters.
    pub cgroup_name: String,
    /// Cgroup below which it lies instead: a path below the cgroup2 mount point, which exists.
    pub cgroup_root: Option<String>,
}

/// Most network namespaces of a kind that are kept ready: as many as wait in a socket at once (`net.unix.max_dgram_qlen`, unix(7)).
pub const MOST_NETWORKS: u8 = 10;

/// A spawner that runs.
#[derive(Debug)]
pub struct SpawnerChild {
    /// Packets of [`crate::wire::spawner`]. When it is closed, the spawner ends; sandboxes stay.
    pub control: OwnedFd,
    /// Its pid.
    pub pid: u32,
}

/// Starts the spawner. To be called as root, before the caller has a second thread and before it drops its privileges.
///
/// # Errors
/// Those of socketpair(2) and of starting a process.
pub fn start(config: &SpawnerConfig) -> io::Result<SpawnerChild> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let packet = postcard::to_stdvec(config).map_err(io::Error::other)?;
    send_packet(ours.as_fd(), &packet, &[])?;
    let child = Command::new("/proc/self/exe")
        .arg0("aether-spawner")
        .arg(SPAWNER_ARGUMENT)
        .stdin(Stdio::from(theirs))
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .spawn()?;
    Ok(SpawnerChild { control: ours, pid: child.id() })
}

/// The spawner's whole life. Returns the exit status of the process.
pub fn main() -> i32 {
    match serve::run() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("aether-spawner: {error}");
            1
        }
    }
}
