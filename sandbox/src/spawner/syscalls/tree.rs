//! Calls that are allowed whatever their arguments are, found by halving.
//!
//! The kernel converts and compiles a filter each time it is installed, and asks it about every call there is, to remember which ones it
//! always allows (`seccomp_cache_prepare`, kernel/seccomp.c, Linux 5.11). A chain that is walked through from its beginning each time costs a
//! sandbox more at its start than all its mounts.

use seccompiler::{BpfProgram, sock_filter};

const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS; in seccomp_data the number is at 0, the architecture at 4
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const JUMP_NOT_LESS: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K
const ALLOW: u32 = 0x7fff_0000; // SECCOMP_RET_ALLOW
const X86_64: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64

/// Ranges that are looked through one by one.
const FEW: usize = 3;

/// Numbers from the first to the second.
type Range = (u32, u32);

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Allows x86-64 calls with these numbers, which come in ascending order. All others, and all of other architectures, go on behind it.
pub(super) fn allows(numbers: impl Iterator<Item = i64>) -> BpfProgram {
    let tree = below(&ranges(numbers));
    let mut program = vec![
        instruction(LOAD_WORD, 0, 0, 4),
        instruction(JUMP_EQUAL, 1, 0, X86_64),
        jump(tree.len() + 1),
        instruction(LOAD_WORD, 0, 0, 0),
    ];
    program.extend(tree);
    program
}

fn ranges(numbers: impl Iterator<Item = i64>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    // A number that is none is no call.
    for number in numbers.filter_map(|number| u32::try_from(number).ok()) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// The number is loaded. What is in no range leaves it at its end.
fn below(ranges: &[Range]) -> BpfProgram {
    if ranges.len() <= FEW {
        let one = |(first, last): &Range| {
            [instruction(JUMP_GREATER, 2, 0, *last), instruction(JUMP_NOT_LESS, 0, 1, *first), instruction(RETURN, 0, 0, ALLOW)]
        };
        return ranges.iter().flat_map(one).collect();
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let middle = high.first().map_or(u32::MAX, |range| range.0);
    let (low, high) = (below(low), below(high));
    let mut program = vec![instruction(JUMP_NOT_LESS, 0, 1, middle), jump(low.len() + 1)];
    program.extend(low);
    program.push(jump(high.len()));
    program.extend(high);
    program
}

fn jump(over: usize) -> sock_filter {
    instruction(JUMP, 0, 0, u32::try_from(over).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{super::emulate, *};

    #[test]
    fn allows_these_numbers_and_no_others() {
        let lists: [&[i64]; 6] = [
            &[],
            &[0],
            &[0, 1, 2, 3, 7, 9, 10, 452],
            &[5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 300, 301, 302],
            &[1, 3, 5, 7],
            &[440, 441, 442, 443, 444, 445, 446, 447],
        ];
        for list in lists {
            let program = allows(list.iter().copied());
            for number in (0..500).chain([0x4000_0000, 0x4000_0001, u32::MAX]) {
                let allowed = list.contains(&i64::from(number));
                assert_eq!(emulate::run(&program, X86_64, number, [0; 6]), allowed.then_some(ALLOW), "{number} of {list:?}");
                assert_eq!(emulate::run(&program, 0x4000_0003, number, [0; 6]), None, "i386 {number}");
            }
        }
    }

    #[test]
    fn a_call_is_found_in_few_steps() {
        let every_second = (0..400).filter(|number| number % 2 == 0);
        let program = allows(every_second);
        let steps = |number: u32| {
            let mut at = 0;
            let mut steps = 0;
            while let Some(instruction) = program.get(at) {
                steps += 1;
                at += 1 + match instruction.code {
                    JUMP => instruction.k as usize,
                    JUMP_EQUAL => usize::from(instruction.jt),
                    JUMP_GREATER if number > instruction.k => usize::from(instruction.jt),
                    JUMP_GREATER => usize::from(instruction.jf),
                    JUMP_NOT_LESS if number >= instruction.k => usize::from(instruction.jt),
                    JUMP_NOT_LESS => usize::from(instruction.jf),
                    RETURN => return steps,
                    _ => 0,
                };
            }
            steps
        };
        assert!((0..500).all(|number| steps(number) < 40), "{:?}", (0..500).map(steps).max());
    }
}
