//! Tasks: clone3(2), descriptors of processes and of the calling task's own confinement.

use std::{
    ffi::CStr,
    io,
    mem::size_of,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

/// `struct clone_args`, the version of Linux 5.7 (with `cgroup`).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// What [`clone_into`] returns.
#[derive(Debug)]
pub enum Cloned {
    /// In the parent.
    Parent {
        /// Pid of the child as the parent sees it.
        pid: u32,
        /// Its descriptor.
        pidfd: OwnedFd,
    },
    /// In the child.
    Child,
}

/// A child like fork(2), in the namespaces of `flags` (`CLONE_NEW*`) and in the cgroup2 directory `cgroup`; clone3(2),
/// `CLONE_INTO_CGROUP` is Linux 5.7. The child has a copy of the address space.
///
/// Only sound in a program with one thread: a lock that another thread holds would stay locked in the child. The spawner and
/// `aether-init` never start threads.
///
/// # Errors
/// Those of clone3(2).
pub fn clone_into(flags: libc::c_int, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    const CLONE_PIDFD: u64 = 0x1000;
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: u64::from(flags.cast_unsigned()) | CLONE_PIDFD,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(dir) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(dir.as_raw_fd().unsigned_abs());
    }
    // SAFETY: args is a valid clone_args of the stated size; without CLONE_VM the child runs on its own copy of this stack,
    // and this program has one thread (see above).
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
    match result {
        0 => Ok(Cloned::Child),
        pid if pid > 0 => {
            // SAFETY: CLONE_PIDFD stored a new descriptor in `pidfd`; nobody else owns it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Cloned::Parent { pid: u32::try_from(pid).unwrap_or(0), pidfd })
        }
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends the calling process at once, without running destructors; _exit(2).
pub fn exit_now(status: i32) -> ! {
    // SAFETY: plain integer; does not return.
    unsafe { libc::_exit(status) }
}

/// A descriptor of a process; pidfd_open(2), Linux 5.3.
pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: plain integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0) };
    let fd = RawFd::try_from(fd).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just returned this descriptor to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Kills the process of a descriptor; pidfd_send_signal(2), Linux 5.1.
pub fn kill_pidfd(pidfd: &OwnedFd) -> io::Result<()> {
    // SAFETY: a null siginfo asks for the one kill(2) would send.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), libc::SIGKILL, ptr::null::<libc::siginfo_t>(), 0)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Replaces the program by the one open as `file`; execveat(2) with `AT_EMPTY_PATH`. Returns only on failure.
pub fn exec_fd(file: BorrowedFd<'_>, argv0: &CStr) -> io::Error {
    let argv = [argv0.as_ptr(), ptr::null()];
    let envp: [*const libc::c_char; 1] = [ptr::null()];
    // SAFETY: argv and envp are NULL-terminated arrays of C strings that live across the call.
    unsafe {
        libc::syscall(libc::SYS_execveat, file.as_raw_fd(), c"".as_ptr(), argv.as_ptr(), envp.as_ptr(), libc::AT_EMPTY_PATH);
    }
    io::Error::last_os_error()
}

/// Makes every descriptor from `first` on close at the next exec; close_range(2), Linux 5.11.
pub fn close_on_exec_from(first: u32) -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: plain integers.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Closes every descriptor, for a child that only works on paths and then exits; close_range(2), Linux 5.9.
pub fn close_all() {
    // SAFETY: the caller is a forked child that uses no descriptor after this and leaves by `exit_now`, so no `OwnedFd` of
    // the copied address space is ever used or dropped.
    unsafe { libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) };
}

/// Closes the descriptors from `first` to `last`, for a child like that of [`close_all`]; close_range(2), Linux 5.9.
pub fn close_between(first: u32, last: u32) {
    // SAFETY: as in `close_all`: nothing that is closed here is used or dropped any more.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
}

