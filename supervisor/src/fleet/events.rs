//! Durable events, from a number on: first those already in the store, then the live ones. Nobody waits for a slow reader.

use std::sync::Arc;

use aether_protocol::{AgentId, Event};
use aether_store::{EventQuery, Notice, Store, StoreError, Window};
use tokio::sync::broadcast::{self, error::RecvError};

use super::replay::{PAGE, Page, Pages, Reader};

/// Where events are subscribed to. Cheap to clone.
#[derive(Clone)]
pub struct EventHub {
    store: Store,
    pages: Arc<Pages>,
}

/// What a subscriber gets next.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// The next event; numbers grow by one.
    Event(Arc<Notice>),
    /// The subscriber read too slowly: `missed` events were dropped from its queue. A subscription from `resume` has them.
    Lagged {
        /// How many.
        missed: u64,
        /// Number after which to subscribe again.
        resume: u64,
    },
    /// The service ends.
    Closed,
}

/// A reader of events with a bounded queue of its own.
pub struct Subscription {
    store: Store,
    live: broadcast::Receiver<Arc<Notice>>,
    last: u64,
    /// What it has of the store and did not give yet.
    replayed: Page,
    next: usize,
    /// While it catches up.
    reader: Option<Reader>,
}

impl EventHub {
    /// Over the store that commits the events.
    pub fn new(store: Store) -> Self {
        Self { store, pages: Arc::default() }
    }

    /// Number of the newest event, 0 before the first.
    pub async fn newest(&self) -> u64 {
        self.store.newest_seq().await.unwrap_or(0)
    }

    /// Every event after number `after`, then the live ones.
    pub fn subscribe(&self, after: u64) -> Subscription {
        // Subscribed before the first read of the store, so that nothing falls between the two.
        let live = self.store.subscribe();
        let reader = Some(Reader::new(&self.pages));
        Subscription { store: self.store.clone(), live, last: after, replayed: Page::default(), next: 0, reader }
    }

    /// At most `limit` events of one agent after `since`, oldest first; from the start the newest ones are taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_agent(&self, agent: AgentId, since: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let window = if since == 0 { Window::Newest } else { Window::Oldest };
        self.store.query_events(EventQuery { since, agent: Some(agent), limit, window, ..EventQuery::default() }).await
    }
}

impl Subscription {
    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> Delivery {
        loop {
            if let Some(notice) = self.replayed.get(self.next).cloned() {
                self.next += 1;
                if notice.event.seq > self.last {
                    self.last = notice.event.seq;
                    return Delivery::Event(notice);
                }
                continue;
            }
            if let Some(reader) = &self.reader {
                match reader.after(&self.store, self.last).await {
                    Ok(page) => {
                        let full = page.len() == PAGE as usize;
                        (self.replayed, self.next) = (page, 0);
                        if !full {
                            self.reader = None;
                        }
                    }
                    Err(error) => {
                        tracing::error!(%error, "events cannot be read");
                        return Delivery::Closed;
                    }
                }
                continue;
            }
            // What was replayed is not held any longer than it is needed.
            self.replayed = Page::default();
            match self.live.recv().await {
                Ok(notice) if notice.event.seq <= self.last => {}
                Ok(notice) => {
                    self.last = notice.event.seq;
                    return Delivery::Event(notice);
                }
                Err(RecvError::Lagged(missed)) => return Delivery::Lagged { missed, resume: self.last },
                Err(RecvError::Closed) => return Delivery::Closed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aether_protocol::event::AgentPaused;
    use aether_store::{Change, NewEvent, Options};

    use super::*;

    async fn commit(store: &Store, count: u64) {
        let mut change = Change::new();
        for pid in 0..count {
            change = change.event(NewEvent { agent: None, owner: String::new(), body: AgentPaused { pid }.into() });
        }
        store.commit(change).await.expect("commit");
    }

    fn open(dir: &tempfile::TempDir) -> EventHub {
        EventHub::new(Store::open(&dir.path().join("a.db"), Options::default()).expect("store"))
    }

    async fn seqs(subscription: &mut Subscription, count: usize) -> Vec<u64> {
        let mut seen = Vec::new();
        while seen.len() < count {
            match subscription.next().await {
                Delivery::Event(notice) => seen.push(notice.event.seq),
                other => panic!("{other:?}"),
            }
        }
        seen
    }

    #[tokio::test]
    async fn replays_then_goes_live_without_gap_or_double() {
        let dir = tempfile::tempdir().expect("dir");
        let hub = open(&dir);
        commit(&hub.store, 1200).await;
        let mut subscription = hub.subscribe(100);
        commit(&hub.store, 50).await;
        assert_eq!(seqs(&mut subscription, 1150).await, (101..=1250).collect::<Vec<_>>());
        commit(&hub.store, 3).await;
        assert_eq!(seqs(&mut subscription, 3).await, [1251, 1252, 1253]);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_what_it_missed_and_can_resume() {
        let dir = tempfile::tempdir().expect("dir");
        let hub = open(&dir);
        commit(&hub.store, 1).await;
        let mut slow = hub.subscribe(0);
        assert_eq!(seqs(&mut slow, 1).await, [1]);
        commit(&hub.store, 1).await;
        assert_eq!(seqs(&mut slow, 1).await, [2]);
        commit(&hub.store, 5000).await;
        let Delivery::Lagged { missed, resume } = slow.next().await else { panic!("not told") };
        assert_eq!(resume, 2);
        let mut again = hub.subscribe(resume);
        assert_eq!(seqs(&mut again, 5000).await.first(), Some(&3));
        let Delivery::Event(next) = slow.next().await else { panic!("no event after the gap") };
        assert_eq!(next.event.seq, resume + missed + 1);
    }
}
