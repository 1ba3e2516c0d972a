//! Processes and signals as `aether-init` needs them.
//!
//! `nix` is not used for signals and wait states: its `Signal` has no real-time signals, so an exit by one would be reaped and lost.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

/// What [`fork`] returned.
pub enum Forked {
    /// In the parent: pid of the child.
    Parent(u32),
    /// In the child.
    Child,
}

/// What happened to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildState {
    /// Ended with a status.
    Exited(u8),
    /// Ended by a signal.
    Killed(i32),
    /// Stopped by a signal.
    Stopped,
    /// Runs again.
    Continued,
}

/// What an ended child used, with the children that it waited for and theirs; getrusage(2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// CPU time, microseconds.
    pub cpu_usec: u64,
    /// Most memory that one of them had at a time (resident), bytes.
    pub largest_bytes: u64,
    /// Read from storage, bytes.
    pub read_bytes: u64,
    /// Written to storage, bytes; what was written to files counts, whether or not it has reached the disk.
    pub written_bytes: u64,
}

/// `fork(2)`. For programs with one thread only: there the child may do whatever the parent could.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: aether-init never makes a thread, so no lock can be held by a thread that does not exist in the child.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(pid.unsigned_abs())),
    }
}

/// Next child whose state changed, `None` when there is none now. An ended child is reaped by this, and what it used is true then.
/// Not through libc, whose waitid(2) does not tell that.
pub fn next_change() -> io::Result<Option<(u32, ChildState, Used)>> {
    // SAFETY: siginfo_t is plain data for which all zeroes is valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WNOHANG | libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED;
    // SAFETY: rusage is plain data for which all zeroes is valid; libc's is at least as large as the kernel's.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `info` and `used` are writable and outlive the call.
    check(unsafe { libc::syscall(libc::SYS_waitid, libc::P_ALL, 0, &raw mut info, options, &raw mut used) } as i32)?;
    // SAFETY: waitid filled the SIGCHLD fields, or left the zeroes that mean "nobody".
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let state = match info.si_code {
        libc::CLD_EXITED => ChildState::Exited(status as u8),
        libc::CLD_STOPPED | libc::CLD_TRAPPED => ChildState::Stopped,
        libc::CLD_CONTINUED => ChildState::Continued,
        _ => ChildState::Killed(status),
    };
    Ok(Some((pid.unsigned_abs(), state, used_of(&used))))
}

fn used_of(used: &libc::rusage) -> Used {
    // Blocks of getrusage(2) have 512 bytes, and memory is told in KiB.
    const BLOCK: u64 = 512;
    let number = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
    let usec = |time: libc::timeval| number(time.tv_sec).saturating_mul(1_000_000).saturating_add(number(time.tv_usec));
    Used {
        cpu_usec: usec(used.ru_utime).saturating_add(usec(used.ru_stime)),
        largest_bytes: number(used.ru_maxrss).saturating_mul(1024),
        read_bytes: number(used.ru_inblock).saturating_mul(BLOCK),
        written_bytes: number(used.ru_oublock).saturating_mul(BLOCK),
    }
}

/// `kill(2)`; a negative `target` is a process group.
pub fn kill(target: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::kill(target, signal) }).map(drop)
}

/// `setresuid(2)` of the calling thread; `None` leaves an id as it is. Not through libc, which would wake every thread for it:
/// this program has one.
pub fn set_user_ids(real: Option<u32>, effective: Option<u32>, saved: Option<u32>) -> io::Result<()> {
    let [real, effective, saved] = [real, effective, saved].map(|id| id.unwrap_or(u32::MAX));
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, real, effective, saved) } as i32).map(drop)
}

/// `setresgid(2)`, as [`set_user_ids`].
pub fn set_group_ids(real: Option<u32>, effective: Option<u32>, saved: Option<u32>) -> io::Result<()> {
    let [real, effective, saved] = [real, effective, saved].map(|id| id.unwrap_or(u32::MAX));
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, real, effective, saved) } as i32).map(drop)
}

