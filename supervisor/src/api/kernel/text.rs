//! Bytes of a terminal as text, cut between characters.

/// Keeps back the beginning of a character until the rest of it comes.
#[derive(Debug, Default)]
pub(crate) struct TextStream {
    kept: Vec<u8>,
    /// Offset of the first byte kept, or of the next byte.
    offset: u64,
}

/// Text, the offset of its first byte, and how many bytes it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Offset of the first byte.
    pub(crate) offset: u64,
    /// The text; invalid bytes are U+FFFD.
    pub(crate) text: String,
    /// Number of bytes.
    pub(crate) bytes: u64,
}

impl TextStream {
    /// The next bytes. What was kept back before a gap becomes a piece of its own.
    pub(crate) fn push(&mut self, offset: u64, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if offset != self.offset + self.kept.len() as u64 {
            pieces.extend(self.finish());
            self.offset = offset;
        }
        let mut whole = std::mem::take(&mut self.kept);
        whole.extend_from_slice(bytes);
        self.kept = whole.split_off(whole.len() - incomplete(&whole));
        pieces.extend(self.piece(&whole));
        pieces
    }

    /// What is kept back, when nothing follows.
    pub(crate) fn finish(&mut self) -> Option<Piece> {
        let rest = std::mem::take(&mut self.kept);
        self.piece(&rest)
    }

    fn piece(&mut self, bytes: &[u8]) -> Option<Piece> {
        let piece = Piece { offset: self.offset, text: String::from_utf8_lossy(bytes).into_owned(), bytes: bytes.len() as u64 };
        self.offset += piece.bytes;
        (piece.bytes > 0).then_some(piece)
    }
}

/// Bytes at the end that may be the beginning of a character.
fn incomplete(bytes: &[u8]) -> usize {
    // The longest beginning is three bytes, so a longer tail has nothing more to tell.
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    (1..=tail.len())
        .rev()
        .find(|length| {
            let candidate = &tail[tail.len() - length..];
            std::str::from_utf8(candidate).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_half_a_character_back() {
        let mut stream = TextStream::default();
        assert_eq!(stream.push(0, b"a\xe2\x82"), [Piece { offset: 0, text: "a".to_owned(), bytes: 1 }]);
        assert_eq!(stream.push(3, b"\xacb"), [Piece { offset: 1, text: "€b".to_owned(), bytes: 4 }]);
        assert_eq!(stream.push(5, b"\xf0\x9f"), []);
        let gap = stream.push(100, b"x");
        assert_eq!(gap[0], Piece { offset: 5, text: "\u{fffd}".to_owned(), bytes: 2 });
        assert_eq!(gap[1], Piece { offset: 100, text: "x".to_owned(), bytes: 1 });
        assert_eq!(stream.finish(), None);
    }

    #[test]
    fn invalid_bytes_are_not_kept() {
        let mut stream = TextStream::default();
        assert_eq!(stream.push(0, b"\xff\xfe")[0].text, "\u{fffd}\u{fffd}");
        assert_eq!(stream.push(2, b"\xe2\xe2\x82")[0], Piece { offset: 2, text: "\u{fffd}".to_owned(), bytes: 1 });
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_text(text in ".{0,40}", cuts in prop::collection::vec(0usize..160, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < bytes.len()).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut stream = TextStream::default();
            let mut pieces = Vec::new();
            for pair in cuts.windows(2) {
                pieces.extend(stream.push(pair[0] as u64, &bytes[pair[0]..pair[1]]));
            }
            pieces.extend(stream.finish());
            prop_assert_eq!(pieces.iter().map(|piece| piece.text.as_str()).collect::<String>(), text.clone());
        }

        #[test]
        fn every_byte_is_accounted_for_once(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..10)) {
            let mut stream = TextStream::default();
            let (mut offset, mut covered) = (0, 0);
            let mut pieces = Vec::new();
            for chunk in &chunks {
                pieces.extend(stream.push(offset, chunk));
                offset += chunk.len() as u64;
            }
            pieces.extend(stream.finish());
            for piece in pieces {
                prop_assert_eq!(piece.offset, covered);
                covered += piece.bytes;
            }
            prop_assert_eq!(covered, offset);
        }
    }
}
