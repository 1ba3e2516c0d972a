use super::{super::emulate, *};

/// The kernel reads 32 bits of these arguments: what stands above them must not count.
fn of(arch: u32, number: u32, arguments: [u32; 3]) -> u32 {
    of_words(arch, number, arguments.map(|low| [low, 0xdead_beef]))
}

fn of_words(arch: u32, number: u32, arguments: [[u32; 2]; 3]) -> u32 {
    let program: Vec<_> =
        program().iter().map(|i| seccompiler::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
    let [first, second, third] = arguments.map(|[low, high]| u64::from(high) << 32 | u64::from(low));
    emulate::run(&program, arch, number, [first, second, third, 0, 0, 0]).expect("an answer")
}

fn call(number: c::c_long, arguments: [u32; 3]) -> u32 {
    of(X86_64, u32::try_from(number).expect("a number"), arguments)
}

#[test]
fn refuses_what_is_listed_and_nothing_else() {
    let listed: Vec<c::c_long> = DENIED.iter().flat_map(|(numbers, _)| *numbers).copied().collect();
    let looked_at =
        [c::SYS_ioctl, c::SYS_socket, c::SYS_socketpair, c::SYS_personality, c::SYS_keyctl, c::SYS_setrlimit, c::SYS_prlimit64];
    for number in 0..=i64::from(NEWEST) {
        let expected = if listed.contains(&number) { EPERM } else { ALLOW };
        if !looked_at.contains(&number) {
            assert_eq!(call(number, [0; 3]), expected, "{number}");
        }
    }
    assert!(DENIED.iter().all(|(_, reason)| !reason.is_empty()));
    assert_eq!(call(i64::from(NEWEST) + 1, [0; 3]), ENOSYS);
    for number in [0, 41, 165, 512, 547] {
        assert_eq!(of(X86_64, 0x4000_0000 | number, [0; 3]), ENOSYS, "x32 {number}");
        assert_eq!(of(0x4000_0003, number, [0; 3]), KILL_PROCESS, "i386 {number}");
    }
}

#[test]
fn looks_at_the_arguments_of_seven() {
    let socket = |family: c::c_int, kind: c::c_int, protocol: c::c_int| {
        call(c::SYS_socket, [family, kind | c::SOCK_CLOEXEC | c::SOCK_NONBLOCK, protocol].map(c::c_int::unsigned_abs))
    };
    for family in 0..64 {
        let inet = [c::AF_INET, c::AF_INET6].contains(&family);
        for kind in 0..16 {
            let fine = family == c::AF_UNIX || family == c::AF_NETLINK || inet && [c::SOCK_STREAM, c::SOCK_DGRAM].contains(&kind);
            assert_eq!(socket(family, kind, 0), if fine { ALLOW } else { EPERM }, "family {family} type {kind}");
        }
        let pair = if family == c::AF_UNIX { ALLOW } else { EPERM };
        assert_eq!(call(c::SYS_socketpair, [family.unsigned_abs(), 1, 0]), pair, "{family}");
    }
    for protocol in 1..32 {
        assert_eq!(socket(c::AF_NETLINK, c::SOCK_RAW, protocol), EPERM, "netlink {protocol}");
    }
    for (request, expected) in [(0x5412, EPERM), (0x541c, EPERM), (0x5401, ALLOW), (0x5413, ALLOW)] {
        assert_eq!(call(c::SYS_ioctl, [0, request, 0]), expected, "{request:#x}");
    }
    for fine in [0, 8, 0x2_0000, 0x2_0008, u32::MAX] {
        assert_eq!(call(c::SYS_personality, [fine, 0, 0]), ALLOW, "{fine:#x}");
    }
    for bit in (0..32).map(|n| 1_u32 << n).filter(|bit| 0x2_0008 & bit == 0) {
        assert_eq!(call(c::SYS_personality, [bit, 0, 0]), EPERM, "{bit:#x}");
    }
    for operation in 0..40 {
        let expected = if operation == 1 { ALLOW } else { EPERM };
        assert_eq!(call(c::SYS_keyctl, [operation, 0, 0]), expected, "{operation}");
    }
}

#[test]
fn the_limit_of_core_files_stays() {
    let silent = 0x0005_0000;
    let prlimit = |resource: u32, new: [u32; 2]| {
        of_words(X86_64, u32::try_from(c::SYS_prlimit64).expect("a number"), [[0, 0], [resource, 7], new])
    };
    for resource in 0..16 {
        let expected = if resource == c::RLIMIT_CORE { silent } else { ALLOW };
        assert_eq!(call(c::SYS_setrlimit, [resource, 1, 1]), expected, "{resource}");
        for new in [[1, 0], [0, 1], [0x1000, 0x7fff]] {
            assert_eq!(prlimit(resource, new), expected, "{resource}");
        }
        assert_eq!(prlimit(resource, [0, 0]), ALLOW, "{resource}");
    }
}

#[test]
fn a_call_that_depends_on_its_arguments_is_decided_early() {
    // What every other one costs a kernel without the bitmap.
    let program = program();
    assert!(program.len() < 256, "{} instructions", program.len());
    let last = program.iter().rposition(|i| i.code == 0x20).expect("a load");
    assert!(last < 80, "the last argument is loaded by instruction {last}");
}
