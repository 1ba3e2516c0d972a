//! A request that makes an agent may carry a key of its client's: whoever lost the answer asks again and gets the agent that the first
//! one made.

use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, Weak},
};

use aether_protocol::{AgentInfo, AgentSpec, ApiError};
use aether_store::{Change, Request};
use serde_json::json;
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

use super::{
    Caller, Fleet,
    core::{Core, lock, store_error},
    create,
};

/// Characters of a key at most.
const LONGEST: usize = 128;

/// What a client asks for, byte by byte, and the key that makes it one request however often it comes.
#[derive(Debug, Clone)]
pub struct Once {
    key: String,
    body: bytes::Bytes,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub enum Made {
    /// It made this agent.
    Now(AgentInfo),
    /// It made this agent when it was asked before.
    Before(AgentInfo),
}

/// The requests with keys that are being carried out, by who asks and the key.
#[derive(Debug, Default)]
pub(crate) struct Asking(Mutex<Gates>);

type Gates = HashMap<(String, String), Weak<Gate<()>>>;

impl Once {
    /// # Errors
    /// When the key is none.
    pub fn new(key: &[u8], body: bytes::Bytes) -> Result<Self, ApiError> {
        match std::str::from_utf8(key) {
            Ok(key) if (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self { key: key.to_owned(), body })
            }
            _ => Err(ApiError::invalid(
                format!("an Idempotency-Key has 1 to {LONGEST} visible ASCII characters"),
                "send a random text that no other request has, for example a UUID",
            )),
        }
    }
}

impl Asking {
    /// Waits until nobody else carries this request out.
    async fn turn(&self, request: &Request) -> OwnedMutexGuard<()> {
        let gate = {
            let (owner, key) = request.name();
            let mut all = lock(&self.0);
            all.retain(|_, gate| gate.strong_count() > 0);
            let place = all.entry((owner.to_owned(), key.to_owned())).or_default();
            place.upgrade().unwrap_or_else(|| {
                let gate = Arc::new(Gate::new(()));
                *place = Arc::downgrade(&gate);
                gate
            })
        };
        gate.lock_owned().await
    }
}

impl Fleet {
    /// As [`Fleet::create`], once: the same request again is answered with the agent that it made, also after a restart. With another
    /// body it is refused.
    pub async fn create_once(
        &self,
        spec: AgentSpec,
        caller: &Caller,
        descriptors: Vec<OwnedFd>,
        once: Once,
    ) -> Result<Made, ApiError> {
        let request = Request::new(&caller.owner, once.key, &once.body);
        let turn = self.core.asking.turn(&request).await;
        if let Some(info) = before(&self.core, &request).await? {
            tracing::info!(agent = %info.id, "a request was sent again; it is answered with the agent that it made");
            return Ok(Made::Before(info));
        }
        let (core, caller) = (self.core.clone(), caller.clone());
        let work = async move {
            // Held to the end, also when the one who asked has gone: whoever asks again waits for it.
            let _turn = turn;
            let made = create::create(&core, spec, &caller, descriptors, Some(request.clone())).await;
            if made.is_err() {
                // What it did was undone, so it may be asked again.
                let forgotten = core.store.commit(Change::new().forget_request(request).relaxed(true)).await;
                if let Err(error) = forgotten {
                    tracing::warn!(%error, "the key of a request that failed stays");
                }
            }
            made
        };
        self.act("agent.deploy", "", json!({}), work).await.map(Made::Now)
    }
}

/// The agent that this request made before.
async fn before(core: &Core, request: &Request) -> Result<Option<AgentInfo>, ApiError> {
    let known = core.store.request(request.clone()).await.map_err(|error| store_error(&error))?;
    let Some(known) = known else { return Ok(None) };
    if !known.same {
        let message = "this Idempotency-Key came with another body before";
        return Err(ApiError::conflict(message, "give each request a key of its own; the same one only to send the same again"));
    }
    core.info(&known.agent).map(Some).map_err(|_| {
        let message = format!("this was done before, and its agent {} has ended and was removed", known.agent);
        ApiError::conflict(message, "nothing was done twice; ask anew, with another Idempotency-Key, for another agent")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_short_visible_text() {
        let key = |key: &[u8]| Once::new(key, bytes::Bytes::new()).is_ok();
        assert!(key(b"k") && key(b"0b9f5c2e-6f0f-4e9c-9a55-6a1c1f3b0d11") && key(&[b'x'; LONGEST]));
        assert!(!key(b"") && !key(b"a b") && !key(b"\xff") && !key("ä".as_bytes()) && !key(&[b'x'; LONGEST + 1]));
    }

    #[tokio::test]
    async fn one_at_a_time_carries_a_request_out_and_nothing_stays() {
        let asking = Asking::default();
        let request = |key: &str| Request::new("ann", key, b"{}");
        let first = asking.turn(&request("one")).await;
        let other = asking.turn(&request("two")).await;
        let same = request("one");
        let second = asking.turn(&same);
        let mut second = std::pin::pin!(second);
        let waits = tokio::time::timeout(std::time::Duration::ZERO, &mut second).await;
        assert!(waits.is_err(), "it waits for the first");
        drop(first);
        drop((second.await, other));
        drop(asking.turn(&request("three")).await);
        assert_eq!(lock(&asking.0).len(), 1, "the last one alone, until the next comes");
    }
}
