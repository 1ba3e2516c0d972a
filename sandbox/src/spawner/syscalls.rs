//! The system calls a sandbox may make: policy as data, compiled once to BPF.
//!
//! An allowlist. What is not on it answers `EPERM`; what this policy has never heard of (numbers past [`NEWEST`]) answers
//! `ENOSYS`, so that C libraries fall back; so do `clone3` and `openat2`, whose arguments lie in memory where no filter can look,
//! and the x32 numbers. Another architecture's calls (i386 through `int 0x80`) end the process. x86-64 only.

use std::collections::BTreeMap;

use libc as c;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Cond, SeccompFilter, SeccompRule, TargetArch,
    sock_filter,
};

/// The newest number this policy was written for (`mseal`, Linux 6.10).
const NEWEST: u32 = 462;

/// Files, directories and links by path or descriptor. The mount namespace, file permissions and Landlock decide which.
const FILES: &[c::c_long] = &[
    c::SYS_read, c::SYS_write, c::SYS_close, c::SYS_stat, c::SYS_fstat, c::SYS_lstat, c::SYS_lseek, c::SYS_pread64, c::SYS_pwrite64,
    c::SYS_readv, c::SYS_writev, c::SYS_access, c::SYS_pipe, c::SYS_sendfile, c::SYS_fcntl, c::SYS_flock, c::SYS_fsync, c::SYS_fdatasync,
    c::SYS_truncate, c::SYS_ftruncate, c::SYS_getdents, c::SYS_getdents64, c::SYS_getcwd, c::SYS_chdir, c::SYS_fchdir, c::SYS_rename,
    c::SYS_mkdir, c::SYS_rmdir, c::SYS_link, c::SYS_unlink, c::SYS_symlink, c::SYS_readlink, c::SYS_chown, c::SYS_fchown, c::SYS_lchown,
    c::SYS_umask, c::SYS_utime, c::SYS_statfs, c::SYS_fstatfs, c::SYS_setxattr, c::SYS_lsetxattr, c::SYS_fsetxattr, c::SYS_getxattr,
    c::SYS_lgetxattr, c::SYS_fgetxattr, c::SYS_listxattr, c::SYS_llistxattr, c::SYS_flistxattr, c::SYS_removexattr, c::SYS_lremovexattr,
    c::SYS_fremovexattr, c::SYS_utimes, c::SYS_mkdirat, c::SYS_fchownat, c::SYS_futimesat, c::SYS_newfstatat, c::SYS_unlinkat,
    c::SYS_renameat, c::SYS_linkat, c::SYS_symlinkat, c::SYS_readlinkat, c::SYS_faccessat, c::SYS_faccessat2, c::SYS_utimensat,
    c::SYS_fallocate, c::SYS_preadv, c::SYS_pwritev, c::SYS_preadv2, c::SYS_pwritev2, c::SYS_renameat2, c::SYS_copy_file_range,
    c::SYS_statx, c::SYS_sync, c::SYS_syncfs, c::SYS_sync_file_range, c::SYS_readahead, c::SYS_fadvise64, c::SYS_dup, c::SYS_dup2,
    c::SYS_dup3, c::SYS_pipe2, c::SYS_splice, c::SYS_tee, c::SYS_close_range, 451, // cachestat
];

/// Waiting for things.
const WAITING: &[c::c_long] = &[
    c::SYS_poll, c::SYS_ppoll, c::SYS_select, c::SYS_pselect6, c::SYS_epoll_create, c::SYS_epoll_create1, c::SYS_epoll_ctl,
    c::SYS_epoll_wait, c::SYS_epoll_pwait, c::SYS_epoll_pwait2, c::SYS_eventfd, c::SYS_eventfd2, c::SYS_signalfd, c::SYS_signalfd4,
    c::SYS_timerfd_create, c::SYS_timerfd_settime, c::SYS_timerfd_gettime, c::SYS_inotify_init, c::SYS_inotify_init1,
    c::SYS_inotify_add_watch, c::SYS_inotify_rm_watch, c::SYS_io_setup, c::SYS_io_destroy, c::SYS_io_submit, c::SYS_io_cancel,
    c::SYS_io_getevents, 333, // io_pgetevents
];

