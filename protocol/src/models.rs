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

/// Whether a provider of models can be asked by the built-in agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProviderState {
    /// It answered and took the key.
    Available,
    /// It answered and limits requests at the moment.
    Limited,
    /// Its default model failed again and again, and is left alone for a while.
    Resting,
    /// There is no key.
    NoKey,
    /// It refused the key.
    Refused,
    /// It could not be reached.
    Unreachable,
    /// It answered with a failure of its own, or with what is no answer.
    Failing,
    /// What is configured cannot be used.
    Unusable,
    /// Nobody said that it is there.
    NotSetUp,
}

impl ProviderState {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Limited => "limited",
            Self::Resting => "resting",
            Self::NoKey => "no key",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Failing => "failing",
            Self::Unusable => "unusable",
            Self::NotSetUp => "not set up",
        }
    }
}

/// A provider of models as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderReport {
    /// Name as in `PROVIDER/MODEL`.
    pub name: String,
    /// What it speaks: `chat`, `responses`, `anthropic`, `gemini`, `ollama`, or `rules` for what is built in.
    pub interface: String,
    /// Whether it can be asked.
    pub state: ProviderState,
    /// Why not, and what to do; or what there is to know. May be empty.
    pub detail: String,
    /// Model for goals that name the provider alone.
    pub default_model: String,
    /// Its default model takes images.
    pub images: bool,
    /// The models that it lists; empty when it was not asked or lists none.
    pub models: Vec<String>,
}

/// A tier and its model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierModel {
    /// `flash`, `standard` or `frontier`.
    pub tier: String,
    /// `PROVIDER/MODEL`.
    pub model: String,
}

/// The models that the built-in agent can use, and why others cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelsReport {
    /// What a goal gets that names no model: `PROVIDER/MODEL`, `auto` for the tiers, or `heuristic`.
    pub default_model: String,
    /// Models that answer when the one that was wished for cannot, in order.
    pub fallback: Vec<String>,
    /// Models by what they can do and cost, for `auto`.
    pub tiers: Vec<TierModel>,
    /// Every provider.
    pub providers: Vec<ProviderReport>,
}
