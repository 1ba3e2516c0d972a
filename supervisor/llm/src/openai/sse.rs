//! Server-sent events from chunks that may end anywhere, also inside a line or a character.

use crate::LlmError;

/// Longest line, bytes.
const MAX_LINE: usize = 4 << 20;

/// Collects bytes and gives the payload of every whole `data:` line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<String>, LlmError> {
        let mut found = Vec::new();
        let mut chunk = chunk;
        // A line feed is never part of a longer UTF-8 character, so bytes are cut into lines before they become text.
        while let Some(end) = chunk.iter().position(|b| *b == b'\n') {
            self.rest.extend_from_slice(&chunk[..end]);
            chunk = &chunk[end + 1..];
            let line = std::mem::take(&mut self.rest);
            let line = std::str::from_utf8(&line).map_err(|_| LlmError::Malformed("a line is not UTF-8".into()))?;
            if let Some(data) = line.trim_end_matches('\r').strip_prefix("data:") {
                found.push(data.trim().to_owned());
            }
        }
        self.rest.extend_from_slice(chunk);
        if self.rest.len() > MAX_LINE {
            return Err(LlmError::Malformed("a line is too long".into()));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn any_cut_gives_the_same_lines() {
        let bytes = ": note\r\nevent: x\r\ndata: {\"a\":\"ä€😀\"}\r\n\r\ndata:[DONE]\n\n".as_bytes();
        for size in 1..bytes.len() {
            let mut lines = Lines::default();
            let found: Vec<String> = bytes.chunks(size).flat_map(|c| lines.push(c).expect("lines")).collect();
            assert_eq!(found, ["{\"a\":\"ä€😀\"}", "[DONE]"], "chunks of {size}");
        }
    }
}
