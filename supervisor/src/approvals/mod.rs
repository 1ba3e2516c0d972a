//! What waits for a person's word, in memory. Calls of the built-in agent are in the store as well, and wait on after a restart; what
//! else was held is asked for again by whoever wants it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aether_protocol::{AgentId, ApiError, Approval, Decision, Timestamp, ToolRule, network::ApprovalWish};
use tokio::sync::watch;

/// How long a person has.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Wishes of one agent that may wait; further ones are denied.
const WAITING: usize = 32;

/// Every wish that waits.
#[derive(Default)]
pub(crate) struct Approvals {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    pending: BTreeMap<u64, Pending>,
}

struct Pending {
    shown: Approval,
    /// The rule that allows what is like it.
    like: Option<ToolRule>,
    answer: watch::Sender<Option<Word>>,
}

/// A wish that one person decides about now.
pub(crate) struct Claimed(Pending);

impl Claimed {
    /// The wish.
    pub(crate) const fn shown(&self) -> &Approval {
        &self.0.shown
    }

    /// The rule that allows what is like it.
    pub(crate) fn like(&self) -> Option<ToolRule> {
        self.0.like.clone()
    }

    /// Tells everybody who waits.
    pub(crate) fn say(self, word: Word) -> Approval {
        self.0.answer.send_replace(Some(word));
        self.0.shown
    }
}

/// A word, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) decision: Decision,
    pub(crate) by: String,
    /// Why, in their words.
    pub(crate) reason: Option<String>,
}

/// Someone who waits for a word.
pub(crate) struct Waiting {
    /// The wish as it is shown.
    pub(crate) shown: Approval,
    /// It was not waited for before.
    pub(crate) new: bool,
    answer: watch::Receiver<Option<Word>>,
}

impl Waiting {
    /// The word; `None` when the wish was dropped.
    pub(crate) async fn word(mut self) -> Option<Word> {
        self.answer.wait_for(Option::is_some).await.ok().and_then(|word| word.clone())
    }
}

/// Who wishes.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) agent: AgentId,
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) step: Option<u32>,
}

