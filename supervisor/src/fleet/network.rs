//! The network of agents: served while they live, shown, changed, and decided about by people.

use std::{net::SocketAddr, sync::Arc};

use aether_protocol::{
    AgentEvent, AgentId, ApiError, Approval, Decision, NetworkChange, NetworkInfo, NetworkMode, NetworkRules, Program,
    event::{ApprovalDecided, NetworkPolicyChanged},
    network::{ApprovalWish, NetworkDestination, NetworkRule},
};
use aether_store::{AgentField, Change, HeldWord, NewHeld};
use serde_json::json;

use super::{
    Fleet, audit,
    children::narrow,
    core::{Core, Live, lock, store_error},
};
use crate::{
    approvals::{Claimed, Word},
    egress::{self, About, World},
};

/// What the way out needs of the fleet.
struct OfFleet(Arc<Core>);

#[async_trait::async_trait]
impl World for OfFleet {
    async fn tell(&self, agent: &AgentId, events: Vec<AgentEvent>) {
        // Kept, so that a number means one question for ever, also when the service ends before anybody answers.
        let asked = events.iter().filter_map(|event| match event {
            AgentEvent::ApprovalRequested(asked) => Some(asked.approval.clone()),
            _ => None,
        });
        let held = asked.map(|approval| NewHeld {
            id: approval.id,
            agent: approval.agent_id,
            call: None,
            digest: None,
            wish: approval.wish,
            asked_at: approval.asked_at,
            expires_at: approval.expires_at,
        });
        let change = held.fold(Change::new(), Change::hold);
        let change = self.0.with_events(agent, change, events).relaxed(true);
        if let Err(error) = self.0.write(change).await {
            tracing::warn!(%agent, error = %error.message, "what an agent's network did was not recorded");
        }
    }

    async fn keep(&self, agent: &AgentId, rows: Vec<NetworkDestination>) {
        let change = Change::new().keep_destinations(agent, rows).relaxed(true);
        if let Err(error) = self.0.write(change).await {
            tracing::warn!(%agent, error = %error.message, "what an agent's network asked for was not kept");
        }
    }

    fn about(&self, agent: &AgentId) -> Option<About> {
        let registry = self.0.registry();
        let info = &registry.get(agent)?.info;
        let step = matches!(info.spec.program, Program::Goal(_)).then_some(info.step);
        Some(About { number: info.number, name: info.name.as_str().to_owned(), step })
    }

    async fn program(&self, agent: &AgentId, near: SocketAddr, far: SocketAddr) -> Option<String> {
        let live = lock(&self.0.live).get(agent)?.clone();
        let found = live.init.holder(near, far).await;
        found.inspect_err(|error| tracing::warn!(%agent, error = %error.message, "who made a connection is not known")).ok()?
    }
}

/// Serves the network of a live agent, if it has one. What it asks for meanwhile waits in the kernel.
pub(crate) fn follow(core: &Arc<Core>, id: &AgentId, live: &Arc<Live>) {
    let Ok(entry) = core.entry(id) else { return };
    if !egress::needs_network(&entry.info.spec) {
        return;
    }
    let (core, id, live) = (core.clone(), id.clone(), live.clone());
    tokio::spawn(async move {
        let sockets = tokio::select! {
            () = live.over.cancelled() => return,
            sockets = live.init.network_sockets() => sockets,
        };
        if let Ok(entry) = core.entry(&id)
            && let Err(error) = super::authority::ensure(&core, &entry.info.spec).await
        {
            tracing::error!(agent = %id, error = %error.message, "the TLS of an agent cannot be opened");
        }
        // Read late: it may have been changed meanwhile.
        let policy = core.entry(&id).and_then(|entry| egress::compile(&entry.info.spec.network));
        match (sockets, policy) {
            (Ok(sockets), Ok(policy)) => {
                let kept = core.store.destinations(id.clone()).await.unwrap_or_else(|error| {
                    tracing::warn!(agent = %id, %error, "what an agent's network asked for before cannot be read");
                    Vec::new()
                });
                core.egress.serve(Arc::new(OfFleet(core.clone())), &id, (policy, kept), sockets, live.over.clone());
                live.over.cancelled().await;
                core.egress.leave(&id).await;
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(agent = %id, error = %error.message, "an agent has no network");
            }
        }
    });
}

