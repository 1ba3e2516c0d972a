//! The daemon: remembers, decides and answers. The only part of Aether that knows HTTP.

#![forbid(unsafe_code)]

pub mod api;
mod approvals;
pub mod auth;
pub mod compile;
pub mod config;
mod egress;
pub mod fleet;
mod gateway;
mod govern;
pub mod links;
mod previews;
pub mod serving;
pub mod startup;
mod templates;
