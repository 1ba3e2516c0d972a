//! Secrets at rest and on their way: sealed for the store, open only for the moment of their use, scrubbed from answers.
//!
//! Pure but for the key file. The store keeps what [`Vault::seal`] gives; nothing here remembers a value.

#![forbid(unsafe_code)]

pub mod key;
pub mod scrub;
pub mod value;
pub mod vault;

pub use key::KeyError;
pub use scrub::Scrubber;
pub use value::{RefusedValue, Value};
pub use vault::{PLACEHOLDER, Unsealable, Vault};
