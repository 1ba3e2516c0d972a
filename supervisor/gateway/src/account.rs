//! One agent's calls at a time and its tokens in all.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Why a call does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// The budget is used up.
    Spent {
        /// Tokens allowed.
        budget: u64,
    },
    /// Too many calls at once, for too long.
    Busy,
}

/// What one agent has going.
#[derive(Debug)]
pub(crate) struct Account {
    places: Arc<Semaphore>,
    tokens: Mutex<Tokens>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Tokens {
    used: u64,
    reserved: u64,
}

/// A place for one call, and the tokens set aside for it. Dropping it gives both back.
#[derive(Debug)]
pub(crate) struct Hold {
    account: Arc<Account>,
    reserved: u64,
    _place: OwnedSemaphorePermit,
}

impl Account {
    pub(crate) fn new(calls: usize, used: u64) -> Arc<Self> {
        let tokens = Mutex::new(Tokens { used, reserved: 0 });
        Arc::new(Self { places: Arc::new(Semaphore::new(calls)), tokens, changed: Notify::new() })
    }

    /// Waits for a place, and until the budget covers what is already under way. `need` is the most that this call can use;
    /// one that cannot say goes alone. So the budget is overrun by one call at most, however many begin together.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        budget: Option<u64>,
        need: Option<u64>,
        patience: Duration,
    ) -> Result<Hold, NotAdmitted> {
        let waiting = async {
            let place = self.places.clone().acquire_owned().await.map_err(|_| NotAdmitted::Busy)?;
            let Some(budget) = budget else { return Ok(Hold { account: self.clone(), reserved: 0, _place: place }) };
            loop {
                // Registered before the look, so that no change falls between the two.
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                {
                    let mut tokens = self.tokens();
                    if tokens.used >= budget {
                        return Err(NotAdmitted::Spent { budget });
                    }
                    let left = (budget - tokens.used).saturating_sub(tokens.reserved);
                    if left > 0 {
                        let reserved = need.unwrap_or(left).max(1);
                        tokens.reserved = tokens.reserved.saturating_add(reserved);
                        return Ok(Hold { account: self.clone(), reserved, _place: place });
                    }
                }
                changed.await;
            }
        };
        timeout(patience, waiting).await.unwrap_or(Err(NotAdmitted::Busy))
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// The call is over and used so many.
    pub(crate) fn settle(self, tokens: u64) {
        let mut all = self.account.tokens();
        all.used = all.used.saturating_add(tokens);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut all = self.account.tokens();
        all.reserved = all.reserved.saturating_sub(self.reserved);
        drop(all);
        self.account.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_hundred_calls_at_once_overrun_a_budget_by_one_at_most() {
        for need in [None, Some(100), Some(7)] {
            let account = Account::new(16, 0);
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..100 {
                let account = account.clone();
                calls.spawn(async move {
                    let Ok(hold) = account.admit(Some(1000), need, LONG).await else { return 0 };
                    tokio::task::yield_now().await;
                    let used = need.unwrap_or(90);
                    hold.settle(used);
                    used
                });
            }
            let used: u64 = calls.join_all().await.into_iter().sum();
            let one = need.unwrap_or(90);
            assert!((1000.min(one * 100)..1000 + one).contains(&used), "{need:?}: {used}");
            assert_eq!(account.tokens().reserved, 0);
        }
    }

    #[tokio::test]
    async fn places_are_counted_and_waiting_ends() {
        let account = Account::new(1, 0);
        let hold = account.admit(None, None, LONG).await.expect("a place");
        let short = Duration::from_millis(20);
        assert_eq!(account.admit(None, None, short).await.expect_err("full"), NotAdmitted::Busy);
        drop(hold);
        let hold = account.admit(Some(10), None, LONG).await.expect("a place");
        hold.settle(10);
        assert_eq!(account.admit(Some(10), None, LONG).await.expect_err("spent"), NotAdmitted::Spent { budget: 10 });
    }
}