/// Makes `target` (a number below 10) refer to what `source` refers to; dup2(2). Inherited by exec.
pub fn dup_to(source: BorrowedFd<'_>, target: RawFd) -> io::Result<()> {
    // SAFETY: only used by a child just before exec, where nothing owns the numbers 0 to 9 as `OwnedFd` any more.
    let result = unsafe { libc::dup2(source.as_raw_fd(), target) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets the file-system uid and gid of the calling thread; setfsuid(2), setfsgid(2). Capabilities stay when the securebit
/// `NO_SETUID_FIXUP` is set. The calls report nothing, so they are made twice and read back.
pub fn set_fs_ids(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: plain integers; the calls cannot fail, they return the previous id.
    let (uid_now, gid_now) = unsafe {
        libc::setfsgid(gid);
        let gid_now = libc::setfsgid(gid);
        libc::setfsuid(uid);
        (libc::setfsuid(uid), gid_now)
    };
    if uid_now.cast_unsigned() == uid && gid_now.cast_unsigned() == gid {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EPERM))
    }
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the options used below take plain integers.
    let result = unsafe { libc::prctl(option, value, 0, 0, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets securebits, capabilities(7).
pub fn set_securebits(bits: u32) -> io::Result<()> {
    prctl(libc::PR_SET_SECUREBITS, libc::c_ulong::from(bits))
}

/// No exec grants privileges from now on; prctl(2) `PR_SET_NO_NEW_PRIVS`.
pub fn set_no_new_privs() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Puts a filter on the calling thread; seccomp(2) `SECCOMP_SET_MODE_FILTER`. Needs `no_new_privs` or CAP_SYS_ADMIN, and sets neither.
pub fn install_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: `program` describes an array that lives across the call; the kernel copies it and writes nothing.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Nobody of the same uid may trace this process or read its memory; prctl(2) `PR_SET_DUMPABLE`.
pub fn set_undumpable() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0)
}

/// A new, empty session keyring; keyctl(2) `KEYCTL_JOIN_SESSION_KEYRING`. A kernel without keyrings has none to share.
pub fn join_new_session_keyring() -> io::Result<()> {
    // SAFETY: a null name asks for an anonymous keyring.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, 1, ptr::null::<u8>()) };
    let error = io::Error::last_os_error();
    if result >= 0 || error.raw_os_error() == Some(libc::ENOSYS) { Ok(()) } else { Err(error) }
}

/// An executable, sealed, anonymous copy of `bytes`: a program that nobody can write to; memfd_create(2).
pub fn sealed_program(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    const MFD_EXEC: libc::c_uint = 0x10;
    let base = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: `name` is NUL-terminated.
    let mut raw = unsafe { libc::memfd_create(name.as_ptr(), base | MFD_EXEC) };
    if raw < 0 {
        // Linux before 6.3 does not know MFD_EXEC; there every memfd is executable.
        // SAFETY: as above.
        raw = unsafe { libc::memfd_create(name.as_ptr(), base) };
    }
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: memfd_create just returned this descriptor to us.
    let file = unsafe { std::fs::File::from_raw_fd(raw) };
    io::Write::write_all(&mut &file, bytes)?;
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    // SAFETY: plain integers.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file.into())
}

/// Asks the kernel for its Landlock ABI; `ENOSYS` or `EOPNOTSUPP` when there is none. landlock_create_ruleset(2).
pub fn landlock_abi() -> io::Result<u32> {
    const VERSION: u32 = 1;
    // SAFETY: with the version flag the call takes no attributes.
    let result = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0, VERSION) };
    u32::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Resets a signal to its default action; signal(2).
pub fn reset_signal(signal: libc::c_int) {
    // SAFETY: SIG_DFL runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Ignores a signal; ignoring SIGCHLD lets the kernel reap children by itself (wait(2) NOTES).
pub fn ignore_signal(signal: libc::c_int) {
    // SAFETY: SIG_IGN runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}
