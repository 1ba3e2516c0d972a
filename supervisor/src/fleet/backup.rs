//! A copy of everything that is remembered, taken while the service works.

use std::{fs::File, path::PathBuf};

use aether_protocol::{ApiError, ErrorCode};
use serde_json::json;
use tokio::sync::Mutex;

use super::{Caller, Fleet, core::store_error};

/// One at a time: each takes as much room as the database.
static TURN: Mutex<()> = Mutex::const_new(());

impl Fleet {
    /// Takes a copy of the database for `caller`; it has no name any more and is gone when the file is closed.
    ///
    /// # Errors
    /// `Denied` to everybody but root, `NoSpace`, and what the database says.
    pub async fn backup(&self, caller: &Caller) -> Result<File, ApiError> {
        if caller.peer.as_ref().is_none_or(|peer| peer.uid != 0) {
            let hint = "run it as root: sudo aether backup FILE";
            return Err(ApiError::new(ErrorCode::Denied, "only root may take everything that is remembered away", hint));
        }
        let core = self.core.clone();
        self.act("service.backup", "", json!({}), async move {
            let _turn = TURN.lock().await;
            let path: PathBuf = core.state.join(aether_store::backup::PASSING);
            // What a service that was killed at this left; nobody else writes it.
            let _ = std::fs::remove_file(&path);
            core.store.backup(&path).await.map_err(|error| store_error(&error))?;
            let opened = File::open(&path).and_then(|file| std::fs::remove_file(&path).map(|()| file));
            opened.map_err(|error| ApiError::internal(format!("the copy cannot be read: {error}")))
        })
        .await
    }
}
