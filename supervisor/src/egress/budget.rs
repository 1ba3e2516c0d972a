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
/// An agent may have so many times what is free: alone three quarters of all, and whoever comes later three quarters of the rest.
const TIMES_FREE: usize = 3;
/// Descriptors of a connection, busy or not: the side of the agent and the side of the destination.
const EACH: usize = 2;
/// Descriptors of an agent with a network besides: the link to its init, and the sockets that connections and questions come from.
const OF_AGENT: usize = 8;
/// Descriptors that are left to others at least, where there are twice as many.
const LEFT: usize = 512;

/// What is lent to connections.
pub(super) struct Budget {
    descriptors: usize,
    lent: Mutex<Lent>,
}

#[derive(Default)]
struct Lent {
    connections: usize,
    agents: usize,
}

/// What one agent has of it.
#[derive(Clone)]
pub(super) struct Share(Arc<Part>);

struct Part {
    budget: Arc<Budget>,
    open: AtomicUsize,
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
    /// Seven eighths of the descriptors there may be.
    fn of(descriptors: usize) -> Self {
        let left = (descriptors / 8).max(LEFT.min(descriptors / 2));
        Self { descriptors: descriptors - left, lent: Mutex::default() }
    }

    /// Connections that there may be while so many agents have a network.
    fn room(&self, agents: usize) -> usize {
        self.descriptors.saturating_sub(agents * OF_AGENT) / EACH
    }
}

impl Share {
    /// Nothing yet.
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        lock(&budget.lent).agents += 1;
        Self(Arc::new(Part { budget: budget.clone(), open: AtomicUsize::new(0) }))
    }

    /// Connections open now.
    pub(super) fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Room for one more connection, unless this agent has its part of what is free: the more agents there are, the less each gets,
    /// and there is always something for one that comes late.
    pub(super) fn take(&self) -> Option<Slot> {
        let mut lent = lock(&self.0.budget.lent);
        let free = self.0.budget.room(lent.agents).saturating_sub(lent.connections);
        if free == 0 || self.open() >= (free * TIMES_FREE).clamp(FLOOR, OF_ONE) {
            return None;
        }
        lent.connections += 1;
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Some(Slot(self.clone()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        lock(&self.budget.lent).agents -= 1;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.0.0.budget.lent).connections -= 1;
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(share: &Share) -> Vec<Slot> {
        std::iter::from_fn(|| share.take()).collect()
    }

    #[test]
    fn who_comes_late_finds_something() {
        let budget = Arc::new(Budget::of(8000));
        let shares: Vec<Share> = (0..4).map(|_| Share::new(&budget)).collect();
        assert_eq!(budget.room(4), (7000 - 4 * OF_AGENT) / EACH);
        let taken: Vec<Vec<Slot>> = shares.iter().map(all).collect();
        assert_eq!(taken.iter().map(Vec::len).collect::<Vec<_>>(), [2613, 654, 163, 41]);
    }

    #[test]
    fn what_ends_is_free_again() {
        let budget = Arc::new(Budget::of(8000));
        let (one, other) = (Share::new(&budget), Share::new(&budget));
        let taken = all(&one);
        assert!(one.take().is_none());
        drop(taken);
        assert_eq!((one.open(), lock(&budget.lent).connections), (0, 0));
        drop(one);
        assert_eq!(lock(&budget.lent).agents, 1);
        assert_eq!(all(&other).len(), 2622);
    }

    #[test]
    fn descriptors_are_always_left_to_others() {
        for descriptors in [64, 256, 1024, 20_000, 524_288] {
            let lent = Budget::of(descriptors).room(1) * EACH;
            assert!(lent + OF_AGENT <= descriptors - descriptors / 8, "{descriptors}: {lent}");
            assert!(lent > 0, "{descriptors}");
        }
        assert_eq!(Budget::of(1024).descriptors, 512);
        let full = Budget::of(4096);
        assert_eq!(full.room(1000), 0, "agents come before their connections");
    }

    #[test]
    fn one_agent_has_what_docs_say() {
        let alone = |descriptors| all(&Share::new(&Arc::new(Budget::of(descriptors)))).len();
        assert_eq!((alone(20_000), alone(524_288)), (6560, OF_ONE));
        assert!(alone(30_500) >= 10_000);
    }
}
