//! Answers to the commands of the WebSocket `/kernel`.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// Answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(tag = "type")]
pub enum Response {
    /// Done.
    #[serde(rename = "response.ok")]
    Ok(ResponseOk),
    /// Refused or failed.
    #[serde(rename = "response.error")]
    Error(ResponseError),
}

/// Done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
pub struct ResponseOk {
    /// Id of the command.
    pub id: String,
    /// What the command answers with.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    #[ts(type = "unknown")]
    pub data: serde_json::Value,
}

/// Refused or failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
pub struct ResponseError {
    /// Id of the command; empty when the frame had none.
    pub id: String,
    /// The cause.
    pub error: String,
    /// Kind of failure.
    pub code: ErrorCode,
    /// What to do.
    #[serde(default)]
    pub hint: String,
}
