//! What the service manager is told (sd_notify(3)), and the proof of life that its watchdog wants.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::fleet::Fleet;

/// Between two looks at the fleet for the line that `systemctl status` shows.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Tells the service manager, when there is one.
pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

/// The configuration is about to be read again. Followed by [`NotifyState::Ready`], whatever comes of it.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "no monotonic clock"),
    }
}

/// Keeps the line of `systemctl status` true, for the life of the service.
pub(super) async fn status(fleet: Fleet) {
    let mut said = String::new();
    loop {
        if let Ok(system) = fleet.status().await {
            let line = format!("{} agents live, {} queued", system.live, system.queued);
            if line != said {
                tell(&[NotifyState::Status(&line)]);
                said = line;
            }
        }
        tokio::time::sleep(STATUS_EVERY).await;
    }
}

/// Feeds the watchdog, when there is one, each time the whole service has shown that it works: the task itself shows that the
/// executor turns, the store's writer and the spawner answer. Nothing is sent otherwise, and the service manager starts it again.
pub(super) async fn feed_watchdog(fleet: Fleet) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    // Three tries within the limit.
    let every = limit / 3;
    loop {
        match tokio::time::timeout(every, fleet.answers()).await {
            Ok(Ok(())) => tell(&[NotifyState::Watchdog]),
            Ok(Err(cause)) => tracing::error!(%cause, "the watchdog is not fed"),
            Err(_) => tracing::error!("the watchdog is not fed: store or spawner did not answer in time"),
        }
        tokio::time::sleep(every).await;
    }
}
