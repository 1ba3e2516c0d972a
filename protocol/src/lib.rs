//! The promises of Aether: wire types, ids, commands, events and errors.
//!
//! Pure data, no I/O. Every type derives serde (the wire), `ts-rs` (the TypeScript client) and `utoipa` (OpenAPI 3.1).
//! Field names are camelCase on the wire; unions are tagged with `type`; 64-bit integers are JSON numbers.

#![forbid(unsafe_code)]

pub mod agent;
pub mod approval;
pub mod audit;
pub mod budget;
pub mod call;
mod closed;
pub mod command;
pub mod declared;
pub mod error;
pub mod event;
pub mod frame;
pub mod fs;
pub mod id;
pub mod isolation;
mod layer;
pub mod letter;
pub mod memory;
pub mod models;
pub mod network;
pub mod plan;
pub mod preview;
pub mod response;
pub mod secret;
pub mod spec;
pub mod system;
pub mod template;
pub mod timestamp;
pub mod tree;
pub mod tty;

pub use agent::{
    AgentInfo, AgentPhase, AgentState, DiskUsage, Enforcement, EnforcementMode, ExitInfo, LayerReport, PolicyDigest, UidRange,
    Usage,
};
pub use approval::{CallWish, RuleEffect, Suspicion, ToolRule};
pub use audit::{AuditCheck, AuditRecord, canonical_json};
pub use budget::{AgentBudget, Budget, BudgetKind, BudgetLine, BudgetScope, PostMortem, Spent};
pub use call::CallUsage;
pub use command::{Command, CommandEnvelope, Response};
pub use error::{ApiError, ErrorBody, ErrorCode};
pub use event::{AgentEvent, Event};
pub use fs::{FileEntry, FileKind};
pub use id::{AgentId, AgentName, InvalidId, SecretName, TtyId};
pub use isolation::{IsolationLayer, IsolationReport, ReportKey, SignedReport};
pub use letter::{Letter, LetterKind};
pub use memory::{AgentProfile, Feedback, Memory, MemoryLayer, MindInfo, NewFeedback, NewMemory, Reflection};
pub use models::{AgentModels, ModelProvider, ModelUsage, ModelsReport, ProviderReport, ProviderState, TierModel};
pub use network::{Approval, Decision, NetworkChange, NetworkInfo, NetworkMode, NetworkRules};
pub use plan::{NodeStatus, Plan, PlanNode, PlanStatus};
pub use preview::{AgentPort, PreviewLink};
pub use secret::{Grant, GrantSpec, SecretInfo, SecretPlace, SecretSet, SecretUse, SecretUsed};
pub use spec::{AgentSpec, CommandSpec, GoalSpec, Layer, Limits, MountSource, MountSpec, Profile, Program};
pub use system::{DoctorReport, Finding, FindingGroup, FindingStatus, HealthInfo, SystemStatus};
pub use template::Template;
pub use timestamp::Timestamp;
pub use tree::{AgentTree, TreeNode};
pub use tty::{Screen, TtyInfo};

/// Version of this wire surface, sent as `X-Aether-Version` and in `kernel.ready`.
pub const PROTOCOL_VERSION: &str = env!("CARGO_PKG_VERSION");
