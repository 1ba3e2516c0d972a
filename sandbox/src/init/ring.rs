//! The last bytes of a stream, addressed by their offset from its beginning.

use std::collections::VecDeque;

/// Bytes `oldest..newest` of a stream.
#[derive(Debug, Default)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    newest: u64,
}

impl Ring {
    /// Offset of the oldest byte held.
    pub(super) fn oldest(&self) -> u64 {
        self.newest - self.len() as u64
    }

    /// Offset after the last byte.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends; the oldest bytes above `limit` are dropped.
    pub(super) fn push(&mut self, bytes: &[u8], limit: usize) {
        self.newest += bytes.len() as u64;
        let kept = &bytes[bytes.len().saturating_sub(limit)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(limit);
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend(kept);
    }

    /// At most `max` bytes from `offset` on, in the two pieces in which they lie, and the offset of the first of them (later when
    /// the wanted ones are gone).
    pub(super) fn read(&self, offset: u64, max: usize) -> (u64, [&[u8]; 2]) {
        let from = offset.clamp(self.oldest(), self.newest);
        let skip = (from - self.oldest()) as usize;
        let count = (self.len() - skip).min(max);
        let (front, back) = self.bytes.as_slices();
        let first = front.get(skip..).unwrap_or_default();
        let first = &first[..first.len().min(count)];
        let rest = back.get(skip.saturating_sub(front.len())..).unwrap_or_default();
        (from, [first, &rest[..count - first.len()]])
    }

    /// Gives the memory back; the offsets stay true.
    pub(super) fn clear(&mut self) {
        self.bytes = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ring: &Ring, offset: u64, max: usize) -> (u64, Vec<u8>) {
        let (offset, data) = ring.read(offset, max);
        (offset, data.concat())
    }

    #[test]
    fn keeps_the_last_bytes_with_true_offsets() {
        let mut ring = Ring::default();
        ring.push(b"abcdef", 4);
        assert_eq!((ring.oldest(), ring.newest()), (2, 6));
        ring.push(b"gh", 4);
        assert_eq!(read(&ring, 0, 100), (4, b"efgh".to_vec()));
        assert_eq!(read(&ring, 5, 2), (5, b"fg".to_vec()));
        assert_eq!(read(&ring, 99, 2), (8, Vec::new()));
    }

    #[test]
    fn reads_across_the_seam_of_its_buffer() {
        let mut ring = Ring::default();
        let mut all = Vec::new();
        for step in 0..1000_u32 {
            let bytes = step.to_le_bytes();
            all.extend_from_slice(&bytes);
            ring.push(&bytes, 37);
            for skip in 0..ring.len() {
                let offset = ring.oldest() + skip as u64;
                assert_eq!(read(&ring, offset, 9).1, all[offset as usize..all.len().min(offset as usize + 9)]);
            }
        }
    }

    #[test]
    fn clearing_keeps_the_count() {
        let mut ring = Ring::default();
        ring.push(b"abc", 10);
        ring.clear();
        assert_eq!((ring.oldest(), ring.newest(), ring.len()), (3, 3, 0));
    }
}