impl Fleet {
    /// The network of an agent: its policy and what it asked for.
    pub async fn network(&self, id: &AgentId) -> Result<NetworkInfo, ApiError> {
        shown(&self.core, id).await
    }

    /// Changes the policy of an agent; in force when this returns.
    pub async fn change_network(&self, id: &AgentId, change: NetworkChange) -> Result<NetworkInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let what = json!({ "change": change });
        self.act("agent.network", id.as_str(), what, async move {
            change_policy(&core, &agent, change).await?;
            shown(&core, &agent).await
        })
        .await
    }

    /// What waits for a person's word, oldest first.
    pub fn approvals(&self) -> Vec<Approval> {
        self.core.egress.approvals().list()
    }

    /// A person's word, once; who waits goes on when it is recorded. The agent reads the reason of a denial.
    pub async fn decide(&self, id: u64, decision: Decision, reason: Option<String>) -> Result<Approval, ApiError> {
        let core = self.core.clone();
        let agent = core.egress.approvals().get(id).map(|approval| approval.agent_id);
        let subject = agent.as_ref().map_or("", |agent| agent.as_str());
        let what = json!({ "approval": id, "decision": decision, "reason": reason });
        let word = Word { decision, by: audit::who(), reason };
        self.act("approval.decide", subject, what, async move { decide(&core, id, word).await }).await
    }
}

async fn decide(core: &Arc<Core>, id: u64, word: Word) -> Result<Approval, ApiError> {
    let approvals = core.egress.approvals();
    let claimed = approvals.claim(id)?;
    match keep(core, &claimed, &word).await {
        Ok(()) => Ok(claimed.say(word)),
        Err(error) => {
            approvals.put_back(claimed);
            Err(error)
        }
    }
}

/// Kept before it is said: who waits for it must find it in force.
async fn keep(core: &Arc<Core>, claimed: &Claimed, word: &Word) -> Result<(), ApiError> {
    let wish = claimed.shown();
    let mut change = Change::new();
    match (word.decision, &wish.wish) {
        (Decision::Always, ApprovalWish::Connect(to)) => {
            let rule = NetworkRule { host: to.host.clone(), ports: vec![to.port], methods: vec![], paths: vec![], program: None };
            change_policy(core, &wish.agent_id, NetworkChange::Allow(rule)).await?;
        }
        (Decision::Always, _) => {
            if let Some(rule) = claimed.like() {
                change = change.allow_calls(&wish.agent_id, rule, wish.id);
            }
        }
        _ => {}
    }
    let Word { decision, by, reason } = word.clone();
    change = change.decide_held(wish.id, HeldWord { decision, by: by.clone(), reason: reason.clone() });
    let event = ApprovalDecided { pid: wish.pid, id: wish.id, decision, by, reason };
    core.write(core.with_events(&wish.agent_id, change, vec![event.into()])).await.map(drop)
}

async fn shown(core: &Core, id: &AgentId) -> Result<NetworkInfo, ApiError> {
    let policy = core.info(id)?.spec.network;
    let (connections, destinations) = match core.egress.of(id) {
        Some(net) => (net.open(), net.destinations()),
        None => (0, core.store.destinations(id.clone()).await.map_err(|error| store_error(&error))?),
    };
    Ok(NetworkInfo { policy, connections, destinations })
}

