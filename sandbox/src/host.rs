//! What this kernel and host can do, probed once at start by the spawner. In tests a plain value.

use serde::{Deserialize, Serialize};

/// Capabilities of the host. A missing feature is a value that people see, not a silent branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSupport {
    /// `uname -r`.
    pub kernel: String,
    /// Landlock ABI, 0 when missing.
    pub landlock_abi: u32,
    /// Landlock can be enforced.
    pub landlock: Feature,
    /// User namespaces can be made, or the reason and fix.
    pub user_namespaces: Feature,
    /// Seccomp filters can be installed.
    pub seccomp: Feature,
    /// The system calls that building a sandbox needs, beside those of the other features.
    pub system_calls: Feature,
    /// The state directory's file system takes idmapped mounts.
    pub idmapped_state: Feature,
    /// The file system of the host's `/usr` takes idmapped mounts; otherwise its files show as `nobody` inside.
    pub idmapped_usr: Feature,
    /// overlayfs with an idmapped upper directory.
    pub overlay: Feature,
    /// Limits of the space that a home takes up.
    pub disk: Feature,
    /// Limits of the number of files in a home.
    pub inodes: Feature,
    /// Placement, freeze and `cgroup.kill` (cgroup2).
    pub cgroup: Feature,
    /// Memory limits.
    pub memory: Feature,
    /// Process limits.
    pub pids: Feature,
    /// CPU limits.
    pub cpu: Feature,
    /// Connections made inside to every address can be relayed (sk_lookup, Linux 5.9); otherwise those to the proxy inside only.
    pub relay: Feature,
    /// `unified` (pure cgroup v2) or `hybrid` (controllers on v1).
    pub cgroup_layout: String,
    /// Uid the daemon runs as.
    pub service_uid: u32,
}

/// What can be found out without a service, by [`crate::spawner::survey`]: the parts of [`HostSupport`] that do not depend on the
/// cgroup a service is started in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// See [`HostSupport::landlock`].
    pub landlock: Feature,
    /// See [`HostSupport::user_namespaces`]; `None` for an ordinary user, whose answer would be another one than root's.
    pub user_namespaces: Option<Feature>,
    /// See [`HostSupport::seccomp`].
    pub seccomp: Feature,
    /// See [`HostSupport::system_calls`].
    pub system_calls: Feature,
    /// See [`HostSupport::relay`]; `None` for an ordinary user, who cannot try it.
    pub relay: Option<Feature>,
    /// What only root can try out.
    pub file_systems: Option<FileSystems>,
}

/// What the file systems of the state directory and of `/usr` can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystems {
    /// See [`HostSupport::idmapped_state`].
    pub idmapped_state: Feature,
    /// See [`HostSupport::idmapped_usr`].
    pub idmapped_usr: Feature,
    /// See [`HostSupport::overlay`].
    pub overlay: Feature,
}

/// A feature of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// It works.
    pub works: bool,
    /// How it was found, or why it does not work.
    pub detail: String,
    /// What to do about it; empty when it works.
    pub fix: String,
}

impl Feature {
    /// It works.
    pub fn yes(detail: impl Into<String>) -> Self {
        Self { works: true, detail: detail.into(), fix: String::new() }
    }

    /// It does not.
    pub fn no(detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { works: false, detail: detail.into(), fix: fix.into() }
    }
}
