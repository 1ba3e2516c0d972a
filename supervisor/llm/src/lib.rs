//! Language models behind one trait: messages and tools in, text and tool calls out.

#![forbid(unsafe_code)]

pub mod chain;
pub mod embed;
pub mod error;
pub mod message;
pub mod price;
pub mod provider;
pub mod remote;
pub mod router;
pub mod secret;
pub mod sight;
mod wire;

pub use chain::{Breakers, Chain, Link};
pub use embed::{Embedded, Embedder};
pub use error::LlmError;
pub use message::{Completion, CompletionRequest, Delta, Image, Message, StopReason, TokenUsage, ToolCall, ToolSpec};
pub use price::{Price, Prices};
pub use provider::Provider;
pub use remote::{Embedding, Endpoint, KeySource, Remote, Timing};
pub use router::{Rule, Situation, Tier, choose};
pub use secret::Secret;
pub use sight::Sight;
pub use wire::Interface;
