//! The figures of all agents, written once for all clients that show them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aether_protocol::event::StreamFrame;

use super::outgoing::json;
use crate::fleet::Fleet;

/// How old a text may be: half of the time between two of them.
const FRESH: Duration = Duration::from_secs(1);

/// The newest text.
#[derive(Debug, Default)]
pub(crate) struct Figures(Mutex<Option<(Instant, Arc<str>)>>);

impl Figures {
    /// The figures of this moment or of the second before it.
    pub(crate) fn text(&self, fleet: &Fleet) -> Arc<str> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some((at, text)) if at.elapsed() < FRESH => text.clone(),
            _ => {
                let text: Arc<str> = json(&StreamFrame::Metrics(fleet.metrics())).into();
                *newest = Some((Instant::now(), text.clone()));
                text
            }
        }
    }
}
