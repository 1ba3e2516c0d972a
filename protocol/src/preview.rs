//! What agents listen on, and links that open it in a browser.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A TCP port that something inside a sandbox listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentPort {
    /// The port, 1 to 65535.
    pub port: u16,
    /// Addresses inside the sandbox that it is open at, for example `127.0.0.1` or `::`.
    pub addresses: Vec<String>,
    /// Can it be opened from outside? True when it listens on loopback or on every address.
    pub reachable: bool,
    /// Where a browser finds it once a link let it in; absent when the service has no TCP address, or it is not reachable.
    #[serde(default)]
    pub origin: Option<String>,
}

/// A link that lets one browser see one port of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewLink {
    /// Open it in a browser on the machine of the service. It works once.
    pub url: String,
    /// It works until then.
    pub expires_at: Timestamp,
}
