//! The keys that leave a terminal without ending its program: Ctrl-P, Ctrl-Q.

const CTRL_P: u8 = 0x10;
const CTRL_Q: u8 = 0x11;

/// Watches typed bytes for the keys. A Ctrl-P is held until the next key says what it meant.
#[derive(Debug, Default)]
pub(super) struct DetachKeys {
    held: bool,
}

/// What typed bytes mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// For the program (may be empty).
    Keys(Vec<u8>),
    /// These are for the program, then the person leaves.
    Detach(Vec<u8>),
}

impl DetachKeys {
    pub(super) fn typed(&mut self, bytes: &[u8]) -> Typed {
        let mut keys = Vec::with_capacity(bytes.len() + 1);
        for &byte in bytes {
            if std::mem::take(&mut self.held) {
                if byte == CTRL_Q {
                    return Typed::Detach(keys);
                }
                keys.push(CTRL_P);
            }
            if byte == CTRL_P {
                self.held = true;
            } else {
                keys.push(byte);
            }
        }
        Typed::Keys(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_both_keys_detach() {
        for (pieces, expected) in [
            (&[&b"ab"[..]][..], Typed::Keys(b"ab".to_vec())),
            (&[b"a\x10\x11b"], Typed::Detach(b"a".to_vec())),
            (&[b"a\x10", b"\x11"], Typed::Detach(Vec::new())),
            (&[b"\x10", b"x"], Typed::Keys(b"\x10x".to_vec())),
            (&[b"\x10\x10\x11"], Typed::Detach(b"\x10".to_vec())),
            (&[b"\x11"], Typed::Keys(b"\x11".to_vec())),
        ] {
            let mut keys = DetachKeys::default();
            let last = pieces.iter().map(|piece| keys.typed(piece)).last();
            assert_eq!(last, Some(expected), "{pieces:?}");
        }
    }
}
