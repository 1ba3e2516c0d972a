//! A call that waits for a person: recorded before anybody is asked, so that it waits on after a restart.

use std::time::{Duration, SystemTime};

use aether_protocol::{
    AgentState, Approval, Decision, Timestamp, ToolRule,
    event::{ApprovalDecided, ApprovalRequested},
    network::ApprovalWish,
};
use aether_runtime::{Asked, JournalError, Verdict};
use aether_store::{Change, HeldRecord, HeldWord, NewHeld};
use sha2::{Digest as _, Sha256};

use super::{AgentGovernor, broken};
use crate::{
    approvals::{Waiting, Word},
    fleet::lock,
};

/// Who decides when time has run out.
pub(super) const NOBODY: &str = "nobody";
/// How often a frozen agent is looked at, whether somebody thawed it without a word.
const LOOK: Duration = Duration::from_millis(500);

/// Does this word allow the call?
pub(super) fn is_yes(word: &HeldWord) -> bool {
    word.decision != Decision::Deny
}

impl Word {
    /// Does it allow the call?
    pub(super) fn is_yes(&self) -> bool {
        self.decision != Decision::Deny
    }

    /// What the agent is told.
    pub(super) fn verdict(&self, no: &str) -> Verdict {
        match (self.decision, self.by.as_str(), &self.reason) {
            (Decision::Once | Decision::Always, ..) => Verdict::Allow,
            (Decision::Deny, NOBODY, _) => Verdict::Deny("nobody decided in time whether it may be done".to_owned()),
            (Decision::Deny, _, Some(reason)) => Verdict::Deny(format!("a person said no: {reason}")),
            (Decision::Deny, ..) => Verdict::Deny(no.to_owned()),
        }
    }
}

impl From<HeldWord> for Word {
    fn from(word: HeldWord) -> Self {
        Self { decision: word.decision, by: word.by, reason: word.reason }
    }
}

/// The call that a word is about.
pub(super) fn digest(asked: &Asked<'_>) -> String {
    let text = serde_json::json!([asked.tool, asked.call.args]).to_string();
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl AgentGovernor {
    /// Waits for the word about a call, which it may have got before a restart.
    pub(super) async fn hold(
        &self,
        asked: &Asked<'_>,
        wish: ApprovalWish,
        like: Option<ToolRule>,
        patience: Duration,
    ) -> Result<Word, JournalError> {
        let place = (asked.site.step, asked.site.position);
        let continues = matches!(wish, ApprovalWish::Continue(_));
        let known =
            lock(&self.state).held.get(&place).filter(|record| record.held.digest.as_ref() == Some(&digest(asked))).cloned();
        if let Some(word) = known.as_ref().and_then(|record| record.word.clone()) {
            return Ok(word.into());
        }
        let approvals = self.core.egress.approvals();
        let shown = match known {
            Some(HeldRecord { held, .. }) => self.approval(held.id, held.wish, place.0, held.asked_at, held.expires_at)?,
            None => {
                let (asked_at, expires_at) = (Timestamp::now(), after(patience));
                let shown = self.approval(approvals.number(), wish, place.0, asked_at.clone(), expires_at.clone())?;
                let held = NewHeld {
                    id: shown.id,
                    agent: self.id.clone(),
                    call: Some(place),
                    digest: Some(digest(asked)),
                    wish: shown.wish.clone(),
                    asked_at,
                    expires_at,
                };
                let event = ApprovalRequested { pid: self.number, approval: shown.clone() };
                let change = self.core.with_events(&self.id, Change::new().hold(held.clone()), vec![event.into()]);
                self.core.write(change).await.map_err(broken)?;
                lock(&self.state).held.insert(place, HeldRecord { held, word: None });
                shown
            }
        };
        let id = shown.id;
        let left = until(&shown.expires_at);
        let waiting = approvals.put(shown, like);
        let _taken_back = TakeBack { governor: self, id };
        let word = self.wait(id, waiting, left, continues).await?;
        let kept = HeldWord { decision: word.decision, by: word.by.clone(), reason: word.reason.clone() };
        if let Some(record) = lock(&self.state).held.get_mut(&place) {
            record.word = Some(kept);
        }
        Ok(word)
    }

    fn approval(
        &self,
        id: u64,
        wish: ApprovalWish,
        step: u32,
        asked_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Approval, JournalError> {
        let agent = self.core.info(&self.id).map_err(broken)?.name.to_string();
        Ok(Approval { id, agent_id: self.id.clone(), pid: self.number, agent, wish, step: Some(step), asked_at, expires_at })
    }

    /// The word of a person, of the clock, or of whoever thawed the agent; of those who come at once one counts.
    async fn wait(&self, id: u64, waiting: Waiting, left: Duration, continues: bool) -> Result<Word, JournalError> {
        let approvals = self.core.egress.approvals();
        let mut said = std::pin::pin!(waiting.word());
        let mut left = left;
        loop {
            let (decision, by) = tokio::select! {
                word = &mut said => return word.ok_or_else(|| JournalError("the agent is ending".to_owned())),
                () = tokio::time::sleep(left) => (Decision::Deny, NOBODY),
                () = self.thawed(), if continues => (Decision::Once, "resume"),
            };
            let Ok(_claimed) = approvals.claim(id) else {
                // Somebody decides just now.
                left = LOOK;
                continue;
            };
            return self.decide(id, Word { decision, by: by.to_owned(), reason: None }).await;
        }
    }

    async fn decide(&self, id: u64, word: Word) -> Result<Word, JournalError> {
        let Word { decision, by, reason } = word.clone();
        let event = ApprovalDecided { pid: self.number, id, decision, by: by.clone(), reason: reason.clone() };
        let change = Change::new().decide_held(id, HeldWord { decision, by, reason });
        self.core.write(self.core.with_events(&self.id, change, vec![event.into()])).await.map_err(broken)?;
        Ok(word)
    }

    /// Completes when the agent is not paused.
    async fn thawed(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.core.info(&self.id).is_ok_and(|info| info.state != AgentState::Paused) {
                return;
            }
        }
    }
}

/// Takes a wish back when nobody waits for it any more.
struct TakeBack<'a> {
    governor: &'a AgentGovernor,
    id: u64,
}

impl Drop for TakeBack<'_> {
    fn drop(&mut self) {
        self.governor.core.egress.approvals().withdraw(self.id);
    }
}

fn after(patience: Duration) -> Timestamp {
    let ends = SystemTime::now() + patience;
    let millis = ends.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis());
    Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

fn until(end: &Timestamp) -> Duration {
    let millis = |at: &Timestamp| at.unix_millis().unwrap_or(0);
    Duration::from_millis(u64::try_from(millis(end) - millis(&Timestamp::now())).unwrap_or(0))
}
