//! Sealed secrets, their grants, and the count of calls to models, with real files.

use std::path::Path;

use aether_protocol::{
    AgentId, AgentPhase, AgentState, ModelProvider, ModelUsage, SecretName, SecretPlace, SecretUsed, Timestamp,
    network::{NetworkDestination, NetworkVerdict},
};
use aether_store::{Change, MAX_DESTINATIONS, MAX_USERS, NewAgent, NewGrant, Options, Store, StoreError};
use serde_json::json;

fn open(path: &Path) -> Store {
    Store::open(path, Options { slots: 8, keep_events: 1000 }).expect("open")
}

fn name(text: &str) -> SecretName {
    text.parse().expect("a name")
}

fn insert(id: &AgentId) -> Change {
    let new = NewAgent {
        id: id.clone(),
        name: "a".parse().expect("name"),
        owner: "ann".into(),
        spec: serde_json::from_value(json!({"program": {"type": "goal", "goal": "look around"}})).expect("spec"),
        state: AgentState::Queued,
        phase: AgentPhase::Booting,
        home: id.to_string(),
        max_steps: None,
        model: None,
    };
    Change::new().insert_agent(new, |_| Vec::new())
}

fn grant(agent: &AgentId) -> NewGrant {
    NewGrant {
        secret: name("A"),
        agent: agent.clone(),
        host: "api.test".into(),
        method: Some("GET".into()),
        path: None,
        place: SecretPlace::Bearer {},
    }
}

#[tokio::test]
async fn versions_rise_by_one_and_nobody_overwrites_what_they_did_not_see() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    store.commit(Change::new().set_secret(&name("A"), 1, vec![1])).await.expect("first");
    store.commit(Change::new().set_secret(&name("A"), 2, vec![2])).await.expect("second");
    for late in [1, 2, 4] {
        let refused = store.commit(Change::new().set_secret(&name("A"), late, vec![9])).await;
        assert!(matches!(refused, Err(StoreError::Outdated(_))), "{late}");
    }
    let kept = store.secrets().await.expect("secrets");
    assert_eq!((kept.len(), kept[0].version, kept[0].sealed.as_slice()), (1, 2, [2].as_slice()));
    assert!(matches!(store.commit(Change::new().delete_secret(&name("B"))).await, Err(StoreError::Outdated(_))));
}

#[tokio::test]
async fn a_grant_goes_with_its_secret_and_with_its_agent() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    let agent = AgentId::from_random([1; 12]);
    let nobody = store.commit(Change::new().set_secret(&name("A"), 1, vec![1]).grant(grant(&agent))).await;
    assert!(matches!(nobody, Err(StoreError::Outdated(_))), "no such agent");
    assert!(store.secrets().await.expect("secrets").is_empty(), "all or nothing");

    store.commit(insert(&agent).set_secret(&name("A"), 1, vec![1])).await.expect("agent");
    let made = store.commit(Change::new().grant(grant(&agent)).grant(grant(&agent))).await.expect("granted").grants;
    assert_eq!(store.grants().await.expect("grants"), made);
    store.commit(Change::new().revoke(made[1].id)).await.expect("revoked");
    assert!(matches!(store.commit(Change::new().revoke(made[1].id)).await, Err(StoreError::Outdated(_))));
    let again = store.commit(Change::new().grant(grant(&agent))).await.expect("granted").grants;
    assert!(again[0].id > made[1].id, "a number never means two grants");
    store.commit(Change::new().delete_agent(&agent)).await.expect("deleted");
    assert_eq!(store.grants().await.expect("grants"), []);

    store.commit(insert(&agent)).await.expect("agent");
    store.commit(Change::new().grant(grant(&agent))).await.expect("granted");
    store.commit(Change::new().delete_secret(&name("A"))).await.expect("deleted");
    assert_eq!(store.grants().await.expect("grants"), []);
}

