//! Devices of the host: which there are, and how busy.

#![forbid(unsafe_code)]

use serde::Serialize;

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gpu {
    /// Index, as the driver counts.
    pub index: u32,
    /// Model.
    pub name: String,
    /// Identity that survives a restart of the host.
    pub uuid: String,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// Memory in use, bytes.
    pub memory_used_bytes: u64,
    /// Percent of the last interval in which it worked; absent when the driver does not say.
    pub utilization: Option<u32>,
}
