//! What a person asks for: untrusted until [`AgentSpec::check`] and the supervisor's compile step have seen it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::layer::Layer;
use crate::{
    AgentName, Budget, ModelProvider, NetworkMode, SecretUse, ToolRule, approval::check_rules, error::ApiError,
    secret::check_uses,
};

/// The largest single argument or environment value, in bytes (Linux allows 128 KiB, `MAX_ARG_STRLEN`).
pub const MAX_ARG_BYTES: usize = 128 * 1024 - 1;
/// The largest sum of all arguments and environment, in bytes.
pub const MAX_ARGS_TOTAL_BYTES: usize = 1024 * 1024;

/// An agent as wished for. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSpec {
    /// Name; generated from the id when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub name: Option<AgentName>,
    /// Agent under which it starts, by id, number or name: it gets no more than that one has, and ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub parent: Option<String>,
    /// It goes on when its parent ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub outlives: bool,
    /// What runs: a program, or the built-in agent with a goal.
    pub program: Program,
    /// Environment added to the agent's defaults.
    #[serde(default)]
    #[ts(as = "Option<BTreeMap<String, String>>", optional)]
    pub env: BTreeMap<String, String>,
    /// Absolute directory inside the sandbox to start in; `/home/agent` when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub workdir: Option<String>,
    /// What the network may reach.
    #[serde(default)]
    #[ts(as = "Option<NetworkMode>", optional)]
    pub network: NetworkMode,
    /// Providers that its programs may ask through the model gateway; none when empty.
    #[serde(default)]
    #[ts(as = "Option<Vec<ModelProvider>>", optional)]
    pub models: Vec<ModelProvider>,
    /// Secrets that are added to its requests, and never seen inside; none when empty.
    #[serde(default)]
    #[ts(as = "Option<Vec<SecretUse>>", optional)]
    pub secrets: Vec<SecretUse>,
    /// Limits of its cgroup.
    #[serde(default)]
    #[ts(as = "Option<Limits>", optional)]
    pub limits: Limits,
    /// What it may use up before it is frozen.
    #[serde(default)]
    #[ts(as = "Option<Budget>", optional)]
    pub budget: Budget,
    /// Which calls of the built-in agent are allowed, asked about, or denied; the configured rules hold as well.
    #[serde(default)]
    #[ts(as = "Option<Vec<ToolRule>>", optional)]
    pub rules: Vec<ToolRule>,
    /// How far its sandbox goes: everything closed, or one of the named weaker ones.
    #[serde(default)]
    #[ts(as = "Option<Profile>", optional)]
    pub profile: Profile,
    /// Host directories lent to it.
    #[serde(default)]
    #[ts(as = "Option<Vec<MountSpec>>", optional)]
    pub mounts: Vec<MountSpec>,
    /// Place in the queue, 1 (first) to 5 (last).
    #[serde(default = "default_priority")]
    #[ts(as = "Option<u8>", optional)]
    pub priority: u8,
    /// Remove home and record when it ends (`--rm`).
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub ephemeral: bool,
    /// Layers that may be missing on this host: an explicit, audited choice.
    #[serde(default)]
    #[ts(as = "Option<Vec<Layer>>", optional)]
    pub allow_reduced: Vec<Layer>,
}

const fn default_priority() -> u8 {
    3
}

/// What an agent runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Program {
    /// A program somebody brings.
    Command(CommandSpec),
    /// The built-in think-act-observe agent.
    Goal(GoalSpec),
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandSpec {
    /// Program and arguments; the program is searched in the sandbox's `PATH`.
    pub argv: Vec<String>,
    /// Give it a terminal instead of pipes.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub tty: bool,
    /// Keep its standard input open for writers; otherwise it reads end-of-file at once.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub stdin: bool,
    /// Columns of the terminal at start (default 120).
    #[serde(default)]
    #[ts(optional = nullable)]
    pub cols: Option<u16>,
    /// Rows of the terminal at start (default 36).
    #[serde(default)]
    #[ts(optional = nullable)]
    pub rows: Option<u16>,
}

