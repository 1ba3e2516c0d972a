//! The system clock.

use std::{io, mem::zeroed};

/// Does something keep the system clock at the right time? adjtimex(2), only read.
///
/// # Errors
/// Those of adjtimex(2): some seccomp profiles of containers refuse it.
pub fn synchronised() -> io::Result<bool> {
    // SAFETY: timex is plain data for which all zeroes is a valid value; `modes` 0 changes nothing.
    let mut timex: libc::timex = unsafe { zeroed() };
    // SAFETY: a live timex.
    match unsafe { libc::adjtimex(&raw mut timex) } {
        state if state < 0 => Err(io::Error::last_os_error()),
        state => Ok(state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0),
    }
}
