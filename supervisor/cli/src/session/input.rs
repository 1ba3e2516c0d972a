//! Our standard input, read on a thread of its own: a read of a terminal cannot be given up.

use std::{
    io::{self, Read as _},
    thread,
};

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, channel};

/// Bytes per read: a pipe holds as much.
const PIECE: usize = 64 * 1024;

/// Standard input as pieces. Lives across broken connections, so that nothing typed is lost between two.
pub(crate) struct Input {
    pieces: Option<Receiver<Bytes>>,
}

impl Input {
    /// Of which nothing comes.
    pub(crate) const fn none() -> Self {
        Self { pieces: None }
    }

    /// Begins to read.
    pub(crate) fn start() -> Self {
        let (sender, pieces) = channel(4);
        thread::spawn(move || {
            let mut buffer = vec![0; PIECE];
            loop {
                match io::stdin().lock().read(&mut buffer) {
                    Ok(0) => return,
                    Ok(read) => {
                        if sender.blocking_send(Bytes::copy_from_slice(&buffer[..read])).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // EIO: the terminal is gone, or we are in the background. Either way nothing more comes.
                    Err(_) => return,
                }
            }
        });
        Self { pieces: Some(pieces) }
    }

    /// The next piece; `None` once at the end, then never again. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        match &mut self.pieces {
            Some(pieces) => {
                let piece = pieces.recv().await;
                if piece.is_none() {
                    self.pieces = None;
                }
                piece
            }
            None => std::future::pending().await,
        }
    }
}
