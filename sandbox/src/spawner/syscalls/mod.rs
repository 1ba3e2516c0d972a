//! The system calls a sandbox may make: policy as data, compiled once to BPF.
//!
//! An allowlist. What is not on it answers `EPERM`; what this policy has never heard of (numbers past [`policy::NEWEST`]) answers
//! `ENOSYS`, so that C libraries fall back; so do `clone3` and `openat2`, whose arguments lie in memory where no filter can look,
//! and the x32 numbers. Another architecture's calls (i386 through `int 0x80`) end the process. x86-64 only.

pub(super) mod core_limit;
pub(super) mod deny;
#[cfg(test)]
mod emulate;
mod policy;
mod profiles;
pub(super) mod set_id;
mod tree;

use libc as c;
use policy::{ABSENT, FACTS, FILES, IPC, MAKES_FILE, MEMORY, NEW_NAMESPACE, NEWEST, NOT_AT_INIT, PROCESSES, SET_ID, WAITING};
use profiles::{Rules, adjust, without_audit};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Cond,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

use crate::plan::Profile;

/// The compiled filter of a standard sandbox.
///
/// # Errors
/// In words, when seccompiler refuses the policy (a defect of ours, covered by a test).
pub(super) fn compile() -> Result<BpfProgram, String> {
    compile_for(Profile::Standard, false)
}

/// The compiled filter of a sandbox.
///
/// # Errors
/// As [`compile`].
pub(super) fn compile_for(profile: Profile, may_set_id: bool) -> Result<BpfProgram, String> {
    let mut program = without_audit(profile);
    program.extend(core_limit::unchanged());
    program.extend(build(&[], &[], ABSENT, |rules| adjust(rules, profile, may_set_id))?);
    Ok(program)
}

/// The compiled filter of the web-facing service: that of a sandbox, without starting programs, with `openat2` (it opens
/// configured roots by it).
///
/// # Errors
/// As [`compile`].
pub(super) fn compile_for_service() -> Result<BpfProgram, String> {
    build(&[c::SYS_openat2], &[c::SYS_execve, c::SYS_execveat], &[c::SYS_clone3], |_| Ok(()))
}

fn build(
    more: &[c::c_long],
    fewer: &[c::c_long],
    absent: &[c::c_long],
    adjust: impl FnOnce(&mut Rules) -> Result<(), BackendError>,
) -> Result<BpfProgram, String> {
    let rules = rules(more, fewer, adjust)?;
    let mut program = prelude(absent);
    // What depends on arguments is left to seccompiler, and the answer to everything else.
    let (always, judged): (Rules, Rules) = rules.into_iter().partition(|(_, rule)| rule.is_empty());
    program.extend(tree::allows(always.into_keys()));
    program.extend(chain(judged)?);
    Ok(program)
}

fn rules(
    more: &[c::c_long],
    fewer: &[c::c_long],
    adjust: impl FnOnce(&mut Rules) -> Result<(), BackendError>,
) -> Result<Rules, String> {
    let mut rules = Rules::new();
    for number in [FILES, WAITING, MEMORY, PROCESSES, FACTS, IPC, more].into_iter().flatten() {
        if !fewer.contains(number) {
            rules.insert(*number, Vec::new());
        }
    }
    for (number, alternatives) in conditional().map_err(|e| e.to_string())? {
        rules.insert(number, alternatives);
    }
    for (number, arguments) in NOT_AT_INIT {
        let others = arguments.iter().map(|argument| Cond::new(*argument, Len::Dword, Op::Ne, 1)).collect::<Result<_, _>>();
        let rule = others.and_then(SeccompRule::new).map_err(|e| e.to_string())?;
        rules.insert(*number, vec![rule]);
    }
    adjust(&mut rules).map_err(|e| e.to_string())?;
    Ok(rules)
}

fn chain(rules: Rules) -> Result<BpfProgram, String> {
    let denied = SeccompAction::Errno(c::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, denied, SeccompAction::Allow, TargetArch::x86_64).map_err(|e| e.to_string())?;
    BpfProgram::try_from(filter).map_err(|e| e.to_string())
}

