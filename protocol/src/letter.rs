//! What agents write to each other.

use serde::{Deserialize, Serialize};

use crate::{AgentId, Timestamp};

/// The longest letter, in bytes.
pub const MAX_LETTER_BYTES: usize = 16 * 1024;

/// What a letter is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// Plain words.
    #[default]
    Message,
    /// Asks for a review.
    ReviewRequest,
    /// Answers one.
    ReviewResponse,
    /// Asks to take a task.
    TaskDelegate,
    /// The task is taken.
    TaskAccepted,
    /// The task is not taken.
    TaskRejected,
    /// The task is done.
    TaskCompleted,
    /// How it goes.
    StatusUpdate,
    /// Something worth knowing.
    KnowledgeShare,
}

impl LetterKind {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::ReviewRequest => "review_request",
            Self::ReviewResponse => "review_response",
            Self::TaskDelegate => "task_delegate",
            Self::TaskAccepted => "task_accepted",
            Self::TaskRejected => "task_rejected",
            Self::TaskCompleted => "task_completed",
            Self::StatusUpdate => "status_update",
            Self::KnowledgeShare => "knowledge_share",
        }
    }
}

/// A letter from one agent to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// Its number, never given twice.
    #[ts(type = "number")]
    pub id: u64,
    /// Who wrote it.
    pub from: AgentId,
    /// For whom.
    pub to: AgentId,
    /// What it is for.
    pub kind: LetterKind,
    /// The letter that this one answers, or the task it is about.
    #[ts(type = "number | null", optional)]
    pub about: Option<u64>,
    /// What it says.
    pub content: String,
    /// When it was written.
    pub sent_at: Timestamp,
    /// When it was read; absent: it waits.
    #[ts(optional = nullable)]
    pub read_at: Option<Timestamp>,
}
