//! What the API gets to serve with.

use std::{net::TcpListener, os::unix::net::UnixListener, path::PathBuf};

use crate::{config::Current, fleet::Fleet};

/// Everything the API needs: `api::serve(serving)` runs until [`Fleet::stopping`] completes, then drains.
pub struct Serving {
    /// The agents.
    pub fleet: Fleet,
    /// Bound already; not yet non-blocking.
    pub unix: UnixListener,
    /// Bound already, or none.
    pub tcp: Option<TcpListener>,
    /// Holds the token; in a directory that the service's user may write.
    pub token_file: PathBuf,
    /// The configuration.
    pub config: Current,
    /// Uid this process runs as.
    pub service_uid: u32,
    /// Group whose members may use the Unix socket, when it exists.
    pub socket_gid: Option<u32>,
}
