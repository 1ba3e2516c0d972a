//! Small values that the edge keeps in the store.

use aether_protocol::ApiError;
use aether_store::Change;

use super::{Fleet, core::store_error};

impl Fleet {
    /// What was kept under a name.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn kept(&self, name: &str) -> Result<Option<String>, ApiError> {
        self.core.store.setting(name).await.map_err(|error| store_error(&error))
    }

    /// Keeps a value under a name. Returns when it is on the disk.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn keep(&self, name: &str, value: String) -> Result<(), ApiError> {
        self.core.write(Change::new().setting(name, Some(value))).await.map(drop)
    }
}