impl Approvals {
    /// Puts a wish before people; the same wish of the same agent waits once. `None` when too many wait.
    pub(crate) fn ask(&self, asker: Asker, wish: ApprovalWish) -> Option<Waiting> {
        let mut state = self.lock();
        let of_agent = state.pending.values().filter(|pending| pending.shown.agent_id == asker.agent);
        let (mut count, mut same) = (0, None);
        for pending in of_agent {
            count += 1;
            if pending.shown.wish == wish {
                same = Some((pending.shown.clone(), pending.answer.subscribe()));
            }
        }
        if let Some((shown, answer)) = same {
            return Some(Waiting { shown, new: false, answer });
        }
        if count >= WAITING {
            return None;
        }
        state.last += 1;
        let (id, asked_at) = (state.last, Timestamp::now());
        let ends = SystemTime::now() + PATIENCE;
        let millis = ends.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis());
        let expires_at = Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX));
        let Asker { agent: agent_id, number: pid, name: agent, step } = asker;
        let shown = Approval { id, agent_id, pid, agent, wish, step, asked_at, expires_at };
        let (sender, answer) = watch::channel(None);
        state.pending.insert(id, Pending { shown: shown.clone(), like: None, answer: sender });
        Some(Waiting { shown, new: true, answer })
    }

    /// Goes on counting after the last number that was ever given.
    pub(crate) fn count_from(&self, last: u64) {
        let mut state = self.lock();
        state.last = state.last.max(last);
    }

    /// A number for a wish that is recorded before it is put.
    pub(crate) fn number(&self) -> u64 {
        let mut state = self.lock();
        state.last += 1;
        state.last
    }

    /// Puts a recorded wish before people; `like` is the rule that would allow what is like it.
    pub(crate) fn put(&self, shown: Approval, like: Option<ToolRule>) -> Waiting {
        let (sender, answer) = watch::channel(None);
        self.lock().pending.insert(shown.id, Pending { shown: shown.clone(), like, answer: sender });
        Waiting { shown, new: true, answer }
    }

    /// Takes a wish back that nobody waits for any more.
    pub(crate) fn withdraw(&self, id: u64) {
        self.lock().pending.remove(&id);
    }

    /// Takes a wish for deciding about it: of several who do at once, one gets it.
    ///
    /// # Errors
    /// `NotFound` when it does not wait (any more).
    pub(crate) fn claim(&self, id: u64) -> Result<Claimed, ApiError> {
        let pending = self.lock().pending.remove(&id);
        let hint = "aether approvals lists those that wait";
        pending.map(Claimed).ok_or_else(|| ApiError::not_found(format!("no approval {id} waits"), hint))
    }

    /// Lets a wish wait again.
    pub(crate) fn put_back(&self, claimed: Claimed) {
        self.lock().pending.insert(claimed.0.shown.id, claimed.0);
    }

    /// A word, once; the wish it was about.
    ///
    /// # Errors
    /// As [`Approvals::claim`].
    pub(crate) fn decide(&self, id: u64, word: Word) -> Result<Approval, ApiError> {
        self.claim(id).map(|claimed| claimed.say(word))
    }

    /// What waits, oldest first.
    pub(crate) fn list(&self) -> Vec<Approval> {
        self.lock().pending.values().map(|pending| pending.shown.clone()).collect()
    }

    /// One that waits.
    pub(crate) fn get(&self, id: u64) -> Option<Approval> {
        self.lock().pending.get(&id).map(|pending| pending.shown.clone())
    }

    /// Drops the wishes of an agent that has ended.
    pub(crate) fn forget(&self, agent: &AgentId) {
        self.lock().pending.retain(|_, pending| &pending.shown.agent_id != agent);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use aether_protocol::network::ConnectWish;

    use super::*;

    fn asker() -> Asker {
        Asker { agent: AgentId::from_random([7; 12]), number: 1, name: "one".into(), step: None }
    }

    fn wish(host: &str) -> ApprovalWish {
        ApprovalWish::Connect(ConnectWish { host: host.into(), port: 443, program: None })
    }

    #[tokio::test]
    async fn one_word_reaches_everybody_who_waits_and_counts_once() {
        let approvals = Approvals::default();
        let first = approvals.ask(asker(), wish("a.test")).expect("room");
        let second = approvals.ask(asker(), wish("a.test")).expect("room");
        assert!(first.new && !second.new);
        assert_eq!(approvals.list().len(), 1);
        let id = first.shown.id;
        let word = |decision| Word { decision, by: "root".into(), reason: None };
        approvals.decide(id, word(Decision::Once)).expect("decided");
        for waiting in [first, second] {
            assert_eq!(waiting.word().await, Some(word(Decision::Once)));
        }
        assert!(approvals.decide(id, word(Decision::Deny)).is_err(), "a word counts once");
        assert_ne!(approvals.ask(asker(), wish("a.test")).expect("room").shown.id, id, "an id is never given twice");
    }

    #[tokio::test]
    async fn an_agent_cannot_fill_the_list_and_takes_its_wishes_along() {
        let approvals = Approvals::default();
        let waiting: Vec<_> = (0..WAITING).map(|i| approvals.ask(asker(), wish(&format!("n{i}.test"))).expect("room")).collect();
        assert!(approvals.ask(asker(), wish("one.more")).is_none());
        let other = Asker { agent: AgentId::from_random([8; 12]), ..asker() };
        assert!(approvals.ask(other, wish("one.more")).is_some(), "others still have room");
        approvals.forget(&asker().agent);
        for waiting in waiting {
            assert_eq!(waiting.word().await, None);
        }
        assert_eq!(approvals.list().len(), 1);
    }
}
