//! Errors as clients see them: a code, a cause and what to do. What the log gets is another thing.

use serde::{Deserialize, Serialize};

/// Kinds of failure; each has one HTTP status and one exit status of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The request is malformed or out of range. 400, exit 2.
    Invalid,
    /// Nobody signed in. 401, exit 4.
    Unauthenticated,
    /// Signed in, but not allowed; also a wrong Origin. 403, exit 4.
    Denied,
    /// No such object. 404, exit 3.
    NotFound,
    /// The object is not in a state for this, or the name is taken. 409, exit 5.
    Conflict,
    /// The body or a file is too large. 413, exit 2.
    TooLarge,
    /// The request named another host. 421, exit 4.
    Misdirected,
    /// The path is not a regular file, or not a directory. 422, exit 1.
    WrongKind,
    /// The queue is full or requests come too fast. 429, exit 1.
    Busy,
    /// The host lacks something an agent needs; the hint names the fix. 501, exit 1.
    Unsupported,
    /// A step of the sandbox failed; the message names layer, step and errno. 500, exit 1.
    SandboxFailed,
    /// Something inside failed; the log has the details. 500, exit 1.
    Internal,
    /// A part (spawner, store) is not reachable at present. 503, exit 69.
    Unavailable,
    /// The disk is full. 507, exit 1.
    NoSpace,
}

impl ErrorCode {
    /// HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Denied => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Misdirected => 421,
            Self::WrongKind => 422,
            Self::Busy => 429,
            Self::Unsupported => 501,
            Self::SandboxFailed | Self::Internal => 500,
            Self::Unavailable => 503,
            Self::NoSpace => 507,
        }
    }

    /// Exit status of the `aether` command.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Invalid | Self::TooLarge => 2,
            Self::NotFound => 3,
            Self::Unauthenticated | Self::Denied | Self::Misdirected => 4,
            Self::Conflict => 5,
            Self::Unavailable => 69,
            Self::WrongKind | Self::Busy | Self::Unsupported | Self::SandboxFailed | Self::Internal | Self::NoSpace => 1,
        }
    }
}

/// What went wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct ApiError {
    /// Kind of failure.
    pub code: ErrorCode,
    /// The cause, one line.
    pub message: String,
    /// What to do next, one line; may be empty.
    #[serde(default)]
    pub hint: String,
}

/// Body of every failed HTTP request: `{"error": {"code", "message", "hint"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ApiError,
}

impl ApiError {
    /// An error of `code` with its cause and the fix.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// [`ErrorCode::Invalid`].
    pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, message, hint)
    }

    /// [`ErrorCode::NotFound`].
    pub fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message, hint)
    }

    /// [`ErrorCode::Conflict`].
    pub fn conflict(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message, hint)
    }

    /// [`ErrorCode::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message, "see the daemon's log for details")
    }
}