#[tokio::test]
async fn calls_add_up_by_step_and_model() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    let agent = AgentId::from_random([1; 12]);
    let one = |step, model: &str, cost| ModelUsage {
        step,
        provider: ModelProvider::Openai,
        model: model.into(),
        calls: 1,
        failed: 0,
        input_tokens: 10,
        output_tokens: 5,
        latency_ms: 7,
        cost_microusd: cost,
    };
    store.commit(Change::new().model_usage(&agent, one(0, "a", None))).await.expect("an agent that is gone counts nothing");
    store.commit(insert(&agent)).await.expect("agent");
    for (step, model, cost) in [(0, "a", None), (0, "a", Some(3)), (0, "a", None), (1, "a", None), (1, "b", None)] {
        store.commit(Change::new().model_usage(&agent, one(step, model, cost))).await.expect("counted");
    }
    let usage = store.model_usage(agent.clone()).await.expect("usage");
    let rows: Vec<_> =
        usage.iter().map(|u| (u.step, u.model.as_str(), u.calls, u.input_tokens, u.latency_ms, u.cost_microusd)).collect();
    assert_eq!(rows, [(0, "a", 3, 30, 21, Some(3)), (1, "a", 1, 10, 7, None), (1, "b", 1, 10, 7, None)]);
}

#[tokio::test]
async fn uses_are_counted_and_outlive_the_agent_but_not_the_secret() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    let used = |agent: u8, at| SecretUsed {
        agent: AgentId::from_random([agent; 12]),
        name: format!("agent-{agent}"),
        times: 1,
        last_at: Timestamp::from_unix_millis(at),
    };
    store.commit(Change::new().set_secret(&name("A"), 1, vec![1])).await.expect("set");
    assert!(store.secret_uses().await.expect("uses").is_empty());
    for (agent, at) in [(1, 1000), (2, 2000), (1, 3000)] {
        store.commit(Change::new().used_secret(&name("A"), used(agent, at))).await.expect("used");
    }
    let uses = store.secret_uses().await.expect("uses");
    let by: Vec<_> = uses[0].2.iter().map(|by| (by.name.as_str(), by.times, by.last_at.unix_millis())).collect();
    assert_eq!((uses.len(), uses[0].1), (1, 3));
    assert_eq!(by, [("agent-1", 2, Some(3000)), ("agent-2", 1, Some(2000))]);
    for agent in 10..60 {
        store.commit(Change::new().used_secret(&name("A"), used(agent, 9000 + i64::from(agent)))).await.expect("used");
    }
    let uses = store.secret_uses().await.expect("uses");
    assert_eq!((uses[0].1, uses[0].2.len(), uses[0].2[0].name.as_str()), (53, MAX_USERS as usize, "agent-59"));
    store.commit(Change::new().used_secret(&name("B"), used(1, 1))).await.expect("nothing to count");
    store.commit(Change::new().delete_secret(&name("A"))).await.expect("removed");
    assert!(store.secret_uses().await.expect("uses").is_empty());
}

#[tokio::test]
async fn destinations_are_kept_with_their_agent_and_bounded() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    let agent = AgentId::from_random([7; 12]);
    let to = |host: &str, sent, at| NetworkDestination {
        host: host.into(),
        port: 443,
        verdict: NetworkVerdict::Denied,
        reason: "no rule allows it".into(),
        allowed: 1,
        denied: 2,
        bytes_sent: sent,
        bytes_received: 4,
        program: Some("/usr/bin/curl".into()),
        last_at: Timestamp::from_unix_millis(at),
    };
    store.commit(Change::new().keep_destinations(&agent, vec![to("a.test", 1, 1)])).await.expect("nobody's");
    assert!(store.destinations(agent.clone()).await.expect("none").is_empty(), "there is no such agent");
    store.commit(insert(&agent)).await.expect("agent");
    store.commit(Change::new().keep_destinations(&agent, vec![to("a.test", 1, 1), to("b.test", 1, 2)])).await.expect("two");
    store.commit(Change::new().keep_destinations(&agent, vec![to("a.test", 9, 3)])).await.expect("again");
    drop(store);
    let store = open(&path);
    assert_eq!(store.destinations(agent.clone()).await.expect("two"), [to("a.test", 9, 3), to("b.test", 1, 2)]);
    let many = (0..i64::from(MAX_DESTINATIONS) + 50).map(|i| to(&format!("n{i}.test"), 0, 10 + i)).collect();
    store.commit(Change::new().keep_destinations(&agent, many)).await.expect("many");
    let kept = store.destinations(agent.clone()).await.expect("many");
    assert_eq!((kept.len(), kept[0].host.as_str()), (MAX_DESTINATIONS as usize, "n1073.test"));
    store.commit(Change::new().delete_agent(&agent)).await.expect("removed");
    assert!(store.destinations(agent).await.expect("none").is_empty());
}
