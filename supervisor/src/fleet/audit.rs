//! Who did what: the record of an act goes into the first change that the act makes, so that both are on the disk or neither.
//!
//! The edge says who acts with [`on_behalf`]; everything below finds the name without it being passed through every call.

use std::sync::{Arc, Mutex};

use aether_protocol::{AgentId, ApiError, AuditCheck, AuditRecord};
use aether_store::{AuditEntry, AuditVerdict, Change};
use serde_json::{Value, json};

use super::{
    Fleet,
    core::{lock, store_error},
    whole,
};

/// Who acts when nobody asked: the service itself.
pub(crate) const SERVICE: &str = "service";

/// Who acts when the built-in agent decided it itself.
pub(crate) const AGENT: &str = "agent";

tokio::task_local! {
    static WHO: String;
    static ACT: Act;
}

/// An act under way.
type Act = Arc<Mutex<Pending>>;

struct Pending {
    entry: AuditEntry,
    written: bool,
}

/// Runs `work` for `who`.
pub(crate) async fn on_behalf<T>(who: &str, work: impl Future<Output = T>) -> T {
    WHO.scope(who.to_owned(), work).await
}

/// Who the running task acts for.
pub(crate) fn who() -> String {
    WHO.try_with(Clone::clone).unwrap_or_else(|_| SERVICE.to_owned())
}

/// Carries who acts over to a task of its own.
pub(crate) fn inherited<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    WHO.scope(who(), work)
}

/// Says what the act under way is about, where that is known only later.
pub(crate) fn about(id: &AgentId) {
    let _no_act = ACT.try_with(|act| id.as_str().clone_into(&mut lock(act).entry.subject));
}

/// Is there an act under way that no change has taken the record of?
pub(crate) fn is_under_way() -> bool {
    ACT.try_with(|act| !lock(act).written).unwrap_or(false)
}

/// Adds the record of the act under way to its first change. The answer tells [`settle`] whether it did.
pub(crate) fn attach(change: Change) -> (Change, bool) {
    let entry = ACT.try_with(|act| {
        let mut act = lock(act);
        (!std::mem::replace(&mut act.written, true)).then(|| act.entry.clone())
    });
    match entry {
        Ok(Some(entry)) => (change.audit(entry), true),
        _ => (change, false),
    }
}

/// A change that failed took the record with it.
pub(crate) fn settle(attached: bool, committed: bool) {
    if attached && !committed {
        let _no_act = ACT.try_with(|act| lock(act).written = false);
    }
}

impl Fleet {
    /// Runs an act to its end, also when the one who asked has gone, and records it: with its first change, or after it when it
    /// changes nothing that is stored. A refusal is recorded as one.
    pub(crate) async fn act<T: Send + 'static>(
        &self,
        action: &str,
        subject: &str,
        mut outcome: Value,
        work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<T, ApiError> {
        outcome["ok"] = true.into();
        let entry = AuditEntry { who: who(), action: action.to_owned(), subject: subject.to_owned(), outcome };
        let store = self.core.store.clone();
        whole(async move {
            let act = Arc::new(Mutex::new(Pending { entry, written: false }));
            let result = ACT.scope(act.clone(), work).await;
            let left = {
                let mut act = lock(&act);
                if let Err(error) = &result {
                    act.entry.outcome["ok"] = false.into();
                    act.entry.outcome["code"] = json!(error.code);
                }
                (!act.written || result.is_err()).then(|| act.entry.clone())
            };
            // What changed nothing that is stored is gone after a power cut as well: its record waits for the disk no longer than
            // the effect does. Refusals are on the disk before they are told.
            let relaxed = result.is_ok();
            if let Some(entry) = left
                && let Err(error) = store.commit(Change::new().audit(entry).relaxed(relaxed)).await
            {
                // A full disk must not keep anybody from ending an agent.
                tracing::error!(%error, "an act could not be recorded");
            }
            result
        })
        .await
    }