/// Memory of the calling process.
const MEMORY: &[c::c_long] = &[
    c::SYS_mmap, c::SYS_mprotect, c::SYS_munmap, c::SYS_brk, c::SYS_mremap, c::SYS_msync, c::SYS_mincore, c::SYS_madvise, c::SYS_mlock,
    c::SYS_mlock2, c::SYS_munlock, c::SYS_mlockall, c::SYS_munlockall, c::SYS_remap_file_pages, c::SYS_memfd_create, c::SYS_membarrier,
    c::SYS_pkey_alloc, c::SYS_pkey_free, c::SYS_pkey_mprotect, 453, 462, // map_shadow_stack, mseal
];

/// Processes, threads, signals, scheduling. The pid namespace decides whom they reach.
const PROCESSES: &[c::c_long] = &[
    c::SYS_fork, c::SYS_vfork, c::SYS_execve, c::SYS_execveat, c::SYS_exit, c::SYS_exit_group, c::SYS_wait4, c::SYS_waitid, c::SYS_kill,
    c::SYS_tkill, c::SYS_tgkill, c::SYS_getpid, c::SYS_getppid, c::SYS_gettid, c::SYS_getuid, c::SYS_getgid, c::SYS_geteuid, c::SYS_getegid,
    c::SYS_getresuid, c::SYS_getresgid, c::SYS_setuid, c::SYS_setgid, c::SYS_setreuid, c::SYS_setregid, c::SYS_setresuid, c::SYS_setresgid,
    c::SYS_setfsuid, c::SYS_setfsgid, c::SYS_getgroups, c::SYS_setgroups, c::SYS_setpgid, c::SYS_getpgid, c::SYS_getpgrp, c::SYS_setsid,
    c::SYS_getsid, c::SYS_capget, c::SYS_capset, c::SYS_prctl, c::SYS_arch_prctl, c::SYS_set_tid_address, c::SYS_set_robust_list,
    c::SYS_get_robust_list, c::SYS_rseq, c::SYS_futex, c::SYS_futex_waitv, 454, 455, 456, // futex_wake, futex_wait, futex_requeue
    c::SYS_sched_yield, c::SYS_sched_getaffinity, c::SYS_sched_setaffinity, c::SYS_sched_getparam, c::SYS_sched_setparam,
    c::SYS_sched_getscheduler, c::SYS_sched_setscheduler, c::SYS_sched_get_priority_max, c::SYS_sched_get_priority_min,
    c::SYS_sched_rr_get_interval, c::SYS_sched_getattr, c::SYS_sched_setattr, c::SYS_getpriority, c::SYS_setpriority, c::SYS_ioprio_get,
    c::SYS_ioprio_set, c::SYS_getrlimit, c::SYS_setrlimit, c::SYS_prlimit64, c::SYS_getrusage, c::SYS_times, c::SYS_getcpu,
    c::SYS_rt_sigaction, c::SYS_rt_sigprocmask, c::SYS_rt_sigreturn, c::SYS_rt_sigpending, c::SYS_rt_sigtimedwait, c::SYS_rt_sigqueueinfo,
    c::SYS_rt_tgsigqueueinfo, c::SYS_rt_sigsuspend, c::SYS_sigaltstack, c::SYS_pause, c::SYS_restart_syscall, c::SYS_pidfd_open,
    c::SYS_pidfd_send_signal, c::SYS_alarm, c::SYS_getitimer, c::SYS_setitimer,
    // A program may confine itself further: both only ever take away.
    c::SYS_seccomp, c::SYS_landlock_create_ruleset, c::SYS_landlock_add_rule, c::SYS_landlock_restrict_self,
];

/// Time, randomness and facts about the system.
const FACTS: &[c::c_long] = &[
    c::SYS_nanosleep, c::SYS_clock_nanosleep, c::SYS_clock_gettime, c::SYS_clock_getres, c::SYS_gettimeofday, c::SYS_time,
    c::SYS_timer_create, c::SYS_timer_settime, c::SYS_timer_gettime, c::SYS_timer_getoverrun, c::SYS_timer_delete, c::SYS_uname,
    c::SYS_sysinfo, c::SYS_getrandom,
];

