//! What goes to a model and what comes back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum Message {
    /// Rules for the model.
    System {
        /// Text.
        text: String,
    },
    /// A person, or the program that speaks for one.
    User {
        /// Text.
        text: String,
        /// What it shows.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<Image>,
    },
    /// The model.
    Assistant {
        /// Text; may be empty beside calls.
        text: String,
        /// Tools it calls.
        calls: Vec<ToolCall>,
    },
    /// The answer to a call.
    Tool {
        /// Id of the call.
        call_id: String,
        /// Name of the tool.
        name: String,
        /// Result.
        text: String,
        /// What it shows.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<Image>,
    },
}

impl Message {
    /// Rules for the model.
    pub fn system(text: impl Into<String>) -> Self {
        Self::System { text: text.into() }
    }

    /// A person's words, without images.
    pub fn user(text: impl Into<String>) -> Self {
        Self::User { text: text.into(), images: Vec::new() }
    }

    /// The answer to a call, without images.
    pub fn tool(call_id: impl Into<String>, name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Tool { call_id: call_id.into(), name: name.into(), text: text.into(), images: Vec::new() }
    }

    /// What it shows.
    pub fn images(&self) -> &[Image] {
        match self {
            Self::User { images, .. } | Self::Tool { images, .. } => images,
            Self::System { .. } | Self::Assistant { .. } => &[],
        }
    }
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`: what every provider takes.
    pub media_type: String,
    /// The file's bytes.
    pub data: Vec<u8>,
}

/// A tool as a model is told about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub parameters: Value,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Id, unique within its message, and opaque: some providers need more of a call back than a number, and it is kept here.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Arguments; a plain string holds text that was not JSON.
    pub arguments: Value,
}

/// What to ask.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CompletionRequest {
    /// Model; the provider's default when absent.
    pub model: Option<String>,
    /// The conversation.
    pub messages: Vec<Message>,
    /// Tools the model may call.
    pub tools: Vec<Arc<ToolSpec>>,
    /// Most tokens to write; the provider's own limit when absent.
    pub max_tokens: Option<u32>,
}

/// A piece of an answer while it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// Another model than the first one wished for answers now.
    Choice {
        /// `PROVIDER/MODEL`.
        model: String,
        /// Why, for people.
        why: String,
    },
    /// More text.
    Text(String),
    /// A call of this tool has begun.
    Call(String),
    /// The connection broke and the answer starts anew: forget the pieces so far.
    Restart,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Text; may be empty beside calls.
    pub text: String,
    /// Tools to call, in order.
    pub calls: Vec<ToolCall>,
    /// Tokens, when the provider tells.
    pub usage: Option<TokenUsage>,
    /// Why it ended.
    pub stop: StopReason,
    /// Model that answered.
    pub model: String,
    /// Provider that answered; empty for one that answers under its own name alone.
    pub provider: String,
    /// Why this model answered and not the first one wished for.
    pub why: Option<String>,
    /// Cost in millionths of a US dollar, by the provider's figures and the configured prices; absent without either.
    pub cost_microusd: Option<u64>,
}

impl Completion {
    /// An empty answer of a model.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            text: String::new(),
            calls: Vec::new(),
            usage: None,
            stop: StopReason::End,
            model: model.into(),
            provider: String::new(),
            why: None,
            cost_microusd: None,
        }
    }
}

/// Tokens of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Read, whether from a cache or not.
    pub input: u64,
    /// Written, whether shown or not.
    pub output: u64,
    /// Of those read, how many came out of the provider's cache.
    #[serde(default)]
    pub cached: u64,
    /// Of those read, how many were put into the provider's cache.
    #[serde(default)]
    pub cache_written: u64,
    /// Of those written, how many were thought and not shown.
    #[serde(default)]
    pub reasoning: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It was complete.
    End,
    /// It waits for its calls.
    Calls,
    /// It reached the limit of tokens and is cut.
    Length,
    /// The provider's filter cut it.
    Filtered,
    /// Something else, in the provider's words.
    Other(String),
}
