//! Stored events on their way to subscribers that catch up: a page that many read at the same time is read once for all of them.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use aether_store::{EventQuery, Notice, Store, StoreError};
use tokio::sync::OnceCell;

use super::core::lock;

/// Events of a page.
pub(super) const PAGE: u32 = 500;
/// Pages held at most, while anybody catches up.
const HELD: usize = 8;

/// Events in their order.
pub(super) type Page = Arc<Vec<Arc<Notice>>>;

/// The pages that are read now.
#[derive(Debug, Default)]
pub(super) struct Pages {
    held: Mutex<VecDeque<(u64, Arc<OnceCell<Page>>)>>,
    readers: AtomicUsize,
}

/// Somebody who catches up. With the last of them the pages go.
#[derive(Debug)]
pub(super) struct Reader(Arc<Pages>);

impl Reader {
    /// One more.
    pub(super) fn new(pages: &Arc<Pages>) -> Self {
        pages.readers.fetch_add(1, Ordering::AcqRel);
        Self(pages.clone())
    }

    /// The page with the event after number `last`, and what of it was seen already before that. Shorter than [`PAGE`] when there
    /// are no more.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn after(&self, store: &Store, last: u64) -> Result<Page, StoreError> {
        let number = last / u64::from(PAGE);
        let (cell, mut own) = (self.0.cell(number), false);
        let page = cell
            .get_or_try_init(|| {
                own = true;
                read(store, number)
            })
            .await?
            .clone();
        let end = (number + 1) * u64::from(PAGE);
        if page.len() == PAGE as usize && page.last().is_some_and(|notice| notice.event.seq == end) {
            return Ok(page);
        }
        // The newest page still grows, and of the oldest ones events are deleted: what another reader saw may be too old.
        lock(&self.0.held).retain(|(held, _)| *held != number);
        if own { Ok(page) } else { read(store, number).await }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.0.readers.fetch_sub(1, Ordering::AcqRel) == 1 {
            lock(&self.0.held).clear();
        }
    }
}

impl Pages {
    fn cell(&self, number: u64) -> Arc<OnceCell<Page>> {
        let mut held = lock(&self.held);
        if let Some((_, cell)) = held.iter().find(|(held, _)| *held == number) {
            return cell.clone();
        }
        if held.len() == HELD {
            held.pop_front();
        }
        let cell = Arc::default();
        held.push_back((number, Arc::clone(&cell)));
        cell
    }
}

async fn read(store: &Store, number: u64) -> Result<Page, StoreError> {
    let query = EventQuery { since: number * u64::from(PAGE), limit: PAGE, ..EventQuery::default() };
    let events = store.query_events(query).await?;
    Ok(Arc::new(events.into_iter().map(|event| Arc::new(Notice::new(event))).collect()))
}
