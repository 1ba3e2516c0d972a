//! What the kernel would answer to a call, for the tests of every filter here.

use seccompiler::sock_filter;

/// Classic BPF over `struct seccomp_data` (seccomp(2)), as far as our filters use it. `None` when the program ends without an answer,
/// as one does that others follow.
pub(super) fn run(program: &[sock_filter], arch: u32, number: u32, arguments: [u64; 6]) -> Option<u32> {
    let words = |value: u64| [value as u32, (value >> 32) as u32];
    let mut data = vec![number, arch, 0, 0];
    data.extend(arguments.into_iter().flat_map(words));
    let (mut at, mut value) = (0, 0);
    while let Some(instruction) = program.get(at) {
        let k = instruction.k;
        at += 1;
        let jump = |taken| usize::from(if taken { instruction.jt } else { instruction.jf });
        match instruction.code {
            0x20 => value = data[k as usize / 4],
            0x54 => value &= k,
            0x05 => at += k as usize,
            0x15 => at += jump(value == k),
            0x25 => at += jump(value > k),
            0x35 => at += jump(value >= k),
            0x45 => at += jump(value & k != 0),
            0x06 => return Some(k),
            other => panic!("instruction {other:#x}"),
        }
    }
    assert_eq!(at, program.len(), "jumps past its end");
    None
}