/// Sockets that exist already, and System V and POSIX IPC (the namespaces decide whom they reach). Making one is ruled below.
const IPC: &[c::c_long] = &[
    c::SYS_connect, c::SYS_accept, c::SYS_accept4, c::SYS_sendto, c::SYS_recvfrom, c::SYS_sendmsg, c::SYS_recvmsg, c::SYS_sendmmsg,
    c::SYS_recvmmsg, c::SYS_shutdown, c::SYS_bind, c::SYS_listen, c::SYS_getsockname, c::SYS_getpeername, c::SYS_setsockopt,
    c::SYS_getsockopt, c::SYS_shmget, c::SYS_shmat, c::SYS_shmctl, c::SYS_shmdt, c::SYS_semget, c::SYS_semop, c::SYS_semctl,
    c::SYS_semtimedop, c::SYS_msgget, c::SYS_msgsnd, c::SYS_msgrcv, c::SYS_msgctl, c::SYS_mq_open, c::SYS_mq_unlink, c::SYS_mq_timedsend,
    c::SYS_mq_timedreceive, c::SYS_mq_notify, c::SYS_mq_getsetattr,
];

/// Known calls that must look absent, so that libraries fall back to one a filter can judge.
const ABSENT: &[c::c_long] = &[c::SYS_clone3, c::SYS_openat2];

/// Any `CLONE_NEW*` flag of clone(2), with `CLONE_NEWTIME`.
const NEW_NAMESPACE: u64 = 0x7e02_0080;
/// Set-user-ID and set-group-ID bits.
const SET_ID: u64 = 0o6000;
/// `O_CREAT` or `__O_TMPFILE`: only then does an open have a mode.
const MAKES_FILE: u64 = 0o100 | 0o20_000_000;

/// The compiled filter.
///
/// # Errors
/// In words, when seccompiler refuses the policy (a defect of ours, covered by a test).
pub(super) fn compile() -> Result<BpfProgram, String> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for number in [FILES, WAITING, MEMORY, PROCESSES, FACTS, IPC].into_iter().flatten() {
        rules.insert(*number, Vec::new());
    }
    for (number, alternatives) in conditional().map_err(|e| e.to_string())? {
        rules.insert(number, alternatives);
    }
    let denied = SeccompAction::Errno(c::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, denied, SeccompAction::Allow, TargetArch::x86_64).map_err(|e| e.to_string())?;
    let mut program = prelude();
    program.extend(BpfProgram::try_from(filter).map_err(|e| e.to_string())?);
    Ok(program)
}

/// Calls that are allowed for some arguments; alternatives are joined by "or", conditions within one by "and".
fn conditional() -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let is = |argument, value| Cond::new(argument, Len::Dword, Op::Eq, value);
    let not = |argument, value| Cond::new(argument, Len::Dword, Op::Ne, value);
    let none_of = |argument, mask| Cond::new(argument, Len::Qword, Op::MaskedEq(mask), 0);
    let rule = SeccompRule::new;
    let family = |f: c::c_int| u64::from(f.unsigned_abs());
    Ok(vec![
        // Local sockets, TCP and UDP; of netlink only what getifaddrs(3) needs. Raw, packet, AF_ALG (CVE-2026-31431), AF_VSOCK,
        // AF_RXRPC and XFRM (CVE-2026-43284) never.
        (
            c::SYS_socket,
            vec![
                rule(vec![is(0, family(c::AF_UNIX))?])?,
                rule(vec![is(0, family(c::AF_INET))?])?,
                rule(vec![is(0, family(c::AF_INET6))?])?,
                rule(vec![is(0, family(c::AF_NETLINK))?, is(2, family(c::NETLINK_ROUTE))?])?,
            ],
        ),
        (c::SYS_socketpair, vec![rule(vec![is(0, family(c::AF_UNIX))?])?]),
        // Threads and processes, no namespaces.
        (c::SYS_clone, vec![rule(vec![none_of(0, NEW_NAMESPACE)?])?]),
        // No typing into a terminal on somebody's behalf. The kernel reads 32 bits of the request, so do we (CVE-2019-10063).
        (c::SYS_ioctl, vec![rule(vec![not(1, 0x5412)?, not(1, 0x541c)?])?]),
        // What a debugger-free program asks for: default, Linux 32-bit flags, query.
        (
            c::SYS_personality,
            [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].into_iter().map(|p| rule(vec![is(0, p)?])).collect::<Result<_, _>>()?,
        ),
        // No file gets a set-id bit: homes and lent directories lie on the host with the owner's real id.
        (c::SYS_chmod, vec![rule(vec![none_of(1, SET_ID)?])?]),
        (c::SYS_fchmod, vec![rule(vec![none_of(1, SET_ID)?])?]),
        (c::SYS_fchmodat, vec![rule(vec![none_of(2, SET_ID)?])?]),
        (452, vec![rule(vec![none_of(2, SET_ID)?])?]), // fchmodat2
        (c::SYS_creat, vec![rule(vec![none_of(1, SET_ID)?])?]),
        (c::SYS_mknod, vec![rule(vec![none_of(1, SET_ID)?])?]),
        (c::SYS_mknodat, vec![rule(vec![none_of(2, SET_ID)?])?]),
        (c::SYS_open, vec![rule(vec![none_of(1, MAKES_FILE)?])?, rule(vec![none_of(2, SET_ID)?])?]),
        (c::SYS_openat, vec![rule(vec![none_of(2, MAKES_FILE)?])?, rule(vec![none_of(3, SET_ID)?])?]),
    ])
}

