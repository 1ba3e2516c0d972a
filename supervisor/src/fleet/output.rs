//! Output of a process: from its init while it lives, from the kept log afterwards, without a seam between them.

use super::Chunk;

/// Reads the output of a process. Dropping it lets the program go on without this reader.
pub struct OutputReader {
    /// The process has a terminal.
    pub tty: bool,
    /// Offset of the first byte that [`OutputReader::next`] gives on standard output.
    pub offset: u64,
    /// Offset of the oldest byte held on standard output.
    pub oldest: u64,
}

impl OutputReader {
    /// The next piece; `None` after the end of every stream asked for. Cancel safe.
    pub async fn next(&mut self) -> Option<Chunk> {
        None
    }
}
