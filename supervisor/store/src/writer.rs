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
                let (outcome, closed) = match outcome {
                    Ok(committed) => match savepoint.commit() {
                        Ok(()) => (Ok(committed), Ok(())),
                        Err(error) => (Err(StoreError::from(error)), Ok(())),
                    },
                    Err(error) => (Err(error), savepoint.finish()),
                };
                // A full disk or a failing one may make SQLite roll the whole transaction back on its own; the changes before
                // this one are gone then as well (https://sqlite.org/lang_transaction.html, 2.4).
                let lost = match &outcome {
                    Err(error) if closed.is_err() || transaction.is_autocommit() => Some(error.clone()),
                    _ => None,
                };
                waiting.push((request.done, outcome));
                if let Some(error) = lost {
                    return Err(error);
                }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use aether_protocol::event::AgentLog;

    use super::*;
    use crate::{NewEvent, schema};

    fn request(bytes: usize) -> (Request, oneshot::Receiver<Result<Committed, StoreError>>) {
        let body = AgentLog { pid: 1, level: "info".into(), message: "x".repeat(bytes) };
        let change = Change::new().event(NewEvent { agent: None, owner: String::new(), body: body.into() });
        let (done, answer) = oneshot::channel();
        (Request { change, done }, answer)
    }

    #[test]
    fn a_full_disk_refuses_what_does_not_fit_and_tells_the_truth_about_the_rest() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("aether.db");
        let db = schema::open_writer(&path).expect("open");
        let pages: u32 = db.query_row("PRAGMA page_count", [], |r| r.get(0)).expect("pages");
        db.query_row(&format!("PRAGMA max_page_count = {}", pages + 16), [], |_| Ok(())).expect("limit");
        let (news, mut heard) = broadcast::channel(64);
        let writer = Writer { db, options: Options::default(), news, appended: 0 };
        let (send, queue) = mpsc::channel();
        // All of them wait before the writer starts: they share one commit.
        let answers: Vec<_> = [100, 1 << 20, 200, 1 << 20, 300]
            .map(|bytes| {
                let (request, answer) = request(bytes);
                send.send(request).expect("queue");
                answer
            })
            .into();
        drop(send);
        writer.run(&queue);
        let results: Vec<_> = answers.into_iter().map(|answer| answer.blocking_recv().expect("answer")).collect();
        assert!(matches!(results[1], Err(StoreError::NoSpace)), "{:?}", results[1]);
        let said: Vec<u64> = results.iter().flatten().flat_map(|c| &c.events).map(|e| e.seq).collect();
        let db = schema::open_reader(&path).expect("open");
        let mut statement = db.prepare("SELECT seq FROM events ORDER BY seq").expect("prepare");
        let there: Vec<u64> =
            statement.query_map([], |r| r.get::<_, i64>(0)).expect("query").map(|n| n.expect("row").unsigned_abs()).collect();
        assert_eq!(said, there, "acknowledged and stored are the same");
        for seq in there {
            assert_eq!(heard.try_recv().expect("published").seq, seq);
        }
        assert!(heard.try_recv().is_err());
    }
}
