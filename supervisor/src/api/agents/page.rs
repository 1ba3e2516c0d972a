//! A list of agents on its way out: put together from their JSON piece by piece as the client takes it, so that nobody holds all of it.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec::IntoIter,
};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::fleet::Shown;

/// A piece is as large as this, or a little larger.
const PIECE: usize = 64 << 10;

/// What is left of `{"data":[...],"meta":{...}}`.
pub(super) struct Page {
    /// What stands before the next agent, or before `end`.
    before: &'static str,
    agents: IntoIter<Arc<Shown>>,
    end: Option<String>,
    left: u64,
}

impl Page {
    /// All of it. Agents that nobody saw since they changed are written now, and others get their turn meanwhile.
    pub(super) async fn new(agents: Vec<Arc<Shown>>, meta: &str) -> Self {
        const BEGIN: &str = "{\"data\":[";
        let end = format!("],\"meta\":{meta}}}");
        let mut left = BEGIN.len() + end.len() + agents.len().saturating_sub(1);
        for agent in &agents {
            left += agent.json().len();
            tokio::task::consume_budget().await;
        }
        Self { before: BEGIN, agents: agents.into_iter(), end: Some(end), left: left as u64 }
    }
}

impl Body for Page {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.end.is_none() {
            return Poll::Ready(None);
        }
        let mut piece = String::with_capacity(PIECE + PIECE / 8);
        while piece.len() < PIECE {
            let Some(agent) = self.agents.next() else {
                piece.push_str(std::mem::take(&mut self.before).trim_end_matches(','));
                piece.push_str(&self.end.take().unwrap_or_default());
                break;
            };
            piece.push_str(std::mem::replace(&mut self.before, ","));
            piece.push_str(agent.json());
        }
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::api::answer::{Listing, Meta};

    #[tokio::test]
    async fn a_list_is_the_json_of_its_agents_piece_by_piece() {
        for count in [0, 1, 2, 100] {
            let agents: Vec<_> = (1..=count).map(|number| Arc::new(Shown::numbered(number))).collect();
            let meta = Meta { total: count, limit: 0, offset: 0, next: None };
            let whole = Listing { data: agents.iter().map(|agent| (***agent).clone()).collect(), meta: meta.clone() };
            let whole = serde_json::to_string(&whole).expect("json");
            let mut page = Page::new(agents, &serde_json::to_string(&meta).expect("json")).await;
            assert_eq!(page.size_hint().exact(), Some(whole.len() as u64), "{count} agents");
            let (mut text, mut pieces) = (String::new(), 0);
            while let Some(Ok(frame)) = page.frame().await {
                let piece = frame.into_data().expect("data");
                assert!(piece.len() < PIECE + PIECE / 8, "{} bytes at once", piece.len());
                text.push_str(std::str::from_utf8(&piece).expect("text"));
                pieces += 1;
            }
            assert_eq!((text == whole, page.is_end_stream()), (true, true), "{text}");
            assert_eq!(pieces, whole.len().div_ceil(PIECE), "{count} agents");
        }
    }
}
