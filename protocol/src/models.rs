//! The model gateway: which providers an agent may ask, and what it asked.

use serde::{Deserialize, Serialize};

/// A provider of models, by the interface its programs speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelProvider {
    /// OpenAI: chat completions, responses, embeddings, models.
    Openai,
    /// Anthropic: messages.
    Anthropic,
    /// Google Gemini: generateContent.
    Gemini,
    /// Ollama: chat, generate, embed.
    Ollama,
}

impl ModelProvider {
    /// Every provider.
    pub const ALL: [Self; 4] = [Self::Openai, Self::Anthropic, Self::Gemini, Self::Ollama];

    /// Its name on the wire, in configuration and in paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }
}

/// What the calls of one agent to one model in one step came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelUsage {
    /// Step of the built-in agent during which the calls were made; 0 for programs.
    pub step: u32,
    /// The provider.
    pub provider: ModelProvider,
    /// The model, as the request named it.
    pub model: String,
    /// Calls.
    #[ts(type = "number")]
    pub calls: u64,
    /// Of those, how many got no complete good answer.
    #[ts(type = "number")]
    pub failed: u64,
    /// Tokens read, as the provider counted them.
    #[ts(type = "number")]
    pub input_tokens: u64,
    /// Tokens written, as the provider counted them.
    #[ts(type = "number")]
    pub output_tokens: u64,
    /// Time until the ends of the answers, summed, milliseconds.
    #[ts(type = "number")]
    pub latency_ms: u64,
    /// Cost in millionths of a US dollar by the configured prices; absent when the model has no price.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub cost_microusd: Option<u64>,
}

/// The model gateway as one agent has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentModels {
    /// The providers it may ask.
    pub providers: Vec<ModelProvider>,
    /// Tokens it may use in all; absent: no limit.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub token_budget: Option<u64>,
    /// Tokens used so far, read and written.
    #[ts(type = "number")]
    pub tokens_used: u64,
    /// What the calls came to, by step and model.
    pub usage: Vec<ModelUsage>,
}
