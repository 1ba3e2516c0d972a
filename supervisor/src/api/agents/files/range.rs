//! `Range: bytes=...` (RFC 9110 §14): one range; several, or another unit, are answered with the whole file.

/// What part of a file to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// So many bytes from an offset on; never empty, always inside.
    Some {
        /// Offset of the first byte.
        start: u64,
        /// Number of bytes.
        length: u64,
    },
    /// Nothing of what was asked for exists.
    None,
}

/// The part of a file of `size` bytes that a `Range` header asks for.
pub(crate) fn parse(header: &str, size: u64) -> Part {
    let Some((unit, set)) = header.split_once('=') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Part::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Part::Whole };
    match (number(first), number(last)) {
        (Given(start), Given(end)) if start > end => Part::Whole,
        (Given(start), Given(_) | Absent) if start >= size => Part::None,
        (Given(start), Given(end)) => Part::Some { start, length: end.min(size - 1) - start + 1 },
        (Given(start), Absent) => Part::Some { start, length: size - start },
        (Absent, Given(0)) => Part::None,
        (Absent, Given(_)) if size == 0 => Part::None,
        (Absent, Given(suffix)) => Part::Some { start: size.saturating_sub(suffix), length: suffix.min(size) },
        _ => Part::Whole,
    }
}

use Number::{Absent, Given, Wrong};

enum Number {
    Given(u64),
    Absent,
    Wrong,
}

/// A number too large for 64 bits is past the end of every file.
fn number(text: &str) -> Number {
    match text.trim() {
        "" => Absent,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Given(digits.parse().unwrap_or(u64::MAX)),
        _ => Wrong,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn follows_the_standard() {
        let some = |start, length| Part::Some { start, length };
        for (header, expected) in [
            ("bytes=0-0", some(0, 1)),
            ("bytes=2-", some(2, 8)),
            ("bytes=-3", some(7, 3)),
            ("bytes=-30", some(0, 10)),
            ("bytes=5-99", some(5, 5)),
            ("Bytes = 1-2", some(1, 2)),
            ("bytes=10-", Part::None),
            ("bytes=-0", Part::None),
            ("bytes=99999999999999999999-", Part::None),
            ("bytes=3-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=-", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(parse(header, 10), expected, "{header}");
        }
        assert_eq!(parse("bytes=0-", 0), Part::None);
        assert_eq!(parse("bytes=-1", 0), Part::None);
    }

    proptest! {
        #[test]
        fn never_leaves_the_file(header in "(bytes=)?[0-9]{0,20}-?[0-9]{0,20}", size in any::<u64>()) {
            if let Part::Some { start, length } = parse(&header, size) {
                prop_assert!(length > 0);
                prop_assert!(start.checked_add(length).is_some_and(|end| end <= size));
            }
        }

        #[test]
        fn takes_any_text(header in ".*", size in any::<u64>()) {
            parse(&header, size);
        }
    }
}
