//! Plans of the built-in agent: trees of what is to be done.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Where a node of a plan stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeStatus {
    /// Not begun.
    #[default]
    Pending,
    /// Being worked on.
    Active,
    /// Done.
    Completed,
    /// Tried, and not done.
    Failed,
    /// Not needed any more.
    Skipped,
}

impl NodeStatus {
    /// Nothing more happens to it.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Skipped)
    }
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlanStatus {
    /// Followed.
    Active,
    /// Every node is settled, and none failed.
    Completed,
    /// Every node is settled, and some failed.
    Failed,
    /// Another plan took its place.
    Abandoned,
}

/// A node of a plan. The status of one with children follows from theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(no_recursion)]
pub struct PlanNode {
    /// Place in the tree: `2` is the second root, `2.1` its first child.
    pub id: String,
    /// What is to be done.
    pub title: String,
    /// Where it stands.
    pub status: NodeStatus,
    /// Steps it took, as the agent says.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub actual_steps: Option<u32>,
    /// Parts of it.
    #[serde(default)]
    pub children: Vec<PlanNode>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its number, never given twice; 0 before it is stored.
    #[ts(type = "number")]
    pub id: u64,
    /// What it is for.
    pub goal: String,
    /// Where it stands.
    pub status: PlanStatus,
    /// Its parts.
    pub nodes: Vec<PlanNode>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}
