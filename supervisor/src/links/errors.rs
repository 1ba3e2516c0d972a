//! What people are told when the spawner or an init refuses.

use aether_protocol::{ApiError, ErrorCode};
use aether_sandbox::{plan::PlanLayer, wire::spawner::SpawnFailure};
use nix::errno::Errno;

/// A failure of a file or process operation inside a sandbox.
pub fn from_init(errno: i32, step: &str) -> ApiError {
    let error = Errno::from_raw(errno);
    let message = format!("{step}: {}", error.desc());
    let (code, hint) = match error {
        Errno::ENOENT => (ErrorCode::NotFound, "check the path; relative paths start at the agent's home"),
        Errno::ESRCH => (ErrorCode::NotFound, "the process has ended"),
        Errno::EACCES | Errno::EPERM | Errno::EROFS => {
            (ErrorCode::Denied, "the agent's user may not do this; its home is writable")
        }
        Errno::EEXIST => (ErrorCode::Conflict, "remove it first or choose another name"),
        Errno::ENOTEMPTY => (ErrorCode::Conflict, "remove it with all it holds (recursive)"),
        Errno::EBUSY => (ErrorCode::Conflict, "it holds a file system of the sandbox or is in use: choose another"),
        Errno::EPIPE => (ErrorCode::Conflict, "the program reads no more input"),
        Errno::ENOTDIR | Errno::EISDIR | Errno::ELOOP | Errno::ENXIO | Errno::EINVAL => {
            (ErrorCode::WrongKind, "only regular files and directories can be opened")
        }
        Errno::ENAMETOOLONG | Errno::E2BIG => (ErrorCode::Invalid, "make it shorter"),
        Errno::EOVERFLOW => (ErrorCode::TooLarge, "list it by a program inside: aether exec AGENT -- find PATH"),
        Errno::ENOSPC | Errno::EDQUOT => (ErrorCode::NoSpace, "free some space"),
        Errno::EAGAIN => (ErrorCode::Busy, "the agent is at its process limit: end some of its processes or raise --pids"),
        _ => (ErrorCode::Internal, "see the daemon's log for details"),
    };
    ApiError::new(code, message, hint)
}

/// A launch that failed.
pub fn from_spawner(failure: &SpawnFailure) -> ApiError {
    let layer = failure.layer.map(PlanLayer::name);
    let message = match layer {
        Some(layer) => format!("layer {layer}: {}: {}", failure.step, failure.cause),
        None => format!("{}: {}", failure.step, failure.cause),
    };
    let code = match Errno::from_raw(failure.errno) {
        Errno::ENOSPC | Errno::EDQUOT => ErrorCode::NoSpace,
        // The sandbox that was meant has ended.
        Errno::ESRCH => ErrorCode::Conflict,
        _ => ErrorCode::SandboxFailed,
    };
    let hint = if failure.hint.is_empty() { "run aether doctor to see what this host lacks" } else { &failure.hint };
    ApiError::new(code, message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_layer_step_cause_and_fix() {
        let failure = SpawnFailure {
            layer: Some(PlanLayer::Landlock),
            step: "restrict self".into(),
            errno: 95,
            cause: "EOPNOTSUPP".into(),
            hint: "boot with lsm=landlock".into(),
        };
        let error = from_spawner(&failure);
        assert_eq!(error.message, "layer landlock: restrict self: EOPNOTSUPP");
        assert_eq!((error.code, error.hint.as_str()), (ErrorCode::SandboxFailed, "boot with lsm=landlock"));
    }

    #[test]
    fn errnos_become_kinds() {
        assert_eq!(from_init(2, "open").code, ErrorCode::NotFound);
        assert_eq!(from_init(28, "write").code, ErrorCode::NoSpace);
        assert_eq!(from_init(13, "open").code, ErrorCode::Denied);
        assert_eq!(from_init(16, "remove").code, ErrorCode::Conflict);
    }
}
