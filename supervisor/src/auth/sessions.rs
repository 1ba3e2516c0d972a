//! Sessions of browsers: a random value each, kept as its hash, over when somebody signs out or after thirty days.
//!
//! The hash covers the operator's token as well, so that a new token ends every session.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aether_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::token::{Token, hex, random};

/// How long a session lasts.
pub const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// Sessions held at a time; the oldest goes first.
const MOST: usize = 256;

/// The sessions of one token.
#[derive(Debug)]
pub struct Sessions {
    /// Hash of the token, and what makes it one for this use.
    salt: [u8; 32],
    open: Mutex<HashMap<String, Session>>,
}

/// One signed-in browser. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session {
    expires: i64,
    over: CancellationToken,
}

/// A session as the store keeps it: nothing in it signs anybody in.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    hash: String,
    expires: i64,
}

impl Session {
    /// That of a cookie which holds the operator's token itself: over when the token is.
    pub(super) fn of_token() -> Self {
        Self { expires: i64::MAX, over: CancellationToken::new() }
    }

    /// Completes when it ends: by signing out, or by its age.
    pub async fn ended(&self) {
        let left = u64::try_from(self.expires.saturating_sub(now())).unwrap_or(0);
        tokio::select! {
            () = self.over.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(left)) => {}
        }
    }
}

impl Sessions {
    /// None yet, for holders of `token`.
    pub fn new(token: &Token) -> Self {
        let salt = Sha256::digest(format!("aether session {}", token.reveal())).into();
        Self { salt, open: Mutex::default() }
    }

    /// Begins a session: the value of its cookie, known to nobody else.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub fn begin(&self) -> io::Result<String> {
        self.begin_at(now())
    }

    fn begin_at(&self, now: i64) -> io::Result<String> {
        let value = hex(&random()?);
        let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX);
        let mut open = self.open();
        open.retain(|_, session| session.expires > now);
        while open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, session)| session.expires).map(|(hash, _)| hash.clone());
            let Some(gone) = oldest.and_then(|hash| open.remove(&hash)) else { break };
            gone.over.cancel();
        }
        open.insert(self.hash(&value), Session { expires: now + lifetime, over: CancellationToken::new() });
        Ok(value)
    }

    /// The session whose cookie is `shown`.
    pub fn find(&self, shown: &str) -> Option<Session> {
        // The look-up goes by hash, so its timing tells nothing about a value.
        self.open().get(&self.hash(shown)).filter(|session| session.expires > now()).cloned()
    }

    /// Ends the session whose cookie is `shown`, with everything that is open in it; was there one?
    pub fn end(&self, shown: &str) -> bool {
        let ended = self.open().remove(&self.hash(shown));
        ended.is_some_and(|session| {
            session.over.cancel();
            session.expires > now()
        })
    }

    /// As text for the store.
    pub fn keep(&self) -> String {
        let kept: Vec<Kept> =
            self.open().iter().map(|(hash, session)| Kept { hash: hash.clone(), expires: session.expires }).collect();
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Takes back what [`keep`](Self::keep) gave; text that is something else is nobody's session.
    pub fn restore(&self, text: &str) {
        let kept: Vec<Kept> = serde_json::from_str(text).unwrap_or_default();
        let live = kept.into_iter().filter(|kept| kept.expires > now()).take(MOST);
        let sessions = live.map(|kept| (kept.hash, Session { expires: kept.expires, over: CancellationToken::new() }));
        self.open().extend(sessions);
    }

    fn hash(&self, value: &str) -> String {
        hex(&Sha256::new().chain_update(self.salt).chain_update(value).finalize())
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> i64 {
    Timestamp::now().unix_millis().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_its_own_and_ends_alone() {
        let sessions = Sessions::new(&Token::generate().unwrap());
        let (first, second) = (sessions.begin().unwrap(), sessions.begin().unwrap());
        assert_ne!(first, second, "nobody can be given a session that somebody else knows");
        let held = sessions.find(&first).unwrap();
        assert!(sessions.find("").is_none() && sessions.find(&first[1..]).is_none());
        assert!(sessions.end(&first));
        assert!(held.over.is_cancelled() && !sessions.end(&first));
        assert!(sessions.find(&first).is_none() && sessions.find(&second).is_some());
    }

    #[test]
    fn they_outlive_the_service_but_not_the_token() {
        let token = Token::generate().unwrap();
        let before = Sessions::new(&token);
        let value = before.begin().unwrap();
        let kept = before.keep();
        assert!(!kept.contains(&value) && !kept.contains(token.reveal()), "hashes only");
        let after = Sessions::new(&token);
        after.restore(&kept);
        assert!(after.find(&value).is_some());
        let another = Sessions::new(&Token::generate().unwrap());
        another.restore(&kept);
        assert!(another.find(&value).is_none());
        another.restore("nonsense");
    }

    #[tokio::test]
    async fn they_end_by_age_and_the_oldest_makes_room() {
        let sessions = Sessions::new(&Token::generate().unwrap());
        let old = sessions.begin_at(now() - i64::try_from(LIFETIME.as_millis()).unwrap() + 20).unwrap();
        let held = sessions.find(&old).unwrap();
        tokio::time::timeout(Duration::from_secs(5), held.ended()).await.expect("its time is over");
        assert!(sessions.find(&old).is_none());
        let first = sessions.begin_at(now() - 1000).unwrap();
        for _ in 0..MOST {
            sessions.begin().unwrap();
        }
        assert!(sessions.find(&first).is_none());
    }
}
