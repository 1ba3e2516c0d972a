//! Why the client ends without success: the two lines people read and the exit status scripts read.

use std::{io, path::Path};

use aether_protocol::{ApiError, ErrorCode};

/// Exit status of `run` and `exec` for everything that is not the program's own status.
pub(crate) const OURS: u8 = 125;
/// What a shell shows for a tool ended by SIGPIPE (128 + 13).
const BROKEN_PIPE: u8 = 141;

/// Why a verb failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The supervisor refused or failed.
    Api(ApiError),
    /// Nothing answers on the socket.
    Unreachable { cause: String, hint: String },
    /// The command line is wrong in a way that only shows later than parsing.
    Usage { cause: String, hint: String },
    /// Something on this side: a file, a terminal, a broken connection.
    Local { cause: String, hint: String },
    /// Whoever read our output has gone: end quietly.
    BrokenPipe,
    /// Everything was said already; only the status is left.
    Status(u8),
    /// A failure of `run` or `exec` that must not look like a status of the program.
    Ours(Box<Failure>),
}

impl Failure {
    pub(crate) fn local(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Local { cause: cause.into(), hint: hint.into() }
    }

    pub(crate) fn usage(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { cause: cause.into(), hint: hint.into() }
    }

    /// A failed operation on a file of this host.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "check the permissions of the file and of the directories above it",
            io::ErrorKind::StorageFull => "free some space on the disk",
            _ => "",
        };
        Self::local(format!("cannot {what} {}: {}", path.display(), plain(error)), hint)
    }

    /// An answer that is not what the API promises.
    pub(crate) fn garbled(what: &str) -> Self {
        Self::local(
            format!("the supervisor's answer is not understood: {what}"),
            "use a client and a supervisor of the same version (aether version)",
        )
    }

    /// Marks a failure as ours, for verbs that pass a program's status through. Usage errors stay usage errors.
    pub(crate) fn ours(self) -> Self {
        match self {
            Self::Usage { .. } | Self::BrokenPipe | Self::Status(_) | Self::Ours(_) => self,
            other => Self::Ours(Box::new(other)),
        }
    }

    /// Exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Api(error) => error.code.exit_status(),
            Self::Unreachable { .. } => ErrorCode::Unavailable.exit_status(),
            Self::Usage { .. } => ErrorCode::Invalid.exit_status(),
            Self::Local { .. } => 1,
            Self::BrokenPipe => BROKEN_PIPE,
            Self::Status(status) => *status,
            Self::Ours(_) => OURS,
        }
    }

    /// Cause and hint, unless there is nothing to say.
    pub(crate) fn lines(&self) -> Option<(&str, &str)> {
        match self {
            Self::Api(error) => Some((&error.message, &error.hint)),
            Self::Unreachable { cause, hint } | Self::Usage { cause, hint } | Self::Local { cause, hint } => Some((cause, hint)),
            Self::BrokenPipe | Self::Status(_) => None,
            Self::Ours(inner) => inner.lines(),
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// For writes to our own standard output, the only `io::Error` that verbs pass up as it is.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Self::local(format!("cannot write the output: {}", plain(&error)), "")
    }
}

/// The message of the system without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_status() {
        let api = |code| Failure::Api(ApiError::new(code, "x", "y"));
        for (failure, status) in [
            (api(ErrorCode::Internal), 1),
            (api(ErrorCode::Invalid), 2),
            (api(ErrorCode::NotFound), 3),
            (api(ErrorCode::Denied), 4),
            (api(ErrorCode::Conflict), 5),
            (api(ErrorCode::Unavailable), 69),
            (api(ErrorCode::NotFound).ours(), 125),
            (Failure::usage("x", "y").ours(), 2),
            (Failure::Unreachable { cause: String::new(), hint: String::new() }, 69),
            (Failure::BrokenPipe.ours(), 141),
            (Failure::Status(7).ours(), 7),
            (Failure::local("x", "y"), 1),
        ] {
            assert_eq!(failure.status(), status, "{failure:?}");
        }
    }
}
