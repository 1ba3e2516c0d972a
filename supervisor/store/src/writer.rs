//! The one thread that writes.

use std::sync::mpsc;

use aether_protocol::Event;
use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot};

use crate::{Change, Committed, Options, StoreError, events};

/// Changes that share one commit at most: bounds how long the first of them waits.
const GROUP: usize = 128;
/// Appended events after which old ones are deleted.
const PRUNE_EVERY: u64 = 1024;

/// A change and whom to tell.
pub(crate) struct Request {
    pub(crate) change: Change,
    pub(crate) done: oneshot::Sender<Result<Committed, StoreError>>,
}

pub(crate) struct Writer {
    pub(crate) db: Connection,
    pub(crate) options: Options,
    pub(crate) news: broadcast::Sender<Event>,
    pub(crate) appended: u64,
}

impl Writer {
    /// Serves until every sender is gone.
    pub(crate) fn run(mut self, requests: &mpsc::Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(next) = requests.try_recv()
            {
                group.push(next);
            }
            self.commit(group);
            self.prune();
        }
        // Folds the WAL into the file, so that a copy of the closed file is complete.
        if let Err(error) = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::debug!(%error, "no checkpoint at close");
        }
    }

    fn commit(&mut self, group: Vec<Request>) {
        let mut waiting = Vec::with_capacity(group.len());
        let result = self.apply_all(group, &mut waiting);
        for (done, outcome) in waiting {
            let outcome = match &result {
                Ok(()) => outcome,
                Err(error) => Err(error.clone()),
            };
            if let Ok(committed) = &outcome {
                self.appended += committed.events.len() as u64;
                for event in &committed.events {
                    // Nobody listening is fine.
                    let _ = self.news.send(event.clone());
                }
            }
            // The asker may have gone; the change is committed all the same.
            let _ = done.send(outcome);
        }
    }

    /// Each change in a savepoint of its own: one that fails takes nothing of the others with it.
    fn apply_all(&mut self, group: Vec<Request>, waiting: &mut Waiting) -> Result<(), StoreError> {
        let mut requests = group.into_iter();
        let result = (|| {
            let mut transaction = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for request in requests.by_ref() {
                let savepoint = transaction.savepoint()?;
                let outcome = request.change.apply(&savepoint, self.options.slots);
                let outcome = match outcome {
                    Ok(committed) => savepoint.commit().map(|()| committed).map_err(StoreError::from),
                    Err(error) => savepoint.finish().map_err(StoreError::from).and(Err(error)),
                };
                waiting.push((request.done, outcome));
            }
            transaction.commit()?;
            Ok(())
        })();
        if let Err(error) = &result {
            waiting.extend(requests.map(|request| (request.done, Err::<Committed, StoreError>(StoreError::clone(error)))));
        }
        result
    }

    fn prune(&mut self) {
        if self.appended < PRUNE_EVERY {
            return;
        }
        self.appended = 0;
        if let Err(error) = events::prune(&self.db, self.options.keep_events) {
            tracing::warn!(%error, "old events could not be deleted");
        }
    }
}

type Waiting = Vec<(oneshot::Sender<Result<Committed, StoreError>>, Result<Committed, StoreError>)>;
