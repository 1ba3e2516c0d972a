//! The daemon: remembers, decides and answers. The only part of Aether that knows HTTP.

#![forbid(unsafe_code)]

pub mod config;
pub mod fleet;
pub mod serving;
