//! What agents remember, and what is remembered of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AgentId, AgentName, ApiError, Timestamp};

/// The longest single memory, in bytes.
pub const MAX_MEMORY_BYTES: usize = 8 * 1024;
/// Most tags of one memory.
pub const MAX_TAGS: usize = 16;
/// The longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 64;
/// Importance of a memory that nobody weighed.
pub const DEFAULT_IMPORTANCE: f64 = 0.5;

/// A layer of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemoryLayer {
    /// What happened.
    Episodic,
    /// What is so.
    Semantic,
    /// How something is done.
    Procedural,
    /// Who is who.
    Social,
}

impl MemoryLayer {
    /// Every layer.
    pub const ALL: [Self; 4] = [Self::Episodic, Self::Semantic, Self::Procedural, Self::Social];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Episodic => "episodic",
            Self::Semantic => "semantic",
            Self::Procedural => "procedural",
            Self::Social => "social",
        }
    }
}

/// One memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// Its number, never given twice.
    #[ts(type = "number")]
    pub id: u64,
    /// Its layer.
    pub layer: MemoryLayer,
    /// What is remembered.
    pub content: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Weight given to it, 0 to 1.
    pub importance: f64,
    /// Weight now: the importance times 0.99 for each day since it was last used.
    pub strength: f64,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last used.
    pub accessed_at: Timestamp,
    /// How often it was recalled.
    pub accesses: u32,
    /// When it is forgotten, if that was set.
    #[ts(optional = nullable)]
    pub expires_at: Option<Timestamp>,
}

/// A memory to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMemory {
    /// Its layer; `semantic` when absent.
    #[serde(default = "semantic")]
    #[ts(as = "Option<MemoryLayer>", optional)]
    pub layer: MemoryLayer,
    /// What is remembered.
    pub content: String,
    /// Words to find it by.
    #[serde(default)]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub tags: Vec<String>,
    /// Weight, taken into 0 to 1; 0.5 when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub importance: Option<f64>,
    /// Seconds after which it is forgotten.
    #[serde(default)]
    #[ts(type = "number | null", optional)]
    pub expires_in_seconds: Option<u64>,
}

const fn semantic() -> MemoryLayer {
    MemoryLayer::Semantic
}

impl NewMemory {
    /// Checks sizes.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid) with cause and fix.
    pub fn check(&self) -> Result<(), ApiError> {
        if self.content.trim().is_empty() {
            return Err(ApiError::invalid("the memory is empty", "say in content what is to be remembered"));
        }
        if self.content.len() > MAX_MEMORY_BYTES {
            let message = format!("the memory is {} bytes long, at most {MAX_MEMORY_BYTES} are kept", self.content.len());
            return Err(ApiError::invalid(message, "put the details in a file and remember where it is"));
        }
        if self.tags.len() > MAX_TAGS || self.tags.iter().any(|tag| tag.is_empty() || tag.len() > MAX_TAG_BYTES) {
            let message = format!("a memory has at most {MAX_TAGS} tags of 1 to {MAX_TAG_BYTES} bytes");
            return Err(ApiError::invalid(message, "give fewer or shorter tags"));
        }
        Ok(())
    }

    /// The importance it is stored with.
    pub fn weight(&self) -> f64 {
        self.importance.filter(|weight| !weight.is_nan()).unwrap_or(DEFAULT_IMPORTANCE).clamp(0.0, 1.0)
    }
}

/// Whose memory an agent uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MindInfo {
    /// Number of the mind, never given twice.
    #[ts(type = "number")]
    pub id: u64,
    /// Whose it is.
    pub owner: String,
    /// Name under which agents of the same owner use it; absent for the memory of one agent.
    #[ts(optional = nullable)]
    pub name: Option<AgentName>,
    /// The one agent that uses it, where it has no name.
    #[ts(optional = nullable)]
    pub agent: Option<AgentId>,
    /// Memories held, by layer.
    #[ts(type = "Record<string, number>")]
    pub held: BTreeMap<String, u64>,
}

/// What an agent is known for, counted and not guessed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentProfile {
    /// Goals that it reached.
    #[ts(type = "number")]
    pub completed: u64,
    /// Goals that it did not reach.
    #[ts(type = "number")]
    pub failed: u64,
    /// Steps taken in all of them.
    #[ts(type = "number")]
    pub steps: u64,
    /// Calls of tools.
    #[ts(type = "number")]
    pub calls: u64,
    /// Calls of tools that failed.
    #[ts(type = "number")]
    pub calls_failed: u64,
    /// Ratings that a model gave at the end of runs, and their sum: both 0 where none did.
    #[ts(type = "number")]
    pub ratings: u64,
    /// Sum of these ratings.
    #[ts(type = "number")]
    pub rating_sum: u64,
    /// What it says it is good at, at most 20.
    pub expertise: Vec<String>,
    /// What it notes of itself.
    pub notes: String,
}

/// A look back at one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reflection {
    /// The agent.
    pub agent: AgentId,
    /// When.
    pub at: Timestamp,
    /// `completed` or `failed`.
    pub outcome: String,
    /// 1 to 5 as the model rated it; absent when no model did.
    #[ts(optional = nullable)]
    pub rating: Option<u8>,
    /// What the model said of it, or why there is no rating.
    pub summary: String,
}

/// What a person thought of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Feedback {
    /// The step, from 1.
    pub step: u32,
    /// 1 or -1.
    pub rating: i8,
    /// In their words.
    pub comment: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Feedback to be recorded; a second one of the same person about the same step replaces the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewFeedback {
    /// The step, from 1.
    pub step: u32,
    /// 1 or -1.
    pub rating: i8,
    /// In their words.
    #[serde(default)]
    #[ts(as = "Option<String>", optional)]
    pub comment: String,
}

impl NewFeedback {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid) with cause and fix.
    pub fn check(&self) -> Result<(), ApiError> {
        if !matches!(self.rating, 1 | -1) {
            return Err(ApiError::invalid(format!("the rating {} is neither 1 nor -1", self.rating), "give 1 or -1"));
        }
        if self.step == 0 {
            return Err(ApiError::invalid("there is no step 0", "steps count from 1"));
        }
        if self.comment.len() > 4096 {
            return Err(ApiError::invalid("the comment is longer than 4096 bytes", "make it shorter"));
        }
        Ok(())
    }
}
