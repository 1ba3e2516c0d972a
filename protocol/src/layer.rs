//! The layers of isolation by name.

use serde::{Deserialize, Serialize};

/// A layer of isolation, by the name that `--allow-reduced` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// User namespace with a uid range of its own.
    UserNamespace,
    /// pid, mount, ipc, uts and cgroup namespaces.
    Namespaces,
    /// Network namespace.
    Network,
    /// Read-only base and overlay home.
    Filesystem,
    /// Cgroup placement, freeze and kill.
    Cgroup,
    /// Memory limit.
    Memory,
    /// Process limit.
    Pids,
    /// CPU limit.
    Cpu,
    /// Landlock rules.
    Landlock,
    /// Seccomp filter.
    Seccomp,
    /// Empty capability sets and `no_new_privs`.
    Capabilities,
}
