//! The model gateway: plain HTTP inside, the provider's own interface outside, and the key added on the way.
//!
//! One connection belongs to one agent, whom the caller knows from the connection and not from what it says. A path names
//! the provider (`/openai/v1/…`, `/anthropic/…`, `/gemini/…`, `/ollama/…`) or a host for which a secret was granted
//! (`/to/HOST/…`). Requests are held whole (they are small, and counted before they go out); answers stream through, are
//! scrubbed of the key, and are counted as they pass.
//!
//! What the provider answers is passed on as it came, with its status and `Retry-After`: the programs' own libraries know
//! when to ask again. Only a connection that could not be made is tried again here. Nothing waits for ever.

#![forbid(unsafe_code)]

mod account;
mod answer;
pub mod desk;
mod forward;
mod meter;
mod place;
mod refusal;
mod request;
mod route;
mod serve;
pub mod settings;

pub use desk::{Alarm, Call, Desk, Key, Lent, NoKey};
pub use place::put;
pub use serve::Gateway;
pub use settings::{Price, Settings, Upstream};
