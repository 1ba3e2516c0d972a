//! What goes to a model and what comes back.

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
    },
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
    /// Id, unique within its message.
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
    pub tools: Vec<ToolSpec>,
    /// Most tokens to write; the provider's own limit when absent.
    pub max_tokens: Option<u32>,
}

/// A piece of an answer while it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
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
}

/// Tokens of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Read.
    pub input: u64,
    /// Written.
    pub output: u64,
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
