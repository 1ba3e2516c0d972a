//! Pages of a directory. A cursor is the name after which the next page begins; names are bytes, so it is written in hexadecimal.

use aether_protocol::{ApiError, FileEntry};

/// Some entries of a directory, by name.
#[derive(Debug, Clone)]
pub struct Page {
    /// The entries.
    pub entries: Vec<FileEntry>,
    /// How many come before them.
    pub before: u64,
    /// How many the directory has.
    pub total: u64,
    /// Where the next page begins; `None`: nothing follows.
    pub next: Option<String>,
}

/// Longest name of a file, bytes (`NAME_MAX`).
const MAX_NAME: usize = 255;

/// The cursor of the page after `name`.
pub(super) fn cursor(name: &[u8]) -> String {
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name that a cursor stands for.
pub(super) fn name(cursor: &str) -> Result<Vec<u8>, ApiError> {
    let digits: Option<Vec<u8>> = cursor.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 && (2..=2 * MAX_NAME).contains(&digits.len()) => {
            Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        _ => Err(ApiError::invalid("that is no cursor", "give meta.next of the page before, unchanged")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_the_name_they_were_made_of() {
        for made_of in [&b"a"[..], b"\xff\x00\n", &[b'x'; MAX_NAME]] {
            assert_eq!(name(&cursor(made_of)), Ok(made_of.to_vec()));
        }
        for wrong in ["", "6", "zz", "6\u{e4}", &"61".repeat(MAX_NAME + 1), "+1"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
