//! A few connections that only read.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{OpenError, StoreError, schema};

const CONNECTIONS: usize = 3;

/// Reading connections, each lent to one blocking task at a time.
#[derive(Debug)]
pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let idle = (0..CONNECTIONS).map(|_| schema::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), places: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Runs `read` on a thread that may block.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let task = tokio::task::spawn_blocking(move || {
            let idle_one = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let lent = Lent { db: Some(idle_one.ok_or(StoreError::Closed)?), idle, _place: place };
            let db = lent.db.as_ref().ok_or(StoreError::Closed)?;
            // One snapshot for the whole read, however many statements it takes.
            let snapshot = db.unchecked_transaction()?;
            read(&snapshot)
        });
        task.await.map_err(|_| StoreError::Closed)?
    }
}

/// Comes back to the idle ones however the read ends.
struct Lent {
    db: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(db) = self.db.take() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        }
    }
}