/// A goal for the built-in agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoalSpec {
    /// The goal in plain words.
    pub goal: String,
    /// Role shown to people and told to the model, for example `Coder`.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub role: Option<String>,
    /// `PROVIDER/MODEL`, for example `openai/gpt-5.2`; the first available provider when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub model: Option<String>,
    /// Steps after which it stops (default 50).
    #[serde(default)]
    #[ts(optional = nullable)]
    pub max_steps: Option<u32>,
    /// Tools that it has, by name, beside `complete`; all there are when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub tools: Option<Vec<String>>,
    /// Named memory that it uses, shared with the owner's other agents of that name and kept when they are removed; a memory of
    /// its own when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub memory: Option<AgentName>,
    /// Template that brings role, tools and steps where they are absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub template: Option<String>,
    /// Where the words of the goal come from, when from outside: what follows is tainted from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub outside: Option<String>,
}

/// A sandbox profile. `standard` is the strongest; each other one names what it gives up and for which work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Everything closed: the agent is an ordinary user without any capability on a read-only system.
    #[default]
    Standard,
    /// The agent is root inside its own user namespace, with the few capabilities that a package manager needs, on a writable
    /// system of its own.
    Packages,
    /// User namespaces may be made inside, for programs that build a sandbox of their own such as Chromium.
    Browser,
}

/// Limits of an agent's cgroup and of its files. Absent means the daemon's configured default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Memory, bytes (swap is always 0).
    #[serde(default)]
    #[ts(type = "number | null", optional)]
    pub memory_bytes: Option<u64>,
    /// CPUs, for example `1.5`.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub cpus: Option<f64>,
    /// Processes and threads.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub pids: Option<u32>,
    /// Space that its home may take on disk, bytes.
    #[serde(default)]
    #[ts(type = "number | null", optional)]
    pub disk_bytes: Option<u64>,
    /// Files and directories that its home may hold.
    #[serde(default)]
    #[ts(type = "number | null", optional)]
    pub inodes: Option<u64>,
    /// Tokens that its calls through the model gateway may use in all, read and written.
    #[serde(default)]
    #[ts(type = "number | null", optional)]
    pub model_tokens: Option<u64>,
}

/// A host directory lent to an agent; inside, its files belong to the agent's user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MountSpec {
    /// Where it comes from.
    pub source: MountSource,
    /// Absolute directory inside the sandbox.
    pub target: String,
    /// Lend it read-only.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub read_only: bool,
}

/// Origin of a lent directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum MountSource {
    /// The n-th descriptor passed with the request over the Unix socket (`SCM_RIGHTS`).
    Descriptor(DescriptorSource),
    /// A path below a root that the daemon's configuration names.
    Root(RootSource),
}

/// A directory descriptor that travels with the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescriptorSource {
    /// Its place among the descriptors of the request, from 0.
    pub index: u32,
    /// The client's path, shown to people, never opened.
    pub shown: String,
}

/// A directory below a configured root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RootSource {
    /// Absolute host path.
    pub path: String,
}

impl AgentSpec {
    /// Checks everything that needs no host: sizes, ranges and shapes.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid) with the field, the cause and the fix.
    pub fn check(&self) -> Result<(), ApiError> {
        match &self.program {
            Program::Command(command) => check_command(command)?,
            Program::Goal(goal) => check_goal(goal)?,
        }
        check_env(&self.env)?;
        if let Some(dir) = &self.workdir {
            check_guest_path("workdir", dir)?;
        }
        for mount in &self.mounts {
            check_guest_path("mounts.target", &mount.target)?;
        }
        if !(1..=5).contains(&self.priority) {
            return Err(ApiError::invalid(format!("priority {} is out of range", self.priority), "give 1 (first) to 5 (last)"));
        }
        self.network.check()?;
        self.budget.check()?;
        check_rules(&self.rules)?;
        check_uses(&self.secrets)?;
        self.limits.check()
    }
}

/// Checks a program: not empty, no NUL, within the kernel's argument sizes.
///
/// # Errors
/// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid).
pub fn check_command(command: &CommandSpec) -> Result<(), ApiError> {
    if command.argv.first().is_none_or(String::is_empty) {
        return Err(ApiError::invalid("the command is empty", "name a program, for example: aether run -- ls -l"));
    }
    let mut total = 0;
    for arg in &command.argv {
        check_text("an argument", arg)?;
        total += arg.len() + 1;
    }
    if total > MAX_ARGS_TOTAL_BYTES {
        return Err(ApiError::invalid(
            format!("the arguments are {total} bytes together, at most {MAX_ARGS_TOTAL_BYTES} are allowed"),
            "put the data in a file (aether cp) or send it on standard input (-i)",
        ));
    }
    Ok(())
}

