//! What is taken from an agent is taken from those below it, in the same commit: a restart finds all of it or nothing.

use aether_protocol::{AgentEvent, AgentId, AgentInfo, AgentSpec, NetworkMode, NetworkRules, Program, network::NetworkOtherwise};
use aether_runtime::tools::{COMPLETE, canonical};
use aether_store::{AgentField, Change};
use futures_util::future::BoxFuture;
use tokio::sync::OwnedMutexGuard;

use super::bounds::{join, rank};
use crate::fleet::core::Core;

/// An agent below whose spec changes. Nobody else changes it meanwhile.
pub(crate) struct Lower {
    /// As it was.
    pub(crate) info: AgentInfo,
    /// What it has from now on.
    pub(crate) spec: AgentSpec,
    _gate: OwnedMutexGuard<()>,
}

impl Lower {
    /// The model that it asks from now on.
    pub(crate) fn model(&self, core: &Core) -> Option<String> {
        core.providers.model_of(&self.spec).unwrap_or_else(|_| self.info.model.clone())
    }

    fn fields(&self, core: &Core) -> Vec<AgentField> {
        vec![AgentField::Spec(Box::new(self.spec.clone())), AgentField::Model(self.model(core))]
    }

    /// Records it in a change, and what its people are told.
    pub(crate) fn record(&self, core: &Core, change: Change, event: AgentEvent) -> Change {
        core.with_events(&self.info.id, change.update_agent(&self.info.id, self.fields(core)), vec![event])
    }

    /// Makes it so, when it is recorded.
    pub(crate) fn apply(&self, core: &Core) {
        core.registry().apply(&self.info.id, &self.fields(core));
    }
}

/// Those that live below an agent and are changed by `narrow`, which says whether it changed anything. The gate of the agent itself
/// is held by the caller: gates are taken from the top downwards.
pub(crate) fn below<'a>(
    core: &'a Core,
    id: &'a AgentId,
    narrow: &'a (dyn Fn(&mut AgentSpec) -> bool + Send + Sync),
) -> BoxFuture<'a, Vec<Lower>> {
    let nearest = core.registry().below(id);
    Box::pin(async move {
        let mut changed = Vec::new();
        for (child, _) in nearest {
            let Ok(entry) = core.entry(&child) else { continue };
            let gate = entry.gate.lock_owned().await;
            let further = below(core, &child, narrow).await;
            if let Ok(info) = core.info(&child).and_then(alive) {
                let mut spec = info.spec.clone();
                if narrow(&mut spec) {
                    changed.push(Lower { info, spec, _gate: gate });
                }
            }
            changed.extend(further);
        }
        changed
    })
}

fn alive(info: AgentInfo) -> Result<AgentInfo, aether_protocol::ApiError> {
    if info.state.is_dead() { Err(crate::fleet::core::no_agent(&info.id)) } else { Ok(info) }
}

/// Does an agent lose something by having `after` in the place of `before`?
pub(crate) fn loses(before: &NetworkRules, after: &NetworkRules) -> bool {
    rank(after.otherwise) < rank(before.otherwise)
        || before.allow.iter().any(|rule| !after.allow.contains(rule))
        || before.presets.iter().any(|preset| !after.presets.contains(preset))
        || after.deny.iter().any(|host| !before.deny.contains(host))
}

/// Takes from a network what the one above it has not.
pub(crate) fn network(spec: &mut AgentSpec, above: &NetworkRules) -> bool {
    if spec.network.is_none() {
        return false;
    }
    let before = spec.network.rules();
    let mut rules = before.clone();
    if rank(rules.otherwise) > rank(above.otherwise) {
        rules.otherwise = above.otherwise;
    }
    if above.otherwise != NetworkOtherwise::Allow {
        rules.allow.retain(|rule| above.allow.contains(rule));
        rules.presets.retain(|preset| above.presets.contains(preset));
    }
    join(&mut rules.deny, above.deny.clone());
    if rules == before {
        return false;
    }
    spec.network = NetworkMode::from(rules);
    true
}

/// Takes from a list of tools what the one above it has not.
pub(crate) fn tools(spec: &mut AgentSpec, above: &[String]) -> bool {
    let Program::Goal(goal) = &mut spec.program else { return false };
    let has = |name: &String| {
        let name = canonical(name);
        name == COMPLETE || above.iter().any(|tool| canonical(tool) == name)
    };
    match &mut goal.tools {
        None => goal.tools = Some(above.to_vec()),
        Some(own) if own.iter().all(has) => return false,
        Some(own) => own.retain(has),
    }
    true
}

