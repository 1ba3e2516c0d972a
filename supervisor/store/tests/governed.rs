//! What waits for a person, and what agents used up.
#![forbid(unsafe_code)]

use aether_protocol::{
    AgentId, Decision, PostMortem, RuleEffect, Spent, Timestamp, ToolRule,
    budget::ModelSpend,
    network::{ApprovalWish, ConnectWish},
};
use aether_store::{BudgetField, Change, HeldWord, NewAgent, NewHeld, NewSpent, Options, Store};

fn agent(n: u8) -> AgentId {
    AgentId::from_random([n; 12])
}

fn held(id: u64, agent: &AgentId, call: Option<(u32, u32)>) -> NewHeld {
    let wish = ApprovalWish::Connect(ConnectWish { host: "a.test".into(), port: 443, program: None });
    let digest = call.map(|_| "d".to_owned());
    NewHeld { id, agent: agent.clone(), call, digest, wish, asked_at: Timestamp::now(), expires_at: Timestamp::now() }
}

async fn with_agent(store: &Store, id: &AgentId, name: &str) {
    let spec = serde_json::from_str(r#"{"program": {"type": "command", "argv": ["true"]}}"#).expect("spec");
    let new = NewAgent {
        id: id.clone(),
        name: name.parse().expect("name"),
        owner: "root".into(),
        spec,
        state: aether_protocol::AgentState::Queued,
        phase: aether_protocol::AgentPhase::Booting,
        home: id.to_string(),
        max_steps: None,
        model: None,
    };
    store.commit(Change::new().insert_agent(new, |_| Vec::new())).await.expect("agent");
}

#[tokio::test]
async fn words_and_what_they_allowed_outlive_the_service_and_numbers_the_agent() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let (one, word) = (agent(1), HeldWord { decision: Decision::Deny, by: "root".into(), reason: Some("no".into()) });
    let rule = ToolRule { command: Some("make".into()), ..ToolRule::every(RuleEffect::Allow) };
    {
        let store = Store::open(&path, Options::default()).expect("open");
        with_agent(&store, &one, "one").await;
        let change = Change::new().hold(held(3, &one, Some((1, 0)))).hold(held(4, &one, None)).hold(held(5, &one, Some((1, 1))));
        store.commit(change).await.expect("held");
        let later = HeldWord { decision: Decision::Once, by: "late".into(), reason: None };
        let change = Change::new().decide_held(3, word.clone()).decide_held(3, later).allow_calls(&one, rule.clone(), 3);
        store.commit(change.allow_calls(&one, rule.clone(), 3)).await.expect("decided");
        let again = store.commit(Change::new().hold(held(6, &one, Some((1, 0))))).await;
        assert!(again.is_err(), "a call waits once");
    }
    let store = Store::open(&path, Options::default()).expect("open again");
    let records = store.held(one.clone()).await.expect("held");
    let seen: Vec<_> = records.iter().map(|record| (record.held.id, record.held.call, record.word.clone())).collect();
    assert_eq!(seen, [(3, Some((1, 0)), Some(word)), (5, Some((1, 1)), None)], "the first word counts");
    assert_eq!(store.allowed_calls(one.clone()).await.expect("allowed"), [rule]);
    store.commit(Change::new().delete_agent(&one)).await.expect("removed");
    assert!(store.held(one.clone()).await.expect("held").is_empty() && store.allowed_calls(one).await.expect("none").is_empty());
    assert_eq!(store.last_approval().await.expect("last"), 5, "no number is given again");
}

#[tokio::test]
async fn what_was_used_adds_up_and_the_day_outlives_the_agent() {
    let dir = tempfile::tempdir().expect("dir");
    let store = Store::open(&dir.path().join("aether.db"), Options::default()).expect("open");
    let one = agent(1);
    with_agent(&store, &one, "one").await;
    let more = Spent { tokens: 5, cost_microusd: 7, steps: 1, wall_ms: 20, cpu_ms: 10, bytes_out: 3 };
    let spend = |agent: &AgentId, owner: &str| NewSpent {
        agent: agent.clone(),
        above: Vec::new(),
        owner: owner.into(),
        day: "2026-01-02".into(),
        more,
        models: vec![ModelSpend { model: "lab/m".into(), answers: 1, tokens: 5, cost_microusd: 7 }],
    };
    store.commit(Change::new().spend(spend(&one, "root")).spend(spend(&one, "root"))).await.expect("spent");
    let asked = store.model_spent(one.clone()).await.expect("asked");
    assert_eq!(asked, [ModelSpend { model: "lab/m".into(), answers: 2, tokens: 10, cost_microusd: 14 }]);
    let top = agent(2);
    with_agent(&store, &top, "top").await;
    let under = NewSpent { above: vec![top.clone(), agent(8)], day: "2026-01-04".into(), ..spend(&agent(7), "root") };
    store.commit(Change::new().spend(under.clone()).spend(under)).await.expect("of two that are gone");
    let above = store.spent(top).await.expect("spent");
    assert_eq!((above.spent, above.below), (Spent::default(), Spent { wall_ms: 0, ..more.plus(more) }));
    store.commit(Change::new().spend(spend(&agent(9), "ann"))).await.expect("an agent that is gone");
    let found = PostMortem {
        at: Timestamp::now(),
        why: "w".into(),
        spent: more,
        last_steps: vec![],
        by_model: vec![],
        by_tool: vec![],
        files: vec![],
    };
    let fields = [
        BudgetField::Frozen(Some("w".into())),
        BudgetField::PostMortem(Box::new(found.clone())),
        BudgetField::Warned(vec!["x".into()]),
        BudgetField::CirclesAfter(4),
    ];
    store.commit(Change::new().update_budget(&one, fields)).await.expect("update");
    let record = store.spent(one.clone()).await.expect("spent");
    assert_eq!((record.spent, record.frozen.as_deref()), (more.plus(more), Some("w")));
    assert_eq!((record.post_mortem, record.warned, record.circles_after), (Some(found), vec!["x".to_owned()], 4));
    store.commit(Change::new().delete_agent(&one)).await.expect("removed");
    assert_eq!(store.spent(one.clone()).await.expect("gone"), aether_store::SpentRecord::default());
    assert_eq!(store.model_spent(one).await.expect("gone"), []);
    let mut day = store.day_spent("2026-01-02".into()).await.expect("day");
    day.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(day, [("ann".to_owned(), more), ("root".to_owned(), more.plus(more))]);
    assert!(store.day_spent("2026-01-03".into()).await.expect("other day").is_empty());
}
