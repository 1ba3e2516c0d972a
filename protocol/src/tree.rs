//! Who started whom.

use serde::{Deserialize, Serialize};

use crate::{AgentInfo, Spent};

/// An agent and everybody below it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentTree {
    /// The agent first; each one stands before its children, the oldest of which comes first.
    pub nodes: Vec<TreeNode>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreeNode {
    /// Generations below the first one.
    pub depth: u32,
    /// The agent.
    pub agent: AgentInfo,
    /// What it used itself.
    pub spent: Spent,
    /// What its live children may still use of its budget.
    pub lent: Spent,
}
