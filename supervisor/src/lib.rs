//! The daemon: remembers, decides and answers. The only part of Aether that knows HTTP.

#![forbid(unsafe_code)]

pub mod api;
pub mod auth;
pub mod compile;
pub mod config;
pub mod fleet;
pub mod links;
pub mod serving;
pub mod startup;