/// Runs before the allowlist: what must answer `ENOSYS`. seccompiler has one answer for everything it does not allow, and
/// does not know x32 (rust-vmm/seccompiler#74).
fn prelude() -> BpfProgram {
    const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS; offset 0 of seccomp_data is the number
    const JUMP_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
    const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    let enosys = 0x0005_0000 | c::ENOSYS.unsigned_abs(); // SECCOMP_RET_ERRNO
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let mut program = vec![instruction(LOAD_WORD, 0, 0, 0)];
    let checks = 1 + ABSENT.len();
    // x32 numbers have bit 30 set and are therefore past NEWEST as well.
    program.push(instruction(JUMP_GREATER, u8::try_from(checks - 1).unwrap_or(0), 0, NEWEST));
    for (n, number) in ABSENT.iter().enumerate() {
        let number = u32::try_from(*number).unwrap_or(u32::MAX);
        let to_return = u8::try_from(ABSENT.len() - 1 - n).unwrap_or(0);
        let past_return = u8::from(n + 1 == ABSENT.len());
        program.push(instruction(JUMP_EQUAL, to_return, past_return, number));
    }
    program.push(instruction(RETURN, 0, 0, enosys));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiles_within_the_kernels_limit() {
        let program = compile().expect("policy compiles");
        assert!(program.len() < 4096, "{} instructions", program.len());
    }

    #[test]
    fn dangerous_calls_are_on_no_list() {
        let all: Vec<i64> = [FILES, WAITING, MEMORY, PROCESSES, FACTS, IPC].concat();
        for denied in [
            c::SYS_ptrace, c::SYS_mount, c::SYS_umount2, c::SYS_pivot_root, c::SYS_chroot, c::SYS_unshare, c::SYS_setns, c::SYS_bpf,
            c::SYS_perf_event_open, c::SYS_keyctl, c::SYS_add_key, c::SYS_request_key, c::SYS_io_uring_setup, c::SYS_userfaultfd,
            c::SYS_init_module, c::SYS_finit_module, c::SYS_kexec_load, c::SYS_open_by_handle_at, c::SYS_name_to_handle_at,
            c::SYS_process_vm_readv, c::SYS_process_vm_writev, c::SYS_pidfd_getfd, c::SYS_kcmp, c::SYS_modify_ldt, c::SYS_iopl,
            c::SYS_ioperm, c::SYS_quotactl, c::SYS_syslog, c::SYS_acct, c::SYS_swapon, c::SYS_reboot, c::SYS_vmsplice, c::SYS_fsopen,
            c::SYS_move_mount, c::SYS_open_tree, c::SYS_mount_setattr, c::SYS_memfd_secret, c::SYS_sethostname,
        ] {
            assert!(!all.contains(&denied), "{denied} is allowed");
        }
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len(), "an entry stands twice");
    }

    #[test]
    fn the_prelude_jumps_to_its_return_or_past_it() {
        let program = prelude();
        let last = program.len() - 1;
        for (at, instruction) in program.iter().enumerate().filter(|(_, i)| i.code & 0x07 == 0x05) {
            assert_eq!(at + 1 + usize::from(instruction.jt), last, "instruction {at}");
            assert!(at + 1 + usize::from(instruction.jf) == at + 1 || at + 1 + usize::from(instruction.jf) == last + 1);
        }
    }
}
