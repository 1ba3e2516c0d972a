//! What neither the spawner nor anything below it ever needs, refused for all of them by the filter that the spawner puts on
//! itself. Every sandbox inherits it below its own allowlist, and so does the code that builds the sandbox.
//!
//! The mechanism is that of the allowlist, seccomp; the data, the direction (a list of what is refused) and the code that makes the
//! program of it are others, so that no single mistake opens both. Where both refuse, the program sees the answer of the
//! allowlist, which is the newer filter (seccomp(2)); ending the process wins over any answer.
//!
//! It costs little: calls whose answer depends on nothing but their number are answered from the kernel's bitmap (Linux 5.11); of
//! the rest only seven are looked at, and they come first.

use libc::{self as c, sock_filter};

use super::policy::NEWEST;

pub(super) const ALLOW: u32 = 0x7fff_0000;
pub(super) const KILL_PROCESS: u32 = 0x8000_0000;
pub(super) const EPERM: u32 = 0x0005_0000 | c::EPERM as u32;
pub(super) const ENOSYS: u32 = 0x0005_0000 | c::ENOSYS as u32;
/// Without effect, and looks done.
const SILENT: u32 = 0x0005_0000;
pub(super) const X86_64: u32 = 0xc000_003e;

/// Refused with `EPERM`, whatever the arguments.
pub(super) const DENIED: &[(&[c::c_long], &str)] = &[
    (&[c::SYS_io_uring_setup, c::SYS_io_uring_enter, c::SYS_io_uring_register], "a second system call table that no filter sees"),
    (&[c::SYS_userfaultfd], "lets a program hold the kernel in the middle of a copy, the usual help of an exploit"),
    (&[c::SYS_bpf], "programs that run in the kernel"),
    (&[c::SYS_perf_event_open], "counts and samples other processes; a long history of defects"),
    (&[c::SYS_kexec_load, c::SYS_kexec_file_load, c::SYS_reboot], "replaces or ends the kernel"),
    (
        &[c::SYS_init_module, c::SYS_finit_module, c::SYS_delete_module, 174, 178],
        "changes the code of the kernel (174, 178: create_module, query_module)",
    ),
    (
        &[c::SYS_add_key, c::SYS_request_key],
        "keyrings are shared by user, not by sandbox; request_key runs a program of the host",
    ),
    (&[c::SYS_open_by_handle_at, c::SYS_name_to_handle_at], "opens a file of any directory by its number"),
    (
        &[c::SYS_ptrace, c::SYS_process_vm_readv, c::SYS_process_vm_writev, c::SYS_pidfd_getfd, c::SYS_kcmp],
        "reads or changes another process, or tells where its objects lie in the kernel",
    ),
    (&[440, c::SYS_migrate_pages, c::SYS_move_pages], "changes the memory of another process (process_madvise first)"),
    (&[c::SYS_modify_ldt, c::SYS_iopl, c::SYS_ioperm], "segments and ports: hardware that no program here drives"),
    (&[c::SYS_syslog], "the log of the kernel holds its addresses"),
    (&[c::SYS_acct, c::SYS_swapon, c::SYS_swapoff, c::SYS_vhangup], "settings of the whole host"),
    (&[c::SYS_settimeofday, c::SYS_clock_settime, c::SYS_adjtimex, c::SYS_clock_adjtime], "the clock of the whole host"),
    (&[447], "memory that not even the kernel may look at (memfd_secret)"),
    (&[c::SYS_vmsplice], "puts pages into a pipe by reference: writes to shared pages where a check was forgotten"),
    (&[c::SYS_fanotify_init, c::SYS_fanotify_mark], "watches whole file systems and holds the accesses of others"),
    (
        &[
            c::SYS_uselib,
            c::SYS_lookup_dcookie,
            c::SYS__sysctl,
            c::SYS_sysfs,
            c::SYS_ustat,
            c::SYS_nfsservctl,
            177, // get_kernel_syms
            c::SYS_vserver,
        ],
        "relics: gone or on their way out, no program needs them",
    ),
];

/// The whole program.
pub(in crate::spawner) fn program() -> Vec<sock_filter> {
    let mut all = vec![load(4)];
    all.extend(unless(X86_64, &[answer(KILL_PROCESS)]));
    all.push(load(0));
    // x32 numbers have bit 30 set: they are past the newest as well.
    all.push(jump(GREATER, NEWEST, 0, 1));
    all.push(answer(ENOSYS));
    all.extend(when(number(c::SYS_ioctl), &ioctl()));
    all.extend(when(number(c::SYS_socket), &socket()));
    all.extend(when(number(c::SYS_socketpair), &only(0, &[c::AF_UNIX.unsigned_abs()])));
    all.extend(when(number(c::SYS_personality), &personality()));
    all.extend(when(number(c::SYS_setrlimit), &core_limit(0, None)));
    all.extend(when(number(c::SYS_prlimit64), &core_limit(1, Some(2))));
    // The spawner gives each sandbox a session keyring of its own by this one operation (KEYCTL_JOIN_SESSION_KEYRING).
    all.extend(when(number(c::SYS_keyctl), &only(0, &[1])));
    for call in DENIED.iter().flat_map(|(numbers, _)| *numbers) {
        all.extend(when(number(*call), &[answer(EPERM)]));
    }
    all.push(answer(ALLOW));
    all
}

