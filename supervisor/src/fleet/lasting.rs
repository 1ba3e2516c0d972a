//! Tasks that last as long as the service: one that panics is begun again, and harms no other. Tasks of one agent are not: it ends.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;

/// Counts panics; in `/metrics` as `aether_panics_total`.
const PANICS: &str = "aether_panics_total";
/// Before a task that panicked is begun again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs what `make` gives, again after each panic, until it ends by itself.
pub(crate) fn keep<F>(name: &'static str, make: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while tokio::spawn(make()).await.is_err_and(|error| error.is_panic()) {
            metrics::counter!(PANICS).increment(1);
            tracing::error!(task = name, "a task of the service panicked and is begun again");
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// What the task of one agent gives; nothing when it panics, so that the agent does not wait for it for ever.
pub(crate) async fn caught<T>(name: &'static str, work: impl Future<Output = T>) -> Option<T> {
    // What it holds of others is behind locks that outlive a panic.
    let done = AssertUnwindSafe(work).catch_unwind().await.ok();
    if done.is_none() {
        metrics::counter!(PANICS).increment(1);
        tracing::error!(task = name, "the task of an agent panicked; the agent is ended");
    }
    done
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn the_task_of_an_agent_that_panics_is_told_of() {
        let fails = |yes: bool| async move {
            tokio::task::yield_now().await;
            assert!(!yes, "as it was told");
            7
        };
        assert_eq!(caught("test", fails(false)).await, Some(7));
        assert_eq!(caught("test", fails(true)).await, None);
    }

    #[tokio::test]
    async fn a_task_that_panics_is_begun_again_until_it_ends() {
        let (runs, ended) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        keep("test", {
            let (runs, ended) = (runs.clone(), ended.clone());
            move || {
                let (runs, ended) = (runs.clone(), ended.clone());
                async move {
                    assert!(runs.fetch_add(1, Ordering::SeqCst) == 2, "not yet");
                    ended.notify_one();
                }
            }
        });
        ended.notified().await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
