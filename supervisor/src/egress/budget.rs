//! Connections of all agents together. Each holds descriptors of this process, and those that the API and the sandboxes' inits need
//! are never lent.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use nix::sys::resource::{Resource, getrlimit};

use super::lock;

/// Connections of one agent at a time, however many descriptors there are: each costs memory as well.
const OF_ONE: usize = 10_240;
/// What an agent gets while there is anything at all.
const FLOOR: usize = 8;
/// Descriptors of a connection: the side of the agent and the side of the destination.
const EACH: usize = 2;
/// Descriptors that are left to others at least, where there are twice as many.
const LEFT: usize = 512;

/// What is lent to connections.
pub(super) struct Budget {
    total: usize,
    open: Mutex<usize>,
}

/// What one agent has of it.
#[derive(Clone)]
pub(super) struct Share {
    budget: Arc<Budget>,
    open: Arc<AtomicUsize>,
}

/// A connection's part, given back when it is dropped.
pub(super) struct Slot(Share);

impl Default for Budget {
    fn default() -> Self {
        // Without an answer as little as any system gives.
        let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX));
        Self::of(soft)
    }
}

impl Budget {
    /// Three quarters of the descriptors there may be.
    fn of(descriptors: usize) -> Self {
        let left = (descriptors / 4).max(LEFT.min(descriptors / 2));
        Self { total: (descriptors - left) / EACH, open: Mutex::new(0) }
    }
}

impl Share {
    /// Nothing yet.
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: budget.clone(), open: Arc::default() }
    }

    /// Connections open now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Room for one more connection, unless this agent has as many as are free: the more agents there are, the less each gets, and
    /// one that comes late finds as much free as the largest has.
    pub(super) fn take(&self) -> Option<Slot> {
        let mut all = lock(&self.budget.open);
        let free = self.budget.total.saturating_sub(*all);
        if free == 0 || self.open() >= free.clamp(FLOOR, OF_ONE) {
            return None;
        }
        *all += 1;
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Slot(self.clone()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *lock(&self.0.budget.open) -= 1;
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(share: &Share) -> Vec<Slot> {
        std::iter::from_fn(|| share.take()).collect()
    }

    #[test]
    fn who_comes_late_finds_as_much_as_the_largest_has() {
        let budget = Arc::new(Budget::of(8000));
        assert_eq!(budget.total, 3000);
        let shares: Vec<Share> = (0..3).map(|_| Share::new(&budget)).collect();
        let counts: Vec<usize> = shares
            .iter()
            .map(|share| {
                let taken = all(share);
                let count = taken.len();
                std::mem::forget(taken);
                count
            })
            .collect();
        assert_eq!(counts, [1500, 750, 375]);
    }

    #[test]
    fn what_ends_is_free_again() {
        let budget = Arc::new(Budget::of(8000));
        let (one, other) = (Share::new(&budget), Share::new(&budget));
        let taken = all(&one);
        assert!(one.take().is_none());
        drop(taken);
        assert_eq!((one.open(), *lock(&budget.open)), (0, 0));
        assert_eq!(all(&other).len(), 1500);
    }

    #[test]
    fn a_share_is_always_left_to_others() {
        for descriptors in [64, 256, 1024, 20_000, 524_288] {
            let lent = Budget::of(descriptors).total * EACH;
            assert!(lent <= descriptors - (descriptors / 4), "{descriptors}: {lent}");
            assert!(lent > 0, "{descriptors}");
        }
        assert_eq!(Budget::of(1024).total * EACH, 512);
    }

    #[test]
    fn no_agent_has_more_than_one_agent_may() {
        let budget = Arc::new(Budget::of(524_288));
        assert_eq!(all(&Share::new(&budget)).len(), OF_ONE);
    }
}