/// No typing into a terminal on somebody's behalf: `TIOCSTI`, `TIOCLINUX`. The kernel reads 32 bits of the request.
fn ioctl() -> Vec<sock_filter> {
    let mut body = vec![load_argument(1)];
    body.extend(when(0x5412, &[answer(EPERM)]));
    body.extend(when(0x541c, &[answer(EPERM)]));
    body.push(answer(ALLOW));
    body
}

/// The spawner makes local sockets and asks rtnetlink(7); sandboxes also use TCP and UDP. Every other family reaches code of the
/// kernel that few look at, and may load a module.
fn socket() -> Vec<sock_filter> {
    let of_type = {
        let mut body = vec![load_argument(1), and(0xf)];
        body.extend(one_of(&[c::SOCK_STREAM.unsigned_abs(), c::SOCK_DGRAM.unsigned_abs()]));
        body
    };
    let mut body = vec![load_argument(0)];
    body.extend(when(c::AF_UNIX.unsigned_abs(), &[answer(ALLOW)]));
    body.extend(when(c::AF_INET.unsigned_abs(), &of_type));
    body.extend(when(c::AF_INET6.unsigned_abs(), &of_type));
    body.extend(when(c::AF_NETLINK.unsigned_abs(), &only(2, &[c::NETLINK_ROUTE.unsigned_abs()])));
    body.push(answer(EPERM));
    body
}

/// The query, and nothing beyond `UNAME26` and `PER_LINUX32`: no executable data, no predictable addresses.
fn personality() -> Vec<sock_filter> {
    const HARMLESS: u32 = 0x2_0008;
    let mut body = vec![load_argument(0)];
    body.extend(when(u32::MAX, &[answer(ALLOW)]));
    body.push(and(!HARMLESS));
    body.extend(one_of(&[0]));
    body
}

/// The limit of core files stays what the spawner has set before this filter (see [`super::core_limit`]): lowered to 0, a crash would
/// start a program of the host. `resource` is the argument that names the limit, `new` the pointer to another one where it may be null.
fn core_limit(resource: u32, new: Option<u32>) -> Vec<sock_filter> {
    let mut set = Vec::new();
    if let Some(new) = new {
        let low_is_null = [load(16 + 8 * new + 4), jump(EQUAL, 0, 0, 1), answer(ALLOW)];
        set.push(load_argument(new));
        set.extend(when(0, &[&low_is_null[..], &[answer(SILENT)]].concat()));
    }
    set.push(answer(SILENT));
    let mut body = vec![load_argument(resource)];
    body.extend(when(c::RLIMIT_CORE, &set));
    body.push(answer(ALLOW));
    body
}

/// Allowed when this argument is one of `values`.
fn only(argument: u32, values: &[u32]) -> Vec<sock_filter> {
    let mut body = vec![load_argument(argument)];
    body.extend(one_of(values));
    body
}

fn one_of(values: &[u32]) -> Vec<sock_filter> {
    let mut body: Vec<sock_filter> = values.iter().flat_map(|value| when(*value, &[answer(ALLOW)])).collect();
    body.push(answer(EPERM));
    body
}

const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
pub(super) const GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K

/// `body`, which ends with an answer, when the value loaded is `value`; else on with what follows.
pub(super) fn when(value: u32, body: &[sock_filter]) -> Vec<sock_filter> {
    [&[jump(EQUAL, value, 0, length(body))], body].concat()
}

/// `body` unless the value loaded is `value`.
pub(super) fn unless(value: u32, body: &[sock_filter]) -> Vec<sock_filter> {
    [&[jump(EQUAL, value, length(body), 0)], body].concat()
}

/// A jump is 8 bits wide; a test executes every block, so that a longer one would be found.
fn length(body: &[sock_filter]) -> u8 {
    u8::try_from(body.len()).unwrap_or(0)
}

pub(super) fn number(call: c::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

pub(super) const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// A word of `struct seccomp_data`: 0 is the number, 4 the architecture, 16 the low half of the first argument.
pub(super) const fn load(offset: u32) -> sock_filter {
    sock_filter { code: 0x20, jt: 0, jf: 0, k: offset } // BPF_LD | BPF_W | BPF_ABS
}

pub(super) const fn load_argument(argument: u32) -> sock_filter {
    load(16 + 8 * argument)
}

pub(super) const fn and(mask: u32) -> sock_filter {
    sock_filter { code: 0x54, jt: 0, jf: 0, k: mask } // BPF_ALU | BPF_AND | BPF_K
}

pub(super) const fn answer(value: u32) -> sock_filter {
    sock_filter { code: 0x06, jt: 0, jf: 0, k: value } // BPF_RET | BPF_K
}

#[cfg(test)]
#[path = "deny_tests.rs"]
mod tests;
