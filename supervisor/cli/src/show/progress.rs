//! How far a copy has come, on standard error, only when it is a terminal.

use std::{
    io::{IsTerminal, Write as _},
    time::{Duration, Instant},
};

use super::{text, units};

/// Time between two updates: fast enough to look alive, slow enough to cost nothing.
const EVERY: Duration = Duration::from_millis(100);

/// A line that is written over itself and removed at the end.
pub(crate) struct Progress {
    shown: bool,
    on: bool,
    last: Instant,
    name: String,
    done: u64,
    total: Option<u64>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            shown: false,
            on: std::io::stderr().is_terminal(),
            last: Instant::now(),
            name: String::new(),
            done: 0,
            total: None,
        }
    }

    /// The next file.
    pub(crate) fn start(&mut self, name: &str, total: Option<u64>) {
        self.name = text::file_name(name);
        self.done = 0;
        self.total = total;
    }

    /// Some of it moved.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if !self.on || self.last.elapsed() < EVERY {
            return;
        }
        self.last = Instant::now();
        let part = match self.total {
            Some(total) if total > 0 => {
                format!("{} of {} ({}%)", units::size(self.done), units::size(total), self.done.saturating_mul(100) / total)
            }
            _ => units::size(self.done),
        };
        let columns = crate::terminal::columns().unwrap_or(80);
        let line = text::fit(&format!("{}  {part}", text::fit(&self.name, columns.saturating_sub(32).max(8))), columns);
        let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        self.shown = true;
    }

    /// Removes the line, so that a message can be written.
    pub(crate) fn clear(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
            self.shown = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
