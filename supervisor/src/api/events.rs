//! `GET /api/v1/events`: durable events as server-sent events, without gaps.

use std::{convert::Infallible, sync::Arc, time::Duration};

use aether_protocol::{ApiError, ErrorBody, Event};
use aether_store::Notice;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        Sse,
        sse::{Event as SseEvent, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::{ApiState, error::Answer, query::Query};
use crate::fleet::{Delivery, EventHub, Subscription};

/// Comments that keep proxies and clients from taking a quiet stream for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventsQuery {
    /// Those after this number; the live ones only when absent (and no `Last-Event-ID` is sent).
    since: Option<u64>,
    /// Types with commas: `agent.thought`, or all of a group with `agent.*`.
    filter: Option<String>,
}

/// Durable events after a number, then the live ones. `id` is the event's number: a browser that reconnects goes on by itself.
#[utoipa::path(get, path = "/api/v1/events", tag = "service", params(EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "Number of the last event seen; wins over since")),
    responses((status = 200, body = Event, content_type = "text/event-stream"), (status = "default", body = ErrorBody)))]
pub(crate) async fn events(
    State(state): State<ApiState>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>> {
    let hub = state.fleet().events().clone();
    let after = match last_seen(&headers)?.or(query.since) {
        Some(seen) => seen,
        None => hub.newest().await,
    };
    let feed = Feed {
        subscription: hub.subscribe(after),
        hub,
        filter: Filter::parse(query.filter.as_deref().unwrap_or("*")),
        stopping: state.stopping().clone(),
    };
    let frames = stream::unfold(feed, |mut feed| async move {
        let notice = feed.next().await?;
        Some((Ok(frame(&notice)), feed))
    });
    Ok(Sse::new(frames).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Feed {
    hub: EventHub,
    subscription: Subscription,
    filter: Filter,
    stopping: CancellationToken,
}

impl Feed {
    async fn next(&mut self) -> Option<Arc<Notice>> {
        loop {
            let delivery = tokio::select! {
                delivery = self.subscription.next() => delivery,
                () = self.stopping.cancelled() => return None,
            };
            match delivery {
                Delivery::Event(notice) if self.filter.has(notice.event.body.name()) => return Some(notice),
                Delivery::Event(_) => {}
                // Durable events wait in the store: a reader that fell behind goes on from there at its own speed.
                Delivery::Lagged { resume, .. } => self.subscription = self.hub.subscribe(resume),
                Delivery::Closed => return None,
            }
        }
    }
}

fn frame(notice: &Notice) -> SseEvent {
    SseEvent::default().id(notice.event.seq.to_string()).event(notice.event.body.name()).data(notice.json())
}

fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| ApiError::invalid("Last-Event-ID is not a number", "send the id of the last event seen"))
}

/// Types of events by name or group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter(Vec<String>);

impl Filter {
    fn parse(text: &str) -> Self {
        Self(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_by_name_and_group() {
        let filter = Filter::parse("process.exit, agent.*");
        assert!(filter.has("process.exit") && filter.has("agent.thought"));
        assert!(!filter.has("process.spawned") && !filter.has("agents"));
        assert!(Filter::parse("*").has("tty.opened"));
    }

    #[test]
    fn the_last_number_seen_is_a_number() {
        let mut headers = HeaderMap::new();
        assert_eq!(last_seen(&headers).unwrap(), None);
        headers.insert("last-event-id", "17".parse().unwrap());
        assert_eq!(last_seen(&headers).unwrap(), Some(17));
        headers.insert("last-event-id", "x".parse().unwrap());
        assert!(last_seen(&headers).is_err());
    }
}
