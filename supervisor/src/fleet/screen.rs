//! Small true pictures of what agents show: the cells of their terminal, made from the kept output when somebody looks.

use std::{
    collections::HashMap,
    num::NonZero,
    sync::{Mutex, PoisonError},
};

use aether_protocol::{AgentId, ApiError, Program, Screen};

use super::{
    OutputStream, StartAt, Streams,
    core::Core,
    log::{Cursor, OutputLog},
};

/// Output from before the first look that can still be on the screen, bytes.
const TAIL: u64 = 256 * 1024;
/// Pictures held; those not looked at for longest go first.
const HELD: usize = 256;

/// Every picture somebody looked at.
#[derive(Default)]
pub(crate) struct Screens {
    drawn: Mutex<HashMap<AgentId, Drawn>>,
}

struct Drawn {
    parser: vt100::Parser,
    cursor: Cursor,
    resized: u64,
    looked: u64,
}

impl Screens {
    /// The picture of an agent, unless the client has that very version.
    pub(crate) fn look(&self, core: &Core, id: &AgentId, has: Option<u64>) -> Result<Option<Screen>, ApiError> {
        let (cols, rows, tty) = match core.info(id)?.spec.program {
            Program::Command(command) => (command.cols.unwrap_or(120), command.rows.unwrap_or(36), command.tty),
            Program::Goal(_) => (120, 36, false),
        };
        let log = core.log(id)?;
        let bytes = log.progress().bytes;
        let mut all = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = all.values().map(|drawn| drawn.looked).max().unwrap_or(0) + 1;
        if !all.contains_key(id) {
            let cursor = log.tail(TAIL).map_err(unreadable)?;
            let parser = vt100::Parser::new(cells(rows), cells(cols), 0);
            all.insert(id.clone(), Drawn { parser, cursor, resized: 0, looked });
            if all.len() > HELD
                && let Some(oldest) = all.iter().min_by_key(|(_, drawn)| drawn.looked).map(|(id, _)| id.clone())
            {
                all.remove(&oldest);
            }
        }
        let Some(drawn) = all.get_mut(id) else { return Err(ApiError::internal("the picture is gone")) };
        drawn.looked = looked;
        // Resizes are few: they lie in the high bits, below what a JSON number holds exactly.
        let version = bytes + (drawn.resized << 44);
        if has == Some(version) {
            return Ok(None);
        }
        draw(&log, drawn, tty).map_err(unreadable)?;
        let (rows, cols) = drawn.parser.screen().size();
        let lines = drawn.parser.screen().rows(0, cols.get()).map(|line| line.trim_end().to_owned()).collect();
        Ok(Some(Screen { cols: cols.get(), rows: rows.get(), lines, version }))
    }

    /// The terminal of an agent has a new size.
    pub(crate) fn resize(&self, id: &AgentId, cols: u16, rows: u16) {
        if let Some(drawn) = self.drawn.lock().unwrap_or_else(PoisonError::into_inner).get_mut(id) {
            drawn.parser.screen_mut().set_size(cells(rows), cells(cols));
            drawn.resized += 1;
        }
    }

    /// Forgets the picture of an agent.
    pub(crate) fn forget(&self, id: &AgentId) {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// A number of rows or columns.
fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap_or(NonZero::<u16>::MIN)
}

fn draw(log: &OutputLog, drawn: &mut Drawn, tty: bool) -> std::io::Result<()> {
    let mut from = StartAt::default();
    while let Some(chunk) = log.next(&mut drawn.cursor, Streams::All, &mut from)? {
        if tty && chunk.stream == OutputStream::Stdout {
            drawn.parser.process(&chunk.bytes);
        } else {
            // Pipes carry no carriage returns: a line break there means the beginning of the next line.
            drawn.parser.process(&with_returns(&chunk.bytes));
        }
    }
    Ok(())
}

fn with_returns(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    for byte in bytes {
        if *byte == b'\n' {
            text.push(b'\r');
        }
        text.push(*byte);
    }
    text
}

fn unreadable(error: std::io::Error) -> ApiError {
    ApiError::internal(format!("the kept output cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_and_terminals_draw_the_same_lines() {
        let dir = tempfile::tempdir().expect("dir");
        for (tty, output) in [(true, &b"\x1b[31mone\x1b[0m\r\ntwo"[..]), (false, &b"one\ntwo"[..])] {
            let log = OutputLog::open(dir.path(), if tty { "a" } else { "b" }).expect("log");
            log.append(OutputStream::Stdout, 0, output);
            let parser = vt100::Parser::new(cells(3), cells(20), 0);
            let mut drawn = Drawn { parser, cursor: Cursor::default(), resized: 0, looked: 0 };
            draw(&log, &mut drawn, tty).expect("draw");
            let lines: Vec<_> = drawn.parser.screen().rows(0, 20).collect();
            assert_eq!(lines, ["one", "two", ""]);
        }
    }
}
