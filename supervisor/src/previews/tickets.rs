//! Links that let a browser in once, and the visits that they become. Both are random codes, kept as their hashes and bound to one
//! port of one agent; none outlives the service, nor the session of whoever made the link.

use std::{
    collections::HashMap,
    io,
    sync::Mutex,
    time::{Duration, Instant},
};

use aether_protocol::AgentId;
use futures_util::FutureExt as _;
use sha2::{Digest, Sha256};

use crate::{
    auth::{
        Session,
        token::{hex, random},
    },
    fleet::lock,
};

/// How long a link can be used. Measured on the monotonic clock.
pub(crate) const LINK_TIME: Duration = Duration::from_secs(5 * 60);
/// How long a browser is let in by one link.
pub(crate) const VISIT_TIME: Duration = Duration::from_secs(12 * 3600);
/// Of each kind at a time; the oldest goes first.
const MOST: usize = 256;

/// A port of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) agent: AgentId,
    pub(crate) port: u16,
}

/// Somebody who was let in, or may be.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    place: Place,
    since: Instant,
    /// Of the browser that made the link in Mission Control.
    session: Option<Session>,
}

/// Everybody who may see something.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    links: Mutex<HashMap<[u8; 32], Visit>>,
    visits: Mutex<HashMap<[u8; 32], Visit>>,
    /// Which agent a host was last opened for: a name can be used again, and what a browser keeps by it must not be.
    last: Mutex<HashMap<String, AgentId>>,
}

impl Visit {
    fn new(place: Place, session: Option<Session>) -> Self {
        Self { place, since: Instant::now(), session }
    }

    /// Completes when it is over.
    pub(crate) async fn ended(&self) {
        let left = VISIT_TIME.saturating_sub(self.since.elapsed());
        let signed_out = async {
            match &self.session {
                Some(session) => session.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            () = signed_out => {}
        }
    }

    fn counts(&self, place: &Place, lifetime: Duration) -> bool {
        let signed_out = self.session.as_ref().is_some_and(|session| session.ended().now_or_never().is_some());
        self.place == *place && self.since.elapsed() < lifetime && !signed_out
    }
}

impl Tickets {
    /// A code that lets one browser in at `place`.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub(crate) fn link(&self, place: Place, session: Option<Session>) -> io::Result<String> {
        keep(&self.links, Visit::new(place, session))
    }

    /// Takes a link: the code of a visit, once. A link for another place is used up by that as well.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub(crate) fn redeem(&self, code: &str, place: &Place) -> io::Result<Option<String>> {
        // The look-up goes by hash, so its timing tells nothing about a code.
        let link = lock(&self.links).remove(&digest(code)).filter(|link| link.counts(place, LINK_TIME));
        link.map(|link| keep(&self.visits, Visit::new(link.place, link.session))).transpose()
    }

    /// The visit that one of these codes stands for.
    pub(crate) fn visit<'c>(&self, mut codes: impl Iterator<Item = &'c str>, place: &Place) -> Option<Visit> {
        let visits = lock(&self.visits);
        codes.find_map(|code| visits.get(&digest(code)).filter(|visit| visit.counts(place, VISIT_TIME)).cloned())
    }

    /// Notes for whom a host is opened; was it another agent, or may it have been?
    pub(crate) fn changes_hands(&self, host: &str, agent: &AgentId) -> bool {
        let mut last = lock(&self.last);
        if last.len() >= MOST && !last.contains_key(host) {
            last.clear();
        }
        last.insert(host.to_owned(), agent.clone()).as_ref() != Some(agent)
    }
}

fn keep(kept: &Mutex<HashMap<[u8; 32], Visit>>, visit: Visit) -> io::Result<String> {
    let code = hex(&random()?);
    let mut kept = lock(kept);
    kept.retain(|_, one| one.since.elapsed() < VISIT_TIME);
    if kept.len() >= MOST {
        let oldest = kept.iter().min_by_key(|(_, one)| one.since).map(|(key, _)| *key);
        oldest.map(|key| kept.remove(&key));
    }
    kept.insert(digest(&code), visit);
    Ok(code)
}

fn digest(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Sessions, Token};

    fn place(agent: u8, port: u16) -> Place {
        Place { agent: AgentId::from_random([agent; 12]), port }
    }

    #[tokio::test]
    async fn a_link_lets_in_once_and_only_there() {
        let tickets = Tickets::default();
        let code = tickets.link(place(1, 80), None).unwrap();
        assert!(tickets.visit([code.as_str()].into_iter(), &place(1, 80)).is_none(), "a link is no visit");
        let visit = tickets.redeem(&code, &place(1, 80)).unwrap().unwrap();
        assert!(tickets.redeem(&code, &place(1, 80)).unwrap().is_none(), "used");
        assert!(tickets.redeem(&visit, &place(1, 80)).unwrap().is_none(), "a visit is no link");
        assert!(tickets.visit(["x", visit.as_str()].into_iter(), &place(1, 80)).is_some());
        for elsewhere in [place(2, 80), place(1, 81)] {
            assert!(tickets.visit([visit.as_str()].into_iter(), &elsewhere).is_none());
            let code = tickets.link(place(1, 80), None).unwrap();
            assert!(tickets.redeem(&code, &elsewhere).unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn they_end_by_age_and_with_the_session() {
        let mut old = Visit::new(place(1, 80), None);
        assert!(old.counts(&place(1, 80), LINK_TIME));
        old.since = Instant::now().checked_sub(LINK_TIME).expect("the machine is up for five minutes");
        assert!(!old.counts(&place(1, 80), LINK_TIME));
        let sessions = Sessions::new(&Token::generate().unwrap());
        let value = sessions.begin().unwrap();
        let tickets = Tickets::default();
        let code = tickets.link(place(1, 80), sessions.find(&value)).unwrap();
        let visit = tickets.redeem(&code, &place(1, 80)).unwrap().unwrap();
        let held = tickets.visit([visit.as_str()].into_iter(), &place(1, 80)).expect("signed in");
        sessions.end(&value);
        assert!(tickets.visit([visit.as_str()].into_iter(), &place(1, 80)).is_none());
        tokio::time::timeout(Duration::from_secs(5), held.ended()).await.expect("what is open ends");
    }

    #[test]
    fn a_host_that_changes_hands_is_noticed() {
        let tickets = Tickets::default();
        let [one, two] = [1, 2].map(|n| AgentId::from_random([n; 12]));
        let changes = [&one, &one, &two, &two].map(|agent| tickets.changes_hands("80-web.localhost:3001", agent));
        assert_eq!(changes, [true, false, true, false]);
    }
}
