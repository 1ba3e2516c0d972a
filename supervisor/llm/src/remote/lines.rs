//! Pieces of an answer from chunks that may end anywhere, also inside a line or a character.

use crate::LlmError;

/// Longest line, bytes.
const MAX_LINE: usize = 8 << 20;

/// Collects bytes and gives the payload of every whole line.
#[derive(Debug)]
pub(super) struct Lines {
    rest: Vec<u8>,
    /// Each line is a payload by itself; otherwise those that begin with `data:` hold one.
    bare: bool,
}

impl Lines {
    pub(super) const fn new(bare: bool) -> Self {
        Self { rest: Vec::new(), bare }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<String>, LlmError> {
        let mut found = Vec::new();
        // A line feed is never part of a longer UTF-8 character, so bytes are cut into lines before they become text.
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.rest.len() + piece.len() > MAX_LINE {
                return Err(LlmError::TooLarge(MAX_LINE));
            }
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                found.extend(self.rest()?);
            }
        }
        Ok(found)
    }

    /// The payload of what has come of the line so far.
    pub(super) fn rest(&mut self) -> Result<Option<String>, LlmError> {
        let line = String::from_utf8(std::mem::take(&mut self.rest));
        let line = line.map_err(|_| LlmError::Malformed("a line of it is not UTF-8".into()))?;
        let line = line.trim();
        let data = if self.bare { Some(line) } else { line.strip_prefix("data:").map(str::trim_start) };
        Ok(data.filter(|data| !data.is_empty()).map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn any_cut_gives_the_same_lines() {
        let bytes = ": note\r\nevent: x\r\ndata: {\"a\":\"ä€😀\"}\r\n\r\ndata:[DONE]\n\n".as_bytes();
        for size in 1..bytes.len() {
            let mut lines = Lines::new(false);
            let found: Vec<String> = bytes.chunks(size).flat_map(|c| lines.push(c).expect("lines")).collect();
            assert_eq!(found, ["{\"a\":\"ä€😀\"}", "[DONE]"], "chunks of {size}");
        }
        let mut lines = Lines::new(true);
        assert_eq!(lines.push(b"{\"a\":1}\r\n\n{\"b\"").expect("lines"), ["{\"a\":1}"]);
        assert_eq!(lines.rest().expect("rest").as_deref(), Some("{\"b\""));
    }
}