/// Calls that are allowed for some arguments; alternatives are joined by "or", conditions within one by "and".
fn conditional() -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let is = |argument, value| Cond::new(argument, Len::Dword, Op::Eq, value);
    let not = |argument, value| Cond::new(argument, Len::Dword, Op::Ne, value);
    let none_of = |argument, mask| Cond::new(argument, Len::Qword, Op::MaskedEq(mask), 0);
    let rule = SeccompRule::new;
    let family = |f: c::c_int| u64::from(f.unsigned_abs());
    // The low four bits of the second argument; SOCK_NONBLOCK and SOCK_CLOEXEC stand above them.
    let of_type = |kind: c::c_int| Cond::new(1, Len::Dword, Op::MaskedEq(0xf), u64::from(kind.unsigned_abs()));
    Ok(vec![
        // Local sockets, TCP and UDP; of netlink only what getifaddrs(3) needs. Raw, packet, AF_ALG (CVE-2026-31431), AF_VSOCK,
        // AF_RXRPC and XFRM (CVE-2026-43284) never.
        (
            c::SYS_socket,
            vec![
                rule(vec![is(0, family(c::AF_UNIX))?])?,
                rule(vec![is(0, family(c::AF_INET))?, of_type(c::SOCK_STREAM)?])?,
                rule(vec![is(0, family(c::AF_INET))?, of_type(c::SOCK_DGRAM)?])?,
                rule(vec![is(0, family(c::AF_INET6))?, of_type(c::SOCK_STREAM)?])?,
                rule(vec![is(0, family(c::AF_INET6))?, of_type(c::SOCK_DGRAM)?])?,
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
fn prelude(absent: &[c::c_long]) -> BpfProgram {
    const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS; offset 0 of seccomp_data is the number
    const JUMP_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
    const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    let enosys = 0x0005_0000 | c::ENOSYS.unsigned_abs(); // SECCOMP_RET_ERRNO
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let mut program = vec![instruction(LOAD_WORD, 0, 0, 0)];
    let checks = 1 + absent.len();
    // x32 numbers have bit 30 set and are therefore past NEWEST as well.
    program.push(instruction(JUMP_GREATER, u8::try_from(checks - 1).unwrap_or(0), 0, NEWEST));
    for (n, number) in absent.iter().enumerate() {
        let number = u32::try_from(*number).unwrap_or(u32::MAX);
        let to_return = u8::try_from(absent.len() - 1 - n).unwrap_or(0);
        let past_return = u8::from(n + 1 == absent.len());
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
    fn answers_as_the_rules_alone_would() {
        for (profile, may_set_id) in
            [(Profile::Standard, false), (Profile::Packages, false), (Profile::Packages, true), (Profile::Browser, false)]
        {
            let rules = rules(&[], &[], |rules| adjust(rules, profile, may_set_id)).expect("rules");
            let mut plain = without_audit(profile);
            plain.extend(core_limit::unchanged());
            plain.extend(prelude(ABSENT));
            plain.extend(chain(rules).expect("policy compiles"));
            let program = compile_for(profile, may_set_id).expect("policy compiles");
            assert!(program.len() < plain.len(), "{} of {}", program.len(), plain.len());
            let values = [0, 1, 2, 4, 8, 9, 16, 0x5412, 0x8933, 0o4755, 0x1000_0000, 0x4000_0000, u64::MAX];
            for number in (0..NEWEST + 20).chain([0x4000_0000, 0x4000_0029, u32::MAX]) {
                for arch in [X86_64, I386, 0] {
                    for (n, value) in values.into_iter().enumerate() {
                        let arguments =
                            std::array::from_fn(|at| if at % 2 == 0 { value } else { values[(n + at) % values.len()] });
                        let [answer, wanted] = [&program, &plain].map(|filter| emulate::run(filter, arch, number, arguments));
                        assert_eq!(answer, wanted, "{profile:?} {arch:x} {number} {arguments:?}");
                    }
                }
            }
        }
    }

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;

    fn answer(arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        emulate::run(&compile().expect("policy compiles"), arch, number, arguments).expect("an answer")
    }

    const ALLOW: u32 = 0x7fff_0000;
    const fn errno(number: c::c_int) -> u32 {
        0x0005_0000 | number.unsigned_abs()
    }

    #[test]
    fn x32_numbers_are_absent_and_i386_ends_the_process() {
        for number in [c::SYS_socket, c::SYS_init_module, c::SYS_mount, c::SYS_getpid, c::SYS_read] {
            let number = u32::try_from(number).expect("a number");
            assert_eq!(answer(X86_64, 0x4000_0000 | number, [0; 6]), errno(c::ENOSYS), "{number}");
        }
        for number in [1, 11, 20, 102] {
            assert_eq!(answer(I386, number, [0; 6]) & 0xffff_0000, 0x8000_0000, "{number}");
        }
        assert_eq!(answer(X86_64, NEWEST + 1, [0; 6]), errno(c::ENOSYS));
    }

    #[test]
    fn sockets_are_local_or_tcp_or_udp() {
        let socket = |family: c::c_int, kind: c::c_int, protocol: c::c_int| {
            let arguments = [family, kind, protocol, 0, 0, 0].map(|a| u64::from(a.unsigned_abs()));
            answer(X86_64, 41, arguments)
        };
        let flags = c::SOCK_CLOEXEC | c::SOCK_NONBLOCK;
        for family in [c::AF_INET, c::AF_INET6] {
            assert_eq!(socket(family, c::SOCK_STREAM | flags, 0), ALLOW);
            assert_eq!(socket(family, c::SOCK_DGRAM | flags, 0), ALLOW);
            for kind in [c::SOCK_RAW, c::SOCK_SEQPACKET, c::SOCK_RDM, 10, 0] {
                assert_eq!(socket(family, kind | flags, 0), errno(c::EPERM), "{family} {kind}");
            }
        }
        assert_eq!(socket(c::AF_UNIX, c::SOCK_SEQPACKET, 0), ALLOW);
        assert_eq!(socket(c::AF_NETLINK, c::SOCK_RAW | flags, c::NETLINK_ROUTE), ALLOW);
        assert_eq!(socket(c::AF_NETLINK, c::SOCK_RAW, c::NETLINK_NETFILTER), errno(c::EPERM));
        assert_eq!(socket(c::AF_PACKET, c::SOCK_RAW, 0), errno(c::EPERM));
    }

    #[test]
    fn process_1_is_out_of_reach() {
        for (number, arguments) in NOT_AT_INIT {
            let number = u32::try_from(*number).expect("a number");
            assert_eq!(answer(X86_64, number, [7; 6]), ALLOW, "{number}");
            assert_eq!(answer(X86_64, number, [u64::from(u32::MAX); 6]), ALLOW, "{number}");
            for argument in *arguments {
                let mut aimed = [7; 6];
                // The kernel reads 32 bits.
                for value in [1, 0xffff_ffff_0000_0001] {
                    aimed[usize::from(*argument)] = value;
                    assert_eq!(answer(X86_64, number, aimed), errno(c::EPERM), "{number} argument {argument}");
                }
            }
        }
    }

    #[test]
    fn dangerous_calls_are_on_no_list() {
        let all: Vec<i64> = [FILES, WAITING, MEMORY, PROCESSES, FACTS, IPC].concat();
        for denied in [
            c::SYS_ptrace,
            c::SYS_mount,
            c::SYS_umount2,
            c::SYS_pivot_root,
            c::SYS_chroot,
            c::SYS_unshare,
            c::SYS_setns,
            c::SYS_bpf,
            c::SYS_perf_event_open,
            c::SYS_keyctl,
            c::SYS_add_key,
            c::SYS_request_key,
            c::SYS_io_uring_setup,
            c::SYS_userfaultfd,
            c::SYS_init_module,
            c::SYS_finit_module,
            c::SYS_kexec_load,
            c::SYS_open_by_handle_at,
            c::SYS_name_to_handle_at,
            c::SYS_process_vm_readv,
            c::SYS_process_vm_writev,
            c::SYS_pidfd_getfd,
            c::SYS_kcmp,
            c::SYS_modify_ldt,
            c::SYS_iopl,
            c::SYS_ioperm,
            c::SYS_quotactl,
            c::SYS_syslog,
            c::SYS_acct,
            c::SYS_swapon,
            c::SYS_reboot,
            c::SYS_vmsplice,
            c::SYS_fsopen,
            c::SYS_move_mount,
            c::SYS_open_tree,
            c::SYS_mount_setattr,
            c::SYS_memfd_secret,
            c::SYS_sethostname,
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
        let program = prelude(ABSENT);
        let last = program.len() - 1;
        for (at, instruction) in program.iter().enumerate().filter(|(_, i)| i.code & 0x07 == 0x05) {
            assert_eq!(at + 1 + usize::from(instruction.jt), last, "instruction {at}");
            assert!(at + 1 + usize::from(instruction.jf) == at + 1 || at + 1 + usize::from(instruction.jf) == last + 1);
        }
    }
}
