//! The one thread that writes.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot};

use crate::{
    Change, Committed, Notice, Options, StoreError, events,
    reserve::Reserve,
    schema,
    timings::Timings,
    wal::{self, Beside, Due, Log, Watch},
};

/// Changes that share one commit at most: bounds how long the first of them waits.
const GROUP: usize = 128;
/// Appended events after which old ones are deleted.
const PRUNE_EVERY: u64 = 1024;
/// Between two looks at a full disk.
const RECHECK: Duration = Duration::from_secs(1);
/// How long a relaxed change may wait for the disk.
const RELAXED: Duration = Duration::from_millis(500);

/// A change and whom to tell.
pub(crate) struct Request {
    pub(crate) change: Change,
    pub(crate) done: oneshot::Sender<Result<Committed, StoreError>>,
    /// When it was handed in.
    pub(crate) since: Instant,
}

pub(crate) struct Writer {
    pub(crate) db: Connection,
    pub(crate) options: Options,
    pub(crate) news: broadcast::Sender<Arc<Notice>>,
    pub(crate) appended: u64,
    /// A commit waits for the disk (`PRAGMA synchronous` is FULL), as it does after opening.
    pub(crate) durable: bool,
    /// When the oldest change was committed that is not on the disk yet.
    pub(crate) unsynced: Option<Instant>,
    /// Room for when there is none.
    pub(crate) reserve: Reserve,
    /// The database file, for opening it again after its disk failed.
    pub(crate) path: Option<PathBuf>,
    /// The disk failed: this connection is not used again. What it says of the disk may be wrong, since the kernel reports a
    /// failed sync once and forgets the pages.
    pub(crate) broken: bool,
    /// Who takes the log of writes to the disk and into the file.
    pub(crate) beside: Option<Beside>,
    /// When that is due.
    pub(crate) watch: Watch,
    pub(crate) timings: Arc<Timings>,
    /// How often something was left for somebody.
    pub(crate) posts: Arc<AtomicU64>,
}