async fn change_policy(core: &Arc<Core>, id: &AgentId, change: NetworkChange) -> Result<(), ApiError> {
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    let info = core.info(id)?;
    if info.state.is_dead() {
        return Err(ApiError::conflict(format!("{} has ended", info.name), "start a new agent"));
    }
    if info.spec.network.is_none() {
        let hint = "start an agent with one: aether run --allow HOST -- CMD";
        return Err(ApiError::conflict(format!("{} was started without a network", info.name), hint));
    }
    let mode = changed(&info.spec.network, change);
    if egress::opens_tls(&mode) != egress::opens_tls(&info.spec.network) {
        let hint = "start an agent that way: aether run --open-tls HOST -- CMD";
        return Err(ApiError::conflict("whether TLS is opened is chosen when an agent starts", hint));
    }
    let policy = egress::compile(&mode)?;
    let mut spec = info.spec;
    let before = spec.network.rules();
    spec.network = mode.clone();
    let above = mode.rules();
    let lower = if narrow::loses(&before, &above) {
        narrow::below(core, id, &|spec| narrow::network(spec, &above)).await
    } else {
        Vec::new()
    };
    let policies = lower.iter().map(|one| egress::compile(&one.spec.network)).collect::<Result<Vec<_>, _>>()?;
    let event = NetworkPolicyChanged { pid: info.number, policy: mode };
    let fields = vec![AgentField::Spec(Box::new(spec))];
    let mut change = core.with_events(id, Change::new().update_agent(id, fields.clone()), vec![event.into()]);
    for one in &lower {
        let event = NetworkPolicyChanged { pid: one.info.number, policy: one.spec.network.clone() };
        change = one.record(core, change, event.into());
    }
    core.write(change).await?;
    core.registry().apply(id, &fields);
    if let Some(net) = core.egress.of(id) {
        net.set_policy(policy);
    }
    for (one, policy) in lower.iter().zip(policies) {
        one.apply(core);
        if let Some(net) = core.egress.of(&one.info.id) {
            net.set_policy(policy);
        }
    }
    Ok(())
}

fn changed(mode: &NetworkMode, change: NetworkChange) -> NetworkMode {
    let mut rules: NetworkRules = mode.rules();
    match change {
        NetworkChange::Allow(rule) => {
            rules.deny.retain(|host| *host != rule.host);
            if !rules.allow.contains(&rule) {
                rules.allow.push(rule);
            }
        }
        NetworkChange::Deny(denied) => {
            rules.allow.retain(|rule| rule.host != denied.host);
            if !rules.deny.contains(&denied.host) {
                rules.deny.push(denied.host);
            }
        }
        NetworkChange::Preset(added) => {
            if !rules.presets.contains(&added.preset) {
                rules.presets.push(added.preset);
            }
        }
        NetworkChange::Otherwise(rest) => rules.otherwise = rest.otherwise,
        // "none" of an agent that has a network is a policy that allows nothing: its sockets are still there.
        NetworkChange::Replace(new) => rules = new.policy.rules(),
    }
    rules.into()
}

#[cfg(test)]
mod tests {
    use aether_protocol::network::{NetworkHost, NetworkOtherwise, NetworkReplace, NetworkWord};

    use super::*;

    fn rule(host: &str) -> NetworkRule {
        NetworkRule { host: host.into(), ports: vec![], methods: vec![], paths: vec![], program: None }
    }

    #[test]
    fn the_newest_word_about_a_host_counts() {
        let open = NetworkMode::Word(NetworkWord::Open);
        let denied = changed(&open, NetworkChange::Deny(NetworkHost { host: "a.test".into() }));
        assert_eq!(denied.rules().deny, ["a.test"]);
        assert_eq!(denied.rules().otherwise, NetworkOtherwise::Allow, "the rest stays as it was");
        let allowed = changed(&denied, NetworkChange::Allow(rule("a.test")));
        assert!(allowed.rules().deny.is_empty());
        let denied = changed(&allowed, NetworkChange::Deny(NetworkHost { host: "a.test".into() }));
        assert!(denied.rules().allow.is_empty());
        let none = changed(&denied, NetworkChange::Replace(NetworkReplace { policy: NetworkMode::default() }));
        assert_eq!(none, NetworkRules::default().into(), "it keeps its sockets, so it is not \"none\"");
    }
}
