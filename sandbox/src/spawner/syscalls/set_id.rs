//! No file gets a set-id bit where a directory is lent for writing: a second filter beside the sandbox's own, which refuses the same
//! by rules and a compiler of its own.
//!
//! Elsewhere such a bit gives nothing: homes are closed to everybody on the host, and every mount inside is nosuid. A lent directory
//! lies on the host with the lender's id, the mounts of the host honour the bit there, and no attribute of a mount keeps a
//! program from setting it. So a set-id program would be the lender's for whoever may reach the directory.
//!
//! mkdir(2) needs no rule: the kernel takes these bits out of its mode (`vfs_prepare_mode` in fs/namei.c).

use libc::{self as c, sock_filter};

use super::{
    deny::{ALLOW, ENOSYS, EPERM, GREATER, KILL_PROCESS, X86_64, and, answer, jump, load, load_argument, number, unless, when},
    policy::NEWEST,
};

/// `S_ISUID` and `S_ISGID`. The kernel reads 16 bits of a mode.
const BITS: u32 = 0o6000;
/// `O_CREAT` and `__O_TMPFILE`: without either an open has no mode, and whatever stands in its place means nothing.
const MAKES: u32 = 0o100 | 0o20_000_000;

/// Calls that give a file a mode, and the argument that is it.
const MODES: [(c::c_long, u32); 7] = [
    (c::SYS_chmod, 1),
    (c::SYS_fchmod, 1),
    (c::SYS_fchmodat, 2),
    (452, 2), // fchmodat2
    (c::SYS_creat, 1),
    (c::SYS_mknod, 1),
    (c::SYS_mknodat, 2),
];

/// Calls that give one only with certain flags: the arguments that are flags and mode.
const OPENS: [(c::c_long, u32, u32); 2] = [(c::SYS_open, 1, 2), (c::SYS_openat, 2, 3)];

/// The whole program.
pub(in crate::spawner) fn program() -> Vec<sock_filter> {
    let mut all = vec![load(4)];
    all.extend(unless(X86_64, &[answer(KILL_PROCESS)]));
    all.push(load(0));
    // What is newer may set a mode in a way of its own, as file_setattr(2) might; x32 numbers are past the newest as well.
    all.extend([jump(GREATER, NEWEST, 0, 1), answer(ENOSYS)]);
    // Its mode lies in memory, where no filter can look.
    all.extend(when(number(c::SYS_openat2), &[answer(ENOSYS)]));
    for (call, mode) in MODES {
        all.extend(when(number(call), &without_bits(mode)));
    }
    for (call, flags, mode) in OPENS {
        let mut body = vec![load_argument(flags), and(MAKES)];
        body.extend(when(0, &[answer(ALLOW)]));
        body.extend(without_bits(mode));
        all.extend(when(number(call), &body));
    }
    all.push(answer(ALLOW));
    all
}

fn without_bits(mode: u32) -> Vec<sock_filter> {
    let mut body = vec![load_argument(mode), and(BITS)];
    body.extend(when(0, &[answer(ALLOW)]));
    body.push(answer(EPERM));
    body
}

#[cfg(test)]
mod tests {
    use super::{super::emulate, *};

    fn of(arch: u32, call: c::c_long, arguments: [u64; 6]) -> u32 {
        let program: Vec<_> =
            program().iter().map(|i| seccompiler::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
        emulate::run(&program, arch, u32::try_from(call).expect("a number"), arguments).expect("an answer")
    }

    /// A mode at `at`, below bits that the kernel does not read.
    fn mode_at(at: u32, mode: u64) -> [u64; 6] {
        let mut arguments = [0; 6];
        arguments[at as usize] = 0xdead_beef_0000_0000 | mode;
        arguments
    }

    #[test]
    fn no_mode_has_a_set_id_bit() {
        for (call, at) in MODES {
            for bits in [0o4000, 0o2000, 0o6000, 0o4755, 0o7777, 0o102_755] {
                assert_eq!(of(X86_64, call, mode_at(at, bits)), EPERM, "{call} {bits:o}");
            }
            for bits in [0, 0o755, 0o1777, 0o100_644] {
                assert_eq!(of(X86_64, call, mode_at(at, bits)), ALLOW, "{call} {bits:o}");
            }
        }
    }

    #[test]
    fn an_open_has_a_mode_only_when_it_makes_a_file() {
        for (call, flags, mode) in OPENS {
            let open = |with: c::c_int, bits: u64| {
                let mut arguments = mode_at(mode, bits);
                arguments[flags as usize] = 0xffff_ffff_0000_0000 | u64::from(with.unsigned_abs());
                of(X86_64, call, arguments)
            };
            for with in [c::O_CREAT, c::O_TMPFILE | c::O_RDWR, c::O_CREAT | c::O_EXCL | c::O_WRONLY] {
                assert_eq!((open(with, 0o4755), open(with, 0o2644), open(with, 0o1644)), (EPERM, EPERM, ALLOW), "{with:o}");
            }
            for with in [c::O_RDONLY, c::O_WRONLY | c::O_TRUNC, c::O_DIRECTORY] {
                assert_eq!(open(with, 0o4755), ALLOW, "{with:o}");
            }
        }
    }

    #[test]
    fn everything_else_passes_and_nothing_goes_around() {
        let judged: Vec<_> = MODES.iter().map(|(call, _)| *call).chain(OPENS.map(|(call, ..)| call)).collect();
        for call in (0..=i64::from(NEWEST)).filter(|call| !judged.contains(call)) {
            let wanted = if call == c::SYS_openat2 { ENOSYS } else { ALLOW };
            assert_eq!(of(X86_64, call, [0o4755; 6]), wanted, "{call}");
        }
        assert_eq!(of(X86_64, i64::from(NEWEST) + 1, [0; 6]), ENOSYS);
        assert_eq!(of(X86_64, 0x4000_0000 | c::SYS_chmod, [0; 6]), ENOSYS, "x32");
        assert_eq!(of(0x4000_0003, 15, [0; 6]), KILL_PROCESS, "i386");
    }
}
