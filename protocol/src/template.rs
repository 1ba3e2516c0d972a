//! Templates: agents that somebody thought out before.

use serde::{Deserialize, Serialize};

/// A template: what an agent of one kind is, can do, and is good for. It grants nothing: limits, network and directories are asked for
/// by whoever starts the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// Name to start it by; the file's name without `.toml`.
    #[serde(default)]
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// `development`, `research`, `data`, `creative`, `ops`, or a word of your own.
    pub category: String,
    /// Role told to the model.
    pub role: String,
    /// How it works, told to the model.
    #[serde(default)]
    pub instructions: String,
    /// The tools it may use.
    pub tools: Vec<String>,
    /// Steps after which it stops.
    pub max_steps: u32,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Goals it was made for; the first one is the worked example.
    #[serde(default)]
    pub goals: Vec<String>,
    /// Where it comes from: `built-in`, or the file.
    #[serde(default)]
    pub source: String,
}