fn check_goal(goal: &GoalSpec) -> Result<(), ApiError> {
    if goal.goal.trim().is_empty() {
        return Err(ApiError::invalid("the goal is empty", "say in a sentence what the agent should do"));
    }
    if goal.goal.len() > 64 * 1024 {
        return Err(ApiError::invalid("the goal is longer than 64 KiB", "put the details in a file and name it in the goal"));
    }
    if goal.max_steps.is_some_and(|steps| steps == 0 || steps > 10_000) {
        return Err(ApiError::invalid("maxSteps is out of range", "give 1 to 10000"));
    }
    check_tools(goal.tools.as_deref().unwrap_or_default())
}

/// Checks a list of tools: at most 128 plain names.
///
/// # Errors
/// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid).
pub fn check_tools(tools: &[String]) -> Result<(), ApiError> {
    if tools.len() > 128 {
        return Err(ApiError::invalid(format!("{} tools are too many", tools.len()), "name at most 128, or leave the list out"));
    }
    let plain =
        |name: &String| (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    match tools.iter().find(|name| !plain(name)) {
        None => Ok(()),
        Some(odd) => {
            let odd: String = odd.chars().take(80).collect();
            Err(ApiError::invalid(format!("{odd:?} is not the name of a tool"), "a name is like read_file or run_command"))
        }
    }
}

/// Checks environment names and values.
///
/// # Errors
/// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid).
pub fn check_env(env: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let mut total = 0;
    for (name, value) in env {
        if name.is_empty() || name.contains('=') || name.contains('\0') {
            return Err(ApiError::invalid(format!("invalid environment name {name:?}"), "a name has no '=' and is not empty"));
        }
        check_text("an environment value", value)?;
        total += name.len() + value.len() + 2;
    }
    if total > MAX_ARGS_TOTAL_BYTES {
        return Err(ApiError::invalid("the environment is larger than 1 MiB", "put the data in a file"));
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<(), ApiError> {
    if text.contains('\0') {
        return Err(ApiError::invalid(format!("{what} contains a NUL byte"), "remove it: the kernel ends arguments at NUL"));
    }
    if text.len() > MAX_ARG_BYTES {
        return Err(ApiError::invalid(
            format!("{what} is {} bytes long, at most {MAX_ARG_BYTES} are allowed", text.len()),
            "put the data in a file (aether cp) or send it on standard input (-i)",
        ));
    }
    Ok(())
}

/// Checks a path inside the sandbox: absolute, no `..`, no NUL, at most 4095 bytes.
///
/// # Errors
/// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid).
pub fn check_guest_path(field: &str, path: &str) -> Result<(), ApiError> {
    let plain = path.starts_with('/') && path.len() < 4096 && !path.contains('\0') && !path.split('/').any(|part| part == "..");
    if plain {
        return Ok(());
    }
    let shown: String = path.chars().take(80).collect();
    Err(ApiError::invalid(format!("{field}: {shown:?} is not a path inside the sandbox"), "give an absolute path without '..'"))
}

impl Limits {
    fn check(&self) -> Result<(), ApiError> {
        if self.memory_bytes.is_some_and(|bytes| bytes < 8 << 20) {
            return Err(ApiError::invalid("memory below 8 MiB cannot hold a sandbox", "give at least 8M"));
        }
        if self.cpus.is_some_and(|cpus| !(0.01..=4096.0).contains(&cpus)) {
            return Err(ApiError::invalid("cpus is out of range", "give 0.01 to 4096"));
        }
        if self.pids.is_some_and(|pids| !(4..=4_194_304).contains(&pids)) {
            return Err(ApiError::invalid("pids is out of range", "give 4 to 4194304"));
        }
        if self.disk_bytes.is_some_and(|bytes| !(16 << 20..=1 << 50).contains(&bytes)) {
            return Err(ApiError::invalid("disk is out of range", "give 16M to 1024T"));
        }
        if self.inodes.is_some_and(|inodes| !(1024..=u64::from(u32::MAX)).contains(&inodes)) {
            return Err(ApiError::invalid("inodes is out of range", "give 1024 to 4294967295"));
        }
        Ok(())
    }
}
