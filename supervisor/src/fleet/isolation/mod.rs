//! What holds a live agent right now, as the kernel says, signed and on record.

mod facts;
mod judge;
mod key;
mod policies;
mod way_out;

use std::sync::Arc;

use aether_protocol::{
    AgentId, AgentInfo, AgentSpec, AgentState, ApiError, ErrorCode, IsolationReport, ReportKey, Timestamp, canonical_json,
};
use aether_sandbox::plan::{IdRange, PlanLayer, SandboxId};
use serde_json::json;

use self::{
    facts::Facts,
    judge::{Expected, judge},
    key::sha256,
    way_out::way_out,
};
pub(crate) use self::{key::Signer, policies::Policies};
use super::{
    Fleet, audit,
    core::{Core, sandbox_id, store_error},
};
use crate::compile::{Lent, plan_of};

impl Fleet {
    /// Reads every layer of a live agent from the kernel, signs what was found and appends its hash to the audit. The answer is
    /// the canonical JSON of a [`SignedReport`](aether_protocol::SignedReport).
    pub async fn isolation(&self, id: &AgentId) -> Result<String, ApiError> {
        let report = serde_json::to_value(look(&self.core, id).await?).map_err(|error| ApiError::internal(error.to_string()))?;
        let text = canonical_json(&report);
        let outcome = json!({ "report": sha256(text.as_bytes()), "full": report["full"] });
        let signed = json!({
            "signature": self.core.signer.sign(text.as_bytes()),
            "publicKey": self.core.signer.public_key(),
            "report": report,
        });
        self.audit(&audit::who(), "agent.isolation", id.as_str(), outcome).await;
        Ok(canonical_json(&signed))
    }

    /// The key that reports are signed with.
    pub fn report_key(&self) -> ReportKey {
        ReportKey { algorithm: "ed25519".to_owned(), public_key: self.core.signer.public_key() }
    }
}

async fn look(core: &Arc<Core>, id: &AgentId) -> Result<IsolationReport, ApiError> {
    let info = core.info(id)?;
    let over = || without_sandbox(core, &info);
    let (Some(pid), Some(range)) = (info.pid, info.uid_range) else { return Err(over()) };
    let slot = core.entry(id)?.slot.and_then(IdRange::new).ok_or_else(over)?;
    let launched = info.enforcement.clone().ok_or_else(over)?;
    let lenders = info.spec.mounts.iter().map(|_| (0, 0)).collect();
    let home = core.entry(id)?.home.parse::<SandboxId>().map_err(|error| ApiError::internal(error.to_string()))?;
    let lent = Lent { id: sandbox_id(id)?, home: home.clone(), ids: slot, lenders };
    // The defaults, and what this host can do, may have changed since.
    let spec = AgentSpec { limits: launched.limits.clone(), ..info.spec.clone() };
    let plan = plan_of(&spec, &info.name, &core.config.get().limits, lent);
    let audit = core.store.audit_head().await.map_err(|error| store_error(&error))?;
    let seen = core.spawner.inspect(sandbox_id(id)?, plan.profile, plan.mounts.clone()).await;
    // It may end while it is looked at; its record follows a moment later.
    let seen = seen.map_err(|error| if error.code == ErrorCode::Conflict { over() } else { error })?;
    let facts =
        tokio::task::spawn_blocking(move || Facts::read(pid)).await.map_err(|error| ApiError::internal(error.to_string()))?;
    let facts = facts.filter(|_| seen.pid == pid).ok_or_else(over)?;
    let given = core.policies.digests(&core.spawner, &seen.filters, &seen.ruleset).await?;
    let disk = core.spawner.disk_use(home).await?;
    let expected = Expected {
        start: range.start,
        plan: &plan,
        cgroup: info.cgroup.as_deref().unwrap_or_default(),
        landlock_abi: core.host.landlock_abi,
        landlocked: launched.layers.get("landlock").is_some_and(|layer| layer.active),
        disk_limits: (launched.limits.disk_bytes, launched.limits.inodes),
        disk: &disk,
        launched: &launched.policies,
        given: &given,
    };
    let mut layers = judge(&facts, &seen, &expected);
    if let Some(network) = layers.iter_mut().find(|layer| layer.name == PlanLayer::Network.name()) {
        network.evidence.extend(way_out(&info.spec, &core.secrets.grants_of(id)));
        if crate::egress::needs_network(&info.spec) && !core.host.relay.works {
            network.evidence.push(format!("way out: {}", core.host.relay.detail));
        }
    }
    Ok(IsolationReport {
        agent: id.clone(),
        name: info.name,
        profile: info.spec.profile,
        pid,
        start_ticks: facts.start_ticks,
        boot_id: core.boot_id.clone(),
        kernel: core.host.kernel.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: Timestamp::now(),
        audit_number: audit.records,
        audit_hash: audit.head,
        full: layers.iter().all(|layer| layer.active),
        layers,
    })
}

/// The refusal for an agent whose sandbox is not up yet, ending or gone, with its state as it is by now.
fn without_sandbox(core: &Core, known: &AgentInfo) -> ApiError {
    let state = core.info(&known.id).map_or(AgentState::Dead, |info| info.state);
    let ending = if state.is_live() { ", and its sandbox is not up yet or ending" } else { "" };
    let state = format!("{state:?}").to_ascii_lowercase();
    let cause = format!("{} has no sandbox: it is {state}{ending}", known.name);
    ApiError::conflict(cause, "only a live agent can be looked at (aether ps)")
}
