//! Keeps the limit of core files where the spawner has put it.
//!
//! Where `kernel.core_pattern` names a program, the kernel starts it as root of the host for whatever crashes, with the memory of
//! the crashed program as input, and no limit of core files but one keeps it from that: exactly 1 (core(5) and
//! `coredump_pipe` in fs/coredump.c; 0 does not). A file is not written below one page either. So 1 is what every sandbox has, soft and hard.
//! The hard limit keeps it from being raised; nothing in the kernel keeps a program from lowering it to 0.
//!
//! Answered as done, without effect: `ulimit -c 0` is in many scripts, and a program that asks for less than it has is content.

use libc as c;
use seccompiler::{BpfProgram, sock_filter};

/// Bytes, soft and hard.
pub(in crate::spawner) const LIMIT: u64 = 1;

/// Runs before the allowlist.
pub(super) fn unchanged() -> BpfProgram {
    const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const ERRNO: u32 = 0x0005_0000; // SECCOMP_RET_ERRNO; with 0 the call looks done
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let load = |offset| instruction(LOAD_WORD, 0, 0, offset);
    let equal = |k, jt, jf| instruction(JUMP_EQUAL, jt, jf, k);
    let number = |call: c::c_long| u32::try_from(call).unwrap_or(u32::MAX);
    // struct seccomp_data: the number at 0, the two words of argument n at 16 + 8 n. The kernel reads 32 bits of a resource and
    // 64 of a pointer.
    vec![
        load(0),
        equal(number(c::SYS_setrlimit), 0, 2),
        load(16),
        equal(c::RLIMIT_CORE, 12, 13),
        equal(number(c::SYS_prlimit64), 0, 12),
        load(24),
        equal(c::RLIMIT_CORE, 0, 10),
        // No new limit: only a question.
        load(32),
        equal(0, 0, 2),
        load(36),
        equal(0, 6, 0),
        // Asked for the old one at the same time, it would have to be told, which no filter can do.
        load(40),
        equal(0, 0, 2),
        load(44),
        equal(0, 1, 0),
        instruction(RETURN, 0, 0, ERRNO | c::EPERM.unsigned_abs()),
        instruction(RETURN, 0, 0, ERRNO),
    ]
}

#[cfg(test)]
mod tests {
    use super::{super::emulate, *};

    const ON: u32 = u32::MAX; // ran past the end: what follows decides

    fn answer(call: c::c_long, [a, b, c, d]: [u64; 4]) -> u32 {
        let number = u32::try_from(call).expect("a number");
        emulate::run(&unchanged(), 0, number, [a, b, c, d, 0, 0]).unwrap_or(ON)
    }

    #[test]
    fn the_limit_stays_and_the_question_is_answered() {
        const SILENT: u32 = 0x0005_0000;
        const EPERM: u32 = SILENT | 1;
        let core = u64::from(c::RLIMIT_CORE);
        // The kernel reads 32 bits of the resource.
        for resource in [core, 1 << 32 | core, 0xffff_ffff_0000_0000 | core] {
            assert_eq!(answer(c::SYS_setrlimit, [resource, 0x7fff_0000, 0, 0]), SILENT);
            for pointer in [1, 0x1000, 1 << 32] {
                assert_eq!(answer(c::SYS_prlimit64, [0, resource, pointer, 0]), SILENT);
                assert_eq!(answer(c::SYS_prlimit64, [7, resource, pointer, 0]), SILENT);
                assert_eq!(answer(c::SYS_prlimit64, [0, resource, pointer, pointer]), EPERM);
                assert_eq!(answer(c::SYS_prlimit64, [0, resource, 0, pointer]), ON);
            }
            assert_eq!(answer(c::SYS_getrlimit, [resource, 0x1000, 0, 0]), ON);
        }
        for resource in (0..16).filter(|resource| *resource != core) {
            assert_eq!(answer(c::SYS_setrlimit, [resource, 0x1000, 0, 0]), ON);
            assert_eq!(answer(c::SYS_prlimit64, [0, resource, 0x1000, 0x1000]), ON);
        }
        assert_eq!(answer(c::SYS_read, [core, core, core, core]), ON);
    }
}
