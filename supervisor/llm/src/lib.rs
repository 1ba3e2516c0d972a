//! Language models behind one trait: messages and tools in, text and tool calls out.

#![forbid(unsafe_code)]

pub mod error;
pub mod message;
pub mod openai;
pub mod provider;
pub mod secret;

pub use error::LlmError;
pub use message::{Completion, CompletionRequest, Delta, Image, Message, StopReason, TokenUsage, ToolCall, ToolSpec};
pub use openai::OpenAi;
pub use provider::Provider;
pub use secret::Secret;
