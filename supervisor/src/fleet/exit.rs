//! How programs end, in the numbers a shell would give.

use aether_protocol::ExitInfo;
use aether_sandbox::wire::init::ExitReport;
use nix::{errno::Errno, sys::signal::Signal};

/// Of a program that init waited for.
pub(crate) fn of_report(report: ExitReport) -> ExitInfo {
    match report {
        ExitReport::Code(code) => ExitInfo { code, signal: None, reason: None },
        ExitReport::Signal(number) => of_signal(number, None),
    }
}

/// Of an agent for which a task of the service failed.
pub(crate) fn of_panic() -> ExitInfo {
    unknown("something inside the service failed; its log says what")
}

/// Of a program ended by a signal.
pub(crate) fn of_signal(number: i32, reason: Option<&str>) -> ExitInfo {
    let name = Signal::try_from(number).map_or_else(|_| format!("SIG{number}"), |signal| signal.as_str().to_owned());
    let code = u8::try_from(128 + number).unwrap_or(255);
    ExitInfo { code, signal: Some(name), reason: reason.map(str::to_owned) }
}

/// Of a program that could not be executed: 127 when it was not found, 126 otherwise.
pub(crate) fn of_failed_start(errno: i32, step: &str, program: &str) -> ExitInfo {
    let error = Errno::from_raw(errno);
    let code = if error == Errno::ENOENT { 127 } else { 126 };
    ExitInfo { code, signal: None, reason: Some(format!("{program}: {step}: {}", error.desc())) }
}

/// When nobody knows.
pub(crate) fn unknown(reason: &str) -> ExitInfo {
    ExitInfo { code: 255, signal: None, reason: Some(reason.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_are_what_a_shell_says() {
        assert_eq!(of_report(ExitReport::Code(7)).code, 7);
        let killed = of_report(ExitReport::Signal(9));
        assert_eq!((killed.code, killed.signal.as_deref()), (137, Some("SIGKILL")));
        assert_eq!(of_report(ExitReport::Signal(15)).code, 143);
        assert_eq!(of_report(ExitReport::Signal(34)).signal.as_deref(), Some("SIG34"));
        assert_eq!(of_failed_start(2, "execve", "nosuch").code, 127);
        assert_eq!(of_failed_start(13, "execve", "/etc/passwd").code, 126);
        assert_eq!(unknown("lost").code, 255);
    }
}
