//! The write-ahead log on its way to the disk and into the database file, beside the writer: neither a sync of relaxed changes nor the
//! folding of thousands of pages is something that changes wait for.
//!
//! A fold beside a writer that goes on never reaches the end of the log, and only a log that was folded to its end begins anew
//! (<https://sqlite.org/wal.html>, 6). So the writer itself folds the last few pages.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

use crate::{OpenError, StoreError, schema};

/// Pages that are not folded yet, after which they are: 4 MiB.
const MANY: i64 = 1000;
/// Pages in the log after which it is to begin anew.
const LONG: i64 = 2 * MANY;
/// As many pages as the writer folds itself without keeping anybody waiting.
const FEW: i64 = 64;
/// Pages in the log after which the writer folds whatever is left: 32 MiB. A log grows beyond it only while somebody reads from it.
const LONGEST: i64 = 8 * MANY;
/// Pages that come between two tries: a reader may hold the log.
const AGAIN: i64 = MANY / 4;

/// The log: its pages, and how many of them are in the database file as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) pages: i64,
    pub(crate) folded: i64,
}

impl Log {
    /// Only looks.
    pub(crate) fn of(db: &Connection) -> rusqlite::Result<Self> {
        ask(db, "PRAGMA wal_checkpoint(NOOP)")
    }

    const fn left(self) -> i64 {
        self.pages - self.folded
    }
}

/// Folds what can be folded without waiting for anybody; the log is on the disk afterwards.
pub(crate) fn fold(db: &Connection) -> rusqlite::Result<Log> {
    ask(db, "PRAGMA wal_checkpoint(PASSIVE)")
}

fn ask(db: &Connection, pragma: &str) -> rusqlite::Result<Log> {
    db.prepare_cached(pragma)?.query_row([], |row| Ok(Log { pages: row.get(1)?, folded: row.get(2)? }))
}

/// What is to be done about the log after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Beside the writer.
    Fold,
    /// By the writer: little is left, or far too much.
    Finish,
}

/// When it was tried last, in pages of the log.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    folded_at: Option<i64>,
    finished_at: Option<i64>,
}

impl Watch {
    pub(crate) fn due(&mut self, log: Log) -> Due {
        for tried in [&mut self.folded_at, &mut self.finished_at] {
            // It began anew.
            *tried = tried.filter(|at| *at <= log.pages);
        }
        let again = |tried: Option<i64>| tried.is_none_or(|at| log.pages >= at + AGAIN);
        let finish = log.pages >= LONGEST || (log.pages >= LONG && log.left() <= FEW);
        if finish && log.left() > 0 && again(self.finished_at) {
            self.finished_at = Some(log.pages);
            Due::Finish
        } else if (log.left() >= MANY || (log.pages >= LONG && log.left() > FEW)) && again(self.folded_at) {
            self.folded_at = Some(log.pages);
            Due::Fold
        } else {
            Due::Nothing
        }
    }
}

enum Order {
    Sync,
    Fold,
}

#[derive(Debug, Default)]
struct State {
    folding: AtomicBool,
    failed: Mutex<Option<StoreError>>,
}

/// The thread beside the writer; dropped, it has ended.
#[derive(Debug)]
pub(crate) struct Beside {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    state: Arc<State>,
}

impl Beside {
    /// For the database at `path`, which the writer has open.
    pub(crate) fn start(path: &Path) -> Result<Self, OpenError> {
        let (orders, queue) = mpsc::channel();
        let state = Arc::new(State::default());
        let (shared, database) = (state.clone(), path.to_owned());
        let thread = std::thread::Builder::new()
            .name("store-log".into())
            .spawn(move || serve(&queue, &database, &shared))
            .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        Ok(Self { orders: Some(orders), thread: Some(thread), state })
    }

    /// Brings the log to the disk soon; false when that has to be done here.
    pub(crate) fn sync(&self) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.send(Order::Sync).is_ok())
    }

    /// Folds soon.
    pub(crate) fn fold(&self) {
        self.state.folding.store(true, Ordering::Relaxed);
        if self.orders.as_ref().is_none_or(|orders| orders.send(Order::Fold).is_err()) {
            self.state.folding.store(false, Ordering::Relaxed);
        }
    }

    /// Whether it folds now, so that the writer cannot.
    pub(crate) fn is_folding(&self) -> bool {
        self.state.folding.load(Ordering::Relaxed)
    }

    /// What went wrong since this was last asked. It is not on the disk then.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.state.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(queue: &mpsc::Receiver<Order>, path: &Path, state: &State) {
    for order in queue {
        let done = match order {
            Order::Sync => sync(path),
            Order::Fold => fold_once(path),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "what was written to the database is not on the disk yet; the next commit takes it there");
            *state.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        if matches!(order, Order::Fold) {
            state.folding.store(false, Ordering::Relaxed);
        }
    }
}

/// The log is a file of its own, on which SQLite holds no locks: to close a descriptor of it takes none away (fcntl(2)). A commit that was
/// synced has made its name durable.
fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(log_of(path)).and_then(|log| log.sync_data()).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::NoSpace,
        _ => StoreError::Disk(error.to_string()),
    })
}

/// By a connection of its own each time: its descriptors know of no failure of before.
fn fold_once(path: &Path) -> Result<(), StoreError> {
    let db = schema::connect_writer(path).map_err(StoreError::from)?;
    fold(&db)?;
    Ok(())
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(pages: i64, folded: i64) -> Log {
        Log { pages, folded }
    }

    #[test]
    fn a_long_log_is_folded_beside_and_finished_by_the_writer() {
        let mut watch = Watch::default();
        assert_eq!(watch.due(log(999, 0)), Due::Nothing);
        assert_eq!(watch.due(log(1000, 0)), Due::Fold);
        assert_eq!(watch.due(log(1010, 0)), Due::Nothing, "not with every commit");
        assert_eq!(watch.due(log(1050, 1000)), Due::Nothing, "too short to begin anew");
        assert_eq!(watch.due(log(2010, 1000)), Due::Fold);
        assert_eq!(watch.due(log(2040, 2000)), Due::Finish);
        assert_eq!(watch.due(log(12, 0)), Due::Nothing, "begun anew");
        assert_eq!(watch.due(log(1000, 0)), Due::Fold);
    }

    #[test]
    fn one_that_somebody_reads_is_tried_again_from_time_to_time() {
        let mut watch = Watch::default();
        let due: Vec<Due> = (0..=12_000).step_by(10).map(|pages| watch.due(log(pages, 0))).collect();
        let count = |wanted: Due| due.iter().filter(|due| **due == wanted).count();
        assert_eq!((count(Due::Fold), count(Due::Finish)), (44, 17));
    }

    #[test]
    fn what_cannot_be_synced_or_folded_is_told() {
        let dir = tempfile::tempdir().expect("dir");
        let beside = Beside::start(&dir.path().join("none.db")).expect("a thread");
        let told = || {
            for _ in 0..2000 {
                if let Some(failure) = beside.failure() {
                    return failure;
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            panic!("nothing was told");
        };
        assert!(beside.sync());
        assert!(matches!(told(), StoreError::Disk(_)));
        beside.fold();
        assert!(matches!(told(), StoreError::Disk(_)));
        assert!(beside.failure().is_none());
    }
}
