//! Counts what the guard finds in ordinary files: `cargo run -p aether-runtime --example guard -- DIR...`
//!
//! Files are read as an agent would read them, at most 4000 characters at a time, and each such piece counts as one text.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use aether_runtime::policy::guard;

/// Characters of a piece.
const PIECE: usize = 4000;
/// Larger files are left out.
const LARGEST: u64 = 2 << 20;

#[derive(Default)]
struct Count {
    files: u64,
    pieces: u64,
    found: u64,
    kinds: BTreeMap<String, u64>,
}

fn main() -> io::Result<()> {
    let (mut count, mut waiting): (Count, Vec<PathBuf>) =
        (Count::default(), std::env::args().skip(1).map(PathBuf::from).collect());
    while let Some(path) = waiting.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            waiting.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if meta.is_file() && meta.len() <= LARGEST {
            look(&path, &mut count);
        }
    }
    println!("{} files, {} pieces, {} with a finding", count.files, count.pieces, count.found);
    for (kind, number) in &count.kinds {
        println!("{number:8} {kind}");
    }
    Ok(())
}

fn look(path: &Path, count: &mut Count) {
    let Some(text) = fs::read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else { return };
    count.files += 1;
    let letters: Vec<char> = text.chars().collect();
    for piece in letters.chunks(PIECE) {
        count.pieces += 1;
        let found = guard::scan(&piece.iter().collect::<String>());
        count.found += u64::from(!found.is_empty());
        for one in found {
            eprintln!("{}: {}: {}", path.display(), one.kind, one.excerpt);
            *count.kinds.entry(one.kind).or_default() += 1;
        }
    }
}