impl Writer {
    /// Serves until every sender is gone.
    pub(crate) fn run(mut self, requests: &mpsc::Receiver<Request>) {
        while let Some(first) = self.next(requests) {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(next) = requests.try_recv()
            {
                group.push(next);
            }
            self.commit(group);
            self.prune();
            self.look_at_log();
        }
        drop(self.beside.take());
        // Folds the WAL into the file, so that a copy of the closed file is complete.
        if let Err(error) = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::debug!(%error, "no checkpoint at close");
        }
    }

    /// The next request; meanwhile relaxed changes reach the disk in time, and a full disk is looked at again. `None` when there
    /// will be no more.
    fn next(&mut self, requests: &mpsc::Receiver<Request>) -> Option<Request> {
        loop {
            let wait = match self.unsynced {
                Some(since) if since.elapsed() >= RELAXED => {
                    self.sync();
                    continue;
                }
                Some(since) => RELAXED.saturating_sub(since.elapsed()),
                None if self.reserve.is_low() => RECHECK,
                None => return requests.recv().ok(),
            };
            match requests.recv_timeout(wait) {
                Ok(request) => return Some(request),
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) if self.unsynced.is_some() => {}
                Err(mpsc::RecvTimeoutError::Timeout) => self.reserve.look(),
            }
        }
    }

    /// Opens the database anew after its disk failed: only when everything there is reaches the disk it is used again.
    fn mend(&mut self) -> Result<(), StoreError> {
        let Some(path) = self.path.as_ref().filter(|_| self.broken) else { return Ok(()) };
        let db = schema::open_again(path).map_err(|error| StoreError::Disk(error.to_string()))?;
        // While somebody else folds, nothing was tried.
        if wal::fold(&db)?.pages < 0 {
            return Err(StoreError::Locked);
        }
        (self.db, self.durable, self.unsynced, self.broken) = (db, true, None, false);
        tracing::info!("the disk of the state works again");
        Ok(())
    }

    /// Brings committed changes to the disk. Nobody waits for that.
    fn sync(&mut self) {
        self.unsynced = None;
        if !self.beside.as_ref().is_some_and(Beside::sync) {
            self.finish();
        }
    }

    /// Sees to it that the log of writes stays short.
    fn look_at_log(&mut self) {
        if self.broken || self.beside.as_ref().is_some_and(Beside::is_folding) {
            return;
        }
        let Ok(log) = Log::of(&self.db) else { return };
        match (self.watch.due(log), &self.beside) {
            (Due::Nothing, _) => {}
            (Due::Fold, Some(beside)) => beside.fold(),
            (Due::Finish, _) | (Due::Fold, None) => self.finish(),
        }
    }

    /// Folds the log here and now, as far as nobody reads it.
    fn finish(&mut self) {
        match wal::fold(&self.db) {
            // Where a reader holds the log, nothing may have been folded, and then it was not synced either.
            Ok(log) if log.folded == log.pages => self.unsynced = None,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the log of writes cannot be folded into the database now");
                self.judge(&error.into());
            }
        }
    }

    /// Chooses whether the next commit waits for the disk: when one of its changes asks for it, or an older one waited long
    /// enough. The WAL is synced as a whole, so everything committed before is on the disk as well.
    fn choose_durability(&mut self, group: &[Request]) -> Result<(), StoreError> {
        let overdue = self.unsynced.is_some_and(|since| since.elapsed() >= RELAXED);
        let durable = overdue || group.iter().any(|request| !request.change.is_relaxed());
        if durable != self.durable {
            self.db.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
            self.durable = durable;
        }
        Ok(())
    }

    fn commit(&mut self, group: Vec<Request>) {
        let mut waiting = Vec::with_capacity(group.len());
        self.reserve.look();
        if let Some(failure) = self.beside.as_ref().and_then(Beside::failure) {
            self.judge(&failure);
            // Whatever it was, the next commit does not trust that the rest is on the disk.
            self.unsynced = Instant::now().checked_sub(RELAXED).or(self.unsynced);
        }
        let ready = self.reserve.writable().and_then(|()| self.mend()).and_then(|()| self.choose_durability(&group));
        if let Err(error) = ready {
            self.judge(&error);
            for request in group {
                let _ = request.done.send(Err(error.clone()));
            }
            return;
        }
        let (begun, posts) = (Instant::now(), group.iter().any(|request| request.change.is_posting()));
        let result = self.apply_all(group, &mut waiting);
        if posts {
            // After the commit: whoever looks from now on finds it.
            self.posts.fetch_add(1, Ordering::SeqCst);
        }
        self.timings.commit.record(begun.elapsed());
        if let Some(error) = result.as_ref().err().or_else(|| waiting.iter().find_map(|(_, _, outcome)| outcome.as_ref().err())) {
            self.judge(&error.clone());
        }
        if result.is_ok() {
            self.unsynced = if self.durable { None } else { self.unsynced.or_else(|| Some(Instant::now())) };
        }
        for (done, since, outcome) in waiting {
            let outcome = match &result {
                Ok(()) => outcome,
                Err(error) => Err(error.clone()),
            };
            if let Ok(committed) = &outcome {
                self.appended += committed.events.len() as u64;
                if self.news.receiver_count() > 0 {
                    for event in &committed.events {
                        // The last listener may have gone just now, which is fine.
                        let _ = self.news.send(Arc::new(Notice::new(event.clone())));
                    }
                }
            }
            self.timings.change.record(since.elapsed());
            // The asker may have gone; the change is committed all the same.
            let _ = done.send(outcome);
        }
    }

    /// Sees whether an error is the disk's.
    fn judge(&mut self, error: &StoreError) {
        match error {
            StoreError::NoSpace => self.reserve.release(),
            StoreError::Disk(cause) if !self.broken => {
                tracing::error!(%cause, "the disk of the state fails; agents go on, nothing is recorded until it works again");
                self.broken = true;
            }
            _ => {}
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
                waiting.push((request.done, request.since, outcome));
                if let Some(error) = lost {
                    return Err(error);
                }
            }
            transaction.commit()?;
            Ok(())
        })();
        if let Err(error) = &result {
            waiting.extend(
                requests.map(|request| (request.done, request.since, Err::<Committed, StoreError>(StoreError::clone(error)))),
            );
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

type Waiting = Vec<(oneshot::Sender<Result<Committed, StoreError>>, Instant, Result<Committed, StoreError>)>;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use aether_protocol::event::AgentLog;

    use super::*;
    use crate::NewEvent;

    fn request(bytes: usize) -> (Request, oneshot::Receiver<Result<Committed, StoreError>>) {
        let body = AgentLog { pid: 1, level: "info".into(), message: "x".repeat(bytes) };
        let change = Change::new().event(NewEvent { agent: None, owner: String::new(), body: body.into() });
        let (done, answer) = oneshot::channel();
        (Request { change, done, since: Instant::now() }, answer)
    }

    #[test]
    fn a_full_disk_refuses_what_does_not_fit_and_tells_the_truth_about_the_rest() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("aether.db");
        let db = schema::open_writer(&path).expect("open");
        let pages: u32 = db.query_row("PRAGMA page_count", [], |r| r.get(0)).expect("pages");
        db.query_row(&format!("PRAGMA max_page_count = {}", pages + 16), [], |_| Ok(())).expect("limit");
        let (news, mut heard) = broadcast::channel(64);
        let writer = Writer {
            db,
            options: Options::default(),
            news,
            appended: 0,
            durable: true,
            unsynced: None,
            reserve: Reserve::none(),
            path: None,
            broken: false,
            beside: None,
            watch: Watch::default(),
            timings: Arc::default(),
            posts: Arc::default(),
        };
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
            assert_eq!(heard.try_recv().expect("published").event.seq, seq);
        }
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn a_relaxed_change_does_not_wait_for_the_disk_and_still_gets_there() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("aether.db");
        let (news, _) = broadcast::channel(64);
        let db = schema::open_writer(&path).expect("open");
        let mut writer = Writer {
            db,
            options: Options::default(),
            news,
            appended: 0,
            durable: true,
            unsynced: None,
            reserve: Reserve::none(),
            path: None,
            broken: false,
            beside: None,
            watch: Watch::default(),
            timings: Arc::default(),
            posts: Arc::default(),
        };
        let waits = |writer: &Writer| writer.db.query_row("PRAGMA synchronous", [], |r| r.get::<_, i64>(0)).expect("pragma") == 2;
        let commit = |writer: &mut Writer, relaxed: &[bool]| {
            let group = relaxed.iter().map(|relaxed| {
                let (mut request, _) = request(10);
                request.change = std::mem::take(&mut request.change).relaxed(*relaxed);
                request
            });
            writer.commit(group.collect());
        };
        commit(&mut writer, &[true, true]);
        assert!(!waits(&writer) && writer.unsynced.is_some());
        commit(&mut writer, &[true, false]);
        assert!(waits(&writer) && writer.unsynced.is_none(), "one that must wait takes the others along");
        commit(&mut writer, &[true]);
        assert!(!waits(&writer) && writer.unsynced.is_some());
        let (send, queue) = mpsc::channel::<Request>();
        let sender = std::thread::spawn(move || {
            std::thread::sleep(RELAXED * 2);
            send.send(request(10).0).expect("the writer waits");
        });
        assert!(writer.next(&queue).is_some());
        sender.join().expect("sender");
        assert!(writer.unsynced.is_none(), "an idle writer takes relaxed changes to the disk");
        let file = std::fs::metadata(&path).expect("database").len();
        assert!(file > 4096, "the checkpoint wrote {file} bytes");
        writer.unsynced = Instant::now().checked_sub(RELAXED);
        commit(&mut writer, &[true]);
        assert!(waits(&writer), "a busy writer does not put it off for ever");
    }
}
