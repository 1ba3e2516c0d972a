//! SIGHUP: the configuration is read again. With an error everything stays as it is.

use std::path::PathBuf;

use sd_notify::NotifyState;
use tokio::signal::unix::Signal;

use super::notify;
use crate::config::{self, Current};

/// Waits for signals for the life of the service.
pub(super) async fn on_signal(mut hangup: Signal, file: Option<PathBuf>, current: Current) {
    while hangup.recv().await.is_some() {
        notify::reloading();
        let named = file.clone();
        // Files may lie on a slow disk.
        let read = tokio::task::spawn_blocking(move || config::load(named.as_deref())).await;
        let outcome = match read {
            Ok(Ok(loaded)) => taken(&current.reload(&loaded.config)),
            Ok(Err(error)) => {
                tracing::error!(%error, hint = error.fix(), "the configuration is kept as it was");
                format!("reload refused, the old configuration stays: {error}")
            }
            Err(error) => {
                tracing::error!(%error, "the configuration could not be read again");
                "reload failed, the old configuration stays".to_owned()
            }
        };
        notify::tell(&[NotifyState::Ready, NotifyState::Status(&outcome)]);
    }
}

fn taken(waiting: &[&str]) -> String {
    if waiting.is_empty() {
        tracing::info!("the configuration was read again");
        return "configuration reloaded".to_owned();
    }
    let waiting = waiting.join(", ");
    tracing::warn!(keys = %waiting, "the configuration was read again; these keys wait for a restart of the service");
    format!("configuration reloaded; waiting for a restart: {waiting}")
}
