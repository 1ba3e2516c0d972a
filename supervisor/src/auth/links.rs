//! One-time sign-in links: a random code, kept as its hash, good for one use within fifteen minutes.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::token::{hex, random};

/// How long a link can be used. Measured on the monotonic clock: setting the host's time neither ends nor prolongs it.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// Links held at a time; the oldest goes first.
const MOST: usize = 256;

/// The links handed out and not used yet.
#[derive(Debug, Default)]
pub struct Links {
    open: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Links {
    /// A new code.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub fn issue(&self) -> io::Result<String> {
        self.issue_at(Instant::now())
    }

    /// Takes a code: true once, and only within its time.
    pub fn redeem(&self, code: &str) -> bool {
        self.redeem_at(code, Instant::now())
    }

    fn issue_at(&self, now: Instant) -> io::Result<String> {
        let code = hex(&random()?);
        let mut open = self.open();
        open.retain(|_, issued| now.duration_since(*issued) < LIFETIME);
        if open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, issued)| **issued).map(|(key, _)| *key);
            oldest.map(|key| open.remove(&key));
        }
        open.insert(digest(&code), now);
        Ok(code)
    }

    fn redeem_at(&self, code: &str, now: Instant) -> bool {
        // The look-up goes by hash, so its timing tells nothing about a code.
        let issued = self.open().remove(&digest(code));
        issued.is_some_and(|issued| now.duration_since(issued) < LIFETIME)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_works_once() {
        let links = Links::default();
        let code = links.issue().unwrap();
        assert!(!links.redeem("something else"));
        assert!(links.redeem(&code));
        assert!(!links.redeem(&code));
    }

    #[test]
    fn a_code_ends_after_its_time() {
        let links = Links::default();
        let start = Instant::now();
        let (early, late) = (links.issue_at(start).unwrap(), links.issue_at(start).unwrap());
        assert!(links.redeem_at(&early, start + LIFETIME - Duration::from_secs(1)));
        assert!(!links.redeem_at(&late, start + LIFETIME));
    }

    #[test]
    fn the_oldest_makes_room() {
        let links = Links::default();
        let start = Instant::now();
        let first = links.issue_at(start).unwrap();
        for n in 0..MOST {
            links.issue_at(start + Duration::from_millis(n as u64 + 1)).unwrap();
        }
        assert!(!links.redeem_at(&first, start));
        assert_eq!(links.open().len(), MOST);
    }
}
