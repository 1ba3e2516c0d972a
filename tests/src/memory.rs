//! What a process has in its memory.

use std::{fs::File, os::unix::fs::FileExt};

/// Every byte that the process can read and that is its own; what cannot be read (guard pages, the kernel's) is left out.
///
/// # Panics
/// When it does not run, or its memory is closed to this test.
pub fn of(pid: u32) -> Vec<u8> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("its maps");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("its memory");
    let mut all = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let bounds = range
            .split_once('-')
            .and_then(|(from, to)| Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?)));
        let Some((from, to)) = bounds.filter(|_| rights.starts_with("rw")) else { continue };
        let mut bytes = vec![0; usize::try_from(to - from).expect("a size")];
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            all.extend(bytes);
        }
    }
    all
}