/// Gives it the model that the one above it was given.
pub(crate) fn model(spec: &mut AgentSpec, above: &str) -> bool {
    let Program::Goal(goal) = &mut spec.program else { return false };
    let other = goal.model.as_deref() != Some(above);
    goal.model = Some(above.to_owned());
    other
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(network: Value, tools: Value) -> AgentSpec {
        let program = json!({ "type": "goal", "goal": "g", "tools": tools });
        serde_json::from_value(json!({ "program": program, "network": network })).expect("spec")
    }

    fn rules(value: Value) -> NetworkRules {
        serde_json::from_value::<NetworkMode>(value).expect("network").rules()
    }

    fn narrowed(own: Value, above: Value) -> Option<NetworkRules> {
        let mut spec = spec(own, json!(null));
        network(&mut spec, &rules(above)).then(|| spec.network.rules())
    }

    #[test]
    fn a_network_keeps_what_the_one_above_has() {
        let two = json!({ "allow": [{ "host": "a.test" }, { "host": "b.test", "ports": [8080] }], "presets": ["pypi"] });
        let kept = narrowed(two.clone(), json!({ "allow": [{ "host": "a.test" }, { "host": "b.test" }] })).expect("narrowed");
        assert_eq!(kept, rules(json!({ "allow": [{ "host": "a.test" }] })), "word for word, and no preset");
        let asks = narrowed(json!("open"), json!({ "otherwise": "ask", "deny": ["x.test"] })).expect("narrowed");
        assert_eq!(asks, rules(json!({ "otherwise": "ask", "deny": ["x.test"] })));
        assert_eq!(narrowed(two.clone(), two.clone()), None);
        assert_eq!(narrowed(two.clone(), json!("open")), None, "what is open has all of it");
        assert_eq!(narrowed(json!("none"), json!({ "deny": ["x.test"] })), None, "there is nothing to take");
        let nothing = narrowed(two, json!({ "allow": [] })).expect("narrowed");
        assert!(nothing.allow.is_empty() && nothing.presets.is_empty(), "{nothing:?}");
    }

    #[test]
    fn only_a_loss_is_passed_down() {
        let before = rules(json!({ "allow": [{ "host": "a.test" }], "presets": ["pypi"], "otherwise": "ask" }));
        let with = |change: fn(&mut NetworkRules)| {
            let mut after = before.clone();
            change(&mut after);
            loses(&before, &after)
        };
        assert!(!with(|_| ()) && !with(|rules| rules.otherwise = NetworkOtherwise::Allow));
        assert!(!with(|rules| rules.allow.push(rules.allow[0].clone())));
        assert!(with(|rules| rules.otherwise = NetworkOtherwise::Deny) && with(|rules| rules.allow.clear()));
        assert!(with(|rules| rules.presets.clear()) && with(|rules| rules.deny.push("x.test".into())));
    }

    #[test]
    fn tools_keep_what_the_list_above_has() {
        let narrowed = |own: Value, above: &[&str]| {
            let mut spec = spec(json!("none"), own);
            let above: Vec<String> = above.iter().map(|name| (*name).to_owned()).collect();
            let changed = tools(&mut spec, &above);
            let Program::Goal(goal) = spec.program else { panic!("a goal") };
            (changed, goal.tools.unwrap_or_default())
        };
        assert_eq!(narrowed(json!(null), &["rm"]), (true, vec!["rm".to_owned()]));
        assert_eq!(narrowed(json!(["bash", "rm", "done"]), &["run_command"]), (true, vec!["bash".to_owned(), "done".to_owned()]));
        assert_eq!(narrowed(json!(["shell"]), &["bash", "rm"]), (false, vec!["shell".to_owned()]));
        assert_eq!(narrowed(json!(["rm"]), &[]), (true, Vec::new()), "none but the one that ends it");
    }
    #[test]
    fn a_model_is_that_of_the_one_above() {
        let mut spec = spec(json!("none"), json!(null));
        assert!(model(&mut spec, "openai/a") && !model(&mut spec, "openai/a") && model(&mut spec, "openai/b"));
    }
}