    /// Records what happened outside the fleet, for example a sign-in. Returns when it is on the disk.
    pub async fn audit(&self, who: &str, action: &str, subject: &str, outcome: Value) {
        tracing::info!(target: "aether::audit", who, action, subject, %outcome);
        let entry = AuditEntry { who: who.into(), action: action.into(), subject: subject.into(), outcome };
        if let Err(error) = self.core.store.commit(Change::new().audit(entry)).await {
            tracing::error!(%error, action, "the audit could not be written");
        }
    }

    /// Audit records after number `since`, oldest first, at most `limit`; and how many there are in all.
    pub async fn audit_records(&self, since: u64, limit: u32) -> Result<(Vec<AuditRecord>, u64), ApiError> {
        let records = self.core.store.audit(since, limit).await.map_err(|error| store_error(&error))?;
        let total = self.core.store.audit_head().await.map_err(|error| store_error(&error))?.records;
        let shown = records.into_iter().map(|record| AuditRecord {
            number: record.id,
            at: record.at,
            who: record.entry.who,
            action: record.entry.action,
            subject: record.entry.subject,
            outcome: record.entry.outcome,
            hash: record.hash,
        });
        Ok((shown.collect(), total))
    }

    /// Checks the whole chain.
    pub async fn verify_audit(&self) -> Result<AuditCheck, ApiError> {
        let verdict = self.core.store.verify_audit().await.map_err(|error| store_error(&error))?;
        Ok(match verdict {
            AuditVerdict::Whole(summary) => {
                let head = Some(summary.head);
                AuditCheck { whole: true, records: summary.records, head, broken_at: None, cause: String::new() }
            }
            AuditVerdict::Broken { number, cause } => {
                AuditCheck { whole: false, records: number.saturating_sub(1), head: None, broken_at: Some(number), cause }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use aether_protocol::ErrorCode;

    use super::*;
    use crate::api::testing::fleet;

    async fn records(fleet: &Fleet) -> Vec<(String, String, String, Value)> {
        let (records, _) = fleet.audit_records(0, 100).await.expect("records");
        records.into_iter().map(|r| (r.who, r.action, r.subject, r.outcome)).filter(|r| !r.1.starts_with("service.")).collect()
    }

    #[tokio::test]
    async fn an_act_is_recorded_once_with_who_did_it() {
        let dir = tempfile::tempdir().expect("dir");
        let fleet = fleet(dir.path()).await;
        let core = fleet.core.clone();
        let work = async move {
            core.write(Change::new().setting("k", Some("v".into()))).await?;
            core.write(Change::new().setting("k", None)).await
        };
        on_behalf("ann", fleet.act("x.change", "a1", json!({}), work)).await.expect("done");
        on_behalf("ann", fleet.act("x.nothing", "a1", json!({"n": 1}), async { Ok(()) })).await.expect("done");
        let text = |t: &str| t.to_owned();
        assert_eq!(
            records(&fleet).await,
            [
                (text("ann"), text("x.change"), text("a1"), json!({"ok": true})),
                (text("ann"), text("x.nothing"), text("a1"), json!({"n": 1, "ok": true})),
            ]
        );
    }

    #[tokio::test]
    async fn a_refusal_is_recorded_as_one() {
        let dir = tempfile::tempdir().expect("dir");
        let fleet = fleet(dir.path()).await;
        let core = fleet.core.clone();
        let missing = AgentId::from_random([3; 12]);
        let work = async move { core.write(Change::new().take_slot(&missing)).await };
        fleet.act("x.fails", "a1", json!({}), work).await.expect_err("no such agent");
        let refused = fleet.act("x.refused", "a1", json!({}), async { Err::<(), _>(ApiError::conflict("no", "never")) }).await;
        assert_eq!(refused.expect_err("refused").code, ErrorCode::Conflict);
        let found = records(&fleet).await;
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].0.as_str(), &found[0].3["ok"]), (SERVICE, &json!(false)));
        assert_eq!(found[1].3, json!({"ok": false, "code": "CONFLICT"}));
    }
}
