//! The handle everybody holds.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Instant,
};

use aether_protocol::Event;
use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot};

use crate::{
    Change, Committed, OpenError, StoreError,
    readers::Readers,
    reserve::Reserve,
    schema,
    timings::Timings,
    wal::{Beside, Watch},
    writer::{Request, Writer},
};

/// Events a slow listener may be behind before it must read them from the database.
const NEWS: usize = 4096;

/// A committed event on its way to everybody who listens.
#[derive(Debug)]
pub struct Notice {
    /// The event.
    pub event: Event,
    json: OnceLock<String>,
}

impl Notice {
    /// For one event.
    pub const fn new(event: Event) -> Self {
        Self { event, json: OnceLock::new() }
    }

    /// Its JSON text: made for the first who asks, and the same for all.
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| {
            serde_json::to_string(&self.event).unwrap_or_else(|error| {
                tracing::error!(%error, seq = self.event.seq, "an event has no JSON form");
                String::from("{}")
            })
        })
    }
}

/// How the store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Uid slots there are.
    pub slots: u32,
    /// Events kept.
    pub keep_events: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { slots: 4096, keep_events: 200_000 }
    }
}

/// The database; clones share it. Dropping the last clone finishes what was handed in and closes the file.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    news: broadcast::Sender<Arc<Notice>>,
    path: PathBuf,
    low: Arc<AtomicBool>,
    timings: Arc<Timings>,
    posts: Arc<AtomicU64>,
}

impl Store {
    /// Opens or makes the database at `path` (mode 0600) and brings it to the current schema. Blocks.
    ///
    /// # Errors
    /// When the file cannot be used, is damaged, or is newer than this version.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let db = schema::open_writer(path)?;
        let readers = Readers::open(path)?;
        let (requests, queue) = mpsc::channel();
        let (news, _) = broadcast::channel(NEWS);
        let reserve = Reserve::open(path);
        let low = reserve.low();
        let (timings, posts) = (Arc::<Timings>::default(), Arc::<AtomicU64>::default());
        let beside = Some(Beside::start(path)?);
        let writer = Writer {
            db,
            options,
            news: news.clone(),
            appended: 0,
            durable: true,
            unsynced: None,
            reserve,
            path: Some(path.to_owned()),
            broken: false,
            beside,
            watch: Watch::default(),
            timings: timings.clone(),
            posts: posts.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(&queue))
            .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        let inner = Inner {
            requests: Mutex::new(Some(requests)),
            writer: Mutex::new(Some(thread)),
            readers,
            news,
            path: path.to_owned(),
            low,
            timings,
            posts,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Commits a change: all of it or, with an error, nothing of it. Returns when it is on the disk, or, for a
    /// [relaxed](Change::relaxed) one, when it survives the end of this process.
    ///
    /// Changes are committed in the order in which this is called. Dropping the future does not take the change back.
    ///
    /// # Errors
    /// The first write that failed.
    pub async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        self.submit(change)?.await.map_err(|_| StoreError::Closed)?
    }

    /// As [`Store::commit`], but the change has its place in the order when this returns; await the receiver to know it is on
    /// the disk (a closed receiver means that the store was closed).
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub fn submit(&self, change: Change) -> Result<oneshot::Receiver<Result<Committed, StoreError>>, StoreError> {
        let (done, answer) = oneshot::channel();
        let requests = self.inner.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests
            .as_ref()
            .ok_or(StoreError::Closed)?
            .send(Request { change, done, since: Instant::now() })
            .map_err(|_| StoreError::Closed)?;
        Ok(answer)
    }

    /// Whether there is room for more than what has to be recorded of the agents there are. New work is refused otherwise.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`].
    pub fn has_room(&self) -> Result<(), StoreError> {
        if self.inner.low.load(Ordering::Relaxed) { Err(StoreError::NoSpace) } else { Ok(()) }
    }

    /// How long changes have taken.
    pub fn timings(&self) -> &Timings {
        &self.inner.timings
    }

    /// A number that changes when a message or a letter is left for anybody: whoever found nothing need not look again while it is the same
    /// as before that look.
    pub fn posts(&self) -> u64 {
        self.inner.posts.load(Ordering::SeqCst)
    }

    /// Completes when the writer has taken its turn. What it says of the disk does not matter: it answers.
    ///
    /// # Errors
    /// [`StoreError::Closed`] when it has ended.
    pub async fn answers(&self) -> Result<(), StoreError> {
        match self.commit(Change::new().relaxed(true)).await {
            Err(StoreError::Closed) => Err(StoreError::Closed),
            _ => Ok(()),
        }
    }

    /// Every event committed from now on, in the order of numbers and without gaps. A listener that is more than 4096 events
    /// behind is told so (`Lagged`) and reads the rest with [`Store::query_events`].
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.inner.news.subscribe()
    }

    /// The database file.
    pub(crate) fn path(&self) -> &Path {
        &self.inner.path
    }

    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.inner.readers.read(read).await
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.requests.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}
