//! A sandbox, compiled: complete, host-specific, printable. The spawner executes it and decides nothing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Uid and gid of the user `agent` inside every sandbox.
pub const AGENT_ID: u32 = 1000;
/// Uid and gid of `aether-init` inside every sandbox: not the agent's, so that the agent has no power over it.
pub const INIT_ID: u32 = 65_533;
/// Home directory inside every sandbox.
pub const AGENT_HOME: &str = "/home/agent";
/// Where programs inside look for whom to trust: the only part of `/etc` that a directory may be lent over, and only to be read.
pub const TRUST: &str = "/etc/ssl/certs";
/// Ids in one range: 0 to 65535 inside.
pub const RANGE_SIZE: u32 = 65_536;
/// Lowest first host id of a range: above every id that `useradd` or `systemd-homed` hands out for people.
pub const RANGE_FLOOR: u32 = 0x3000_0000;
/// Number of ranges from [`RANGE_FLOOR`] (the last one ends below 0x7000_0000).
pub const RANGE_COUNT: u32 = 0x4000;

/// Name of a sandbox or a home on this host: 1 to 32 characters `[a-z0-9]`. Safe as a file, cgroup and socket name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SandboxId(String);

/// Text that is not a [`SandboxId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a sandbox id (1 to 32 characters of a-z and 0-9)")]
pub struct InvalidSandboxId(String);

impl FromStr for SandboxId {
    type Err = InvalidSandboxId;
    fn from_str(text: &str) -> Result<Self, InvalidSandboxId> {
        let valid = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidSandboxId(text.chars().take(64).collect())) }
    }
}

impl TryFrom<String> for SandboxId {
    type Error = InvalidSandboxId;
    fn try_from(text: String) -> Result<Self, InvalidSandboxId> {
        text.parse()
    }
}

impl From<SandboxId> for String {
    fn from(id: SandboxId) -> Self {
        id.0
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SandboxId {
    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One of the [`RANGE_COUNT`] uid ranges. Two different slots never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdRange {
    slot: u32,
}

impl IdRange {
    /// The range number `slot`; `None` past the last one.
    pub const fn new(slot: u32) -> Option<Self> {
        if slot < RANGE_COUNT { Some(Self { slot }) } else { None }
    }

    /// Its number.
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// First host id; 0 inside.
    pub const fn start(self) -> u32 {
        RANGE_FLOOR + self.slot * RANGE_SIZE
    }

    /// Host id of the user `agent`.
    pub const fn agent(self) -> u32 {
        self.start() + AGENT_ID
    }

    /// Host id of `aether-init`.
    pub const fn init(self) -> u32 {
        self.start() + INIT_ID
    }
}

/// Everything the spawner needs to build one sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SandboxPlan {
    /// Name of its cgroup, its control socket and its runtime directory.
    pub id: SandboxId,
    /// Host name inside: `[a-z0-9-]`, 1 to 63 characters.
    pub hostname: String,
    /// Its uids and gids.
    pub ids: IdRange,
    /// Name of its home below `<state>/homes`; made when it does not exist.
    pub home: SandboxId,
    /// How far it is closed.
    pub profile: Profile,
    /// Limits of its cgroup.
    pub limits: CgroupLimits,
    /// Limits of its files; `None` leaves them to the file system they lie on.
    pub disk: Option<DiskLimits>,
    /// Host directories lent to it; the descriptors travel beside the plan, in this order.
    pub mounts: Vec<LentMount>,
    /// Network.
    pub network: NetworkPlan,
    /// Size of `/tmp`, bytes.
    pub tmp_bytes: u64,
    /// Size of `/dev/shm`, bytes.
    pub shm_bytes: u64,
    /// Layers the person allowed to be missing. Every other layer is required.
    pub may_miss: Vec<PlanLayer>,
}

/// A profile of sandboxes: what the agent is inside, and what is left out for the work it is meant for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Profile {
    /// Everything closed.
    #[default]
    Standard,
    /// Uid 0 of its own user namespace with a package manager's capabilities, on a writable system of its own.
    Packages,
    /// User namespaces can be made inside.
    Browser,
}

/// Limits of what a sandbox writes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskLimits {
    /// Space, bytes.
    pub bytes: u64,
    /// Files and directories.
    pub inodes: u64,
    /// A person asked for a limit of space: without a means to enforce it the launch is refused.
    pub required: bool,
    /// The same for the number of files and directories.
    pub inodes_required: bool,
}

/// Limits of a cgroup. Zero is not "unlimited": every field is a real limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CgroupLimits {
    /// Memory, bytes. Swap is always 0.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// CPU time per 100 ms period, microseconds (150 000 = 1.5 CPUs).
    pub cpu_quota_usec: u64,
}

/// A lent host directory. Inside, what belongs to the lender belongs to `agent`; what the agent makes belongs to the lender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LentMount {
    /// Absolute directory inside.
    pub target: String,
    /// Lend it read-only.
    pub read_only: bool,
    /// Host uid of the lender.
    pub lender_uid: u32,
    /// Host gid of the lender.
    pub lender_gid: u32,
}

/// Network of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkPlan {
    /// A namespace with loopback only.
    LoopbackOnly,
    /// The same, in which connections to all other addresses and questions for names arrive at sockets of the supervisor's.
    Relayed,
}

/// A layer of isolation, in the order in which it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PlanLayer {
    /// User namespace with its own id range.
    UserNamespace,
    /// pid, mount, ipc, uts and cgroup namespaces.
    Namespaces,
    /// Network namespace.
    Network,
    /// Read-only base, overlay home, private /tmp and /dev, masked /proc.
    Filesystem,
    /// Cgroup placement, freeze and kill.
    Cgroup,
    /// Memory limit.
    Memory,
    /// Process limit.
    Pids,
    /// CPU limit.
    Cpu,
    /// Landlock.
    Landlock,
    /// Seccomp.
    Seccomp,
    /// Empty capability sets, `no_new_privs`, new session keyring, rlimits.
    Capabilities,
}

impl PlanLayer {
    /// Every layer, in order.
    pub const ALL: [Self; 11] = [
        Self::UserNamespace,
        Self::Namespaces,
        Self::Network,
        Self::Filesystem,
        Self::Cgroup,
        Self::Memory,
        Self::Pids,
        Self::Cpu,
        Self::Landlock,
        Self::Seccomp,
        Self::Capabilities,
    ];

    /// Name as `--allow-reduced` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserNamespace => "user-namespace",
            Self::Namespaces => "namespaces",
            Self::Network => "network",
            Self::Filesystem => "filesystem",
            Self::Cgroup => "cgroup",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::Capabilities => "capabilities",
        }
    }
}

/// A layer as the spawner set it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerState {
    /// Which.
    pub layer: PlanLayer,
    /// In force.
    pub active: bool,
    /// How, or why not.
    pub detail: String,
}