/// Makes `signal` have its default effect. Not through libc, which keeps 32 and 33 for itself: a program would inherit them ignored.
pub fn default_signal(signal: i32) -> io::Result<()> {
    // The kernel's sigaction: SIG_DFL, no flags, no restorer, an empty mask. All zeroes, at most 32 bytes on every architecture.
    let action = [0_u64; 4];
    let old: *mut u64 = std::ptr::null_mut();
    // SAFETY: `action` is readable for the size of the kernel's structure with 8 bytes of mask; the old action is not asked for.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), old, 8_usize) };
    check(result as i32).map(drop)
}

/// Ignores `signal`.
pub fn ignore_signal(signal: i32) -> io::Result<()> {
    // SAFETY: SIG_IGN runs no code of this program.
    if unsafe { libc::signal(signal, libc::SIG_IGN) } == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Blocks every signal, or none.
pub fn block_signals(all: bool) -> io::Result<()> {
    // SAFETY: sigset_t is plain data; sigfillset and sigemptyset below initialise it.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is writable.
    check(unsafe { if all { libc::sigfillset(&mut set) } else { libc::sigemptyset(&mut set) } })?;
    // SAFETY: `set` is initialised; the old mask is not asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &set, std::ptr::null_mut()) }).map(drop)
}

/// A `signalfd(2)` for `SIGCHLD`, non-blocking.
pub fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: sigset_t is plain data; initialised by the two calls below.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is writable.
    check(unsafe { libc::sigemptyset(&mut set) })?;
    // SAFETY: `set` is initialised.
    check(unsafe { libc::sigaddset(&mut set, libc::SIGCHLD) })?;
    // SAFETY: `set` is initialised and outlives the call.
    let fd = check(unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
    // SAFETY: the call returned a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes a descriptor that this program was started with.
///
/// # Errors
/// `EBADF` when it is not open.
pub fn inherited(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and by the contract of the program's start it is ours alone; callers ask once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Closes every descriptor from `first` on (`close_range(2)`, Linux 5.9). Only for a program that owns none of them any
/// more: right after its start, or in a child that will exec or exit without dropping anything.
pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: callers own no descriptor from `first` on, as documented.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0u32) } as i32).map(drop)
}

/// `dup2(2)` onto a number, without close-on-exec.
pub fn place(fd: BorrowedFd<'_>, at: RawFd) -> io::Result<()> {
    // SAFETY: used in children only, where nothing owns `at` any more.
    check(unsafe { libc::dup2(fd.as_raw_fd(), at) }).map(drop)
}

/// `dup3(2)` onto a number, with close-on-exec.
pub fn place_cloexec(fd: BorrowedFd<'_>, at: RawFd) -> io::Result<()> {
    // SAFETY: used in children only, where nothing owns `at` any more.
    check(unsafe { libc::dup3(fd.as_raw_fd(), at, libc::O_CLOEXEC) }).map(drop)
}

/// `setsid(2)`.
pub fn new_session() -> io::Result<()> {
    // SAFETY: takes nothing.
    check(unsafe { libc::setsid() }).map(drop)
}

/// `chdir(2)` without allocating, for use between fork and exec.
pub fn change_directory(path: &CStr) -> io::Result<()> {
    // SAFETY: `path` ends with NUL and outlives the call.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

/// `execve(2)`; returns only when it failed. `argv` and `env` must end with a null pointer (checked).
pub fn execute(path: &CStr, argv: &[*const libc::c_char], env: &[*const libc::c_char]) -> io::Error {
    if !argv.last().is_some_and(|end| end.is_null()) || !env.last().is_some_and(|end| end.is_null()) {
        return io::Error::from_raw_os_error(libc::EINVAL);
    }
    // SAFETY: both arrays end with null as checked; their other pointers come from CStrings that the caller keeps.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// `write(2)` to a descriptor number, for a child's report.
pub fn write_to(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: `bytes` is readable for its length.
    let count = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// `_exit(2)`: no destructor, no buffer is flushed.
pub fn leave(status: i32) -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(status) }
}

/// The result of a call that says -1 for an error.
pub(super) fn check<T: PartialEq + From<i8>>(result: T) -> io::Result<T> {
    if result == T::from(-1) { Err(io::Error::last_os_error()) } else { Ok(result) }
}
