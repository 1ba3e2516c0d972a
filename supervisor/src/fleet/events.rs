//! Durable events, from a number on: first those already in the store, then the live ones. Nobody waits for a slow reader.

use std::{collections::VecDeque, sync::Arc};

use aether_protocol::{AgentId, Event};
use aether_store::{EventQuery, Store, StoreError, Window};
use tokio::sync::broadcast::{self, error::RecvError};

/// Events read from the store at a time while a subscriber catches up.
const BATCH: u32 = 500;

/// Where events are subscribed to. Cheap to clone.
#[derive(Clone)]
pub struct EventHub {
    store: Store,
}

/// What a subscriber gets next.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// The next event; numbers grow by one.
    Event(Arc<Event>),
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
    live: broadcast::Receiver<Event>,
    last: u64,
    replayed: VecDeque<Event>,
    replaying: bool,
}

impl EventHub {
    /// Over the store that commits the events.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Number of the newest event, 0 before the first.
    pub async fn newest(&self) -> u64 {
        self.store.newest_seq().await.unwrap_or(0)
    }

    /// Every event after number `after`, then the live ones.
    pub fn subscribe(&self, after: u64) -> Subscription {
        // Subscribed before the first read of the store, so that nothing falls between the two.
        let live = self.store.subscribe();
        Subscription { store: self.store.clone(), live, last: after, replayed: VecDeque::new(), replaying: true }
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
            if let Some(event) = self.replayed.pop_front() {
                self.last = event.seq;
                return Delivery::Event(Arc::new(event));
            }
            if self.replaying {
                let query = EventQuery { since: self.last, limit: BATCH, ..EventQuery::default() };
                match self.store.query_events(query).await {
                    Ok(events) => {
                        self.replaying = events.len() == BATCH as usize;
                        self.replayed = events.into();
                    }
                    Err(error) => {
                        tracing::error!(%error, "events cannot be read");
                        return Delivery::Closed;
                    }
                }
                continue;
            }
            match self.live.recv().await {
                Ok(event) if event.seq <= self.last => {}
                Ok(event) => {
                    self.last = event.seq;
                    return Delivery::Event(Arc::new(event));
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
                Delivery::Event(event) => seen.push(event.seq),
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
        assert_eq!(next.seq, resume + missed + 1);
    }
}
