//! Memories, plans, feedback and letters in a real database: found by words, never by another owner, and never without bounds.

use std::path::Path;

use aether_protocol::{
    AgentId, AgentPhase, AgentSpec, AgentState, LetterKind, MemoryLayer, NewFeedback, NewMemory, NodeStatus, Plan, PlanNode,
    PlanStatus, Reflection, Timestamp,
};
use aether_store::{
    Change, MindKey, Near, NewAgent, NewLetter, NewStep, Options, Recall, RunCounts, Store, StoreError, letters, memories,
};
use serde_json::json;

fn open(path: &Path) -> Store {
    Store::open(path, Options { slots: 8, keep_events: 1000 }).expect("open")
}

fn id(n: u8) -> AgentId {
    AgentId::from_random([n; 12])
}

fn agent(n: u8, owner: &str) -> Change {
    let spec: AgentSpec = serde_json::from_value(json!({"program": {"type": "goal", "goal": "look around"}})).expect("spec");
    let new = NewAgent {
        id: id(n),
        name: format!("agent-{n}").parse().expect("name"),
        owner: owner.into(),
        spec,
        state: AgentState::Dead,
        phase: AgentPhase::Booting,
        home: id(n).to_string(),
        max_steps: Some(50),
        model: None,
    };
    Change::new().insert_agent(new, |_| Vec::new())
}

fn own(n: u8, owner: &str) -> MindKey {
    MindKey { owner: owner.into(), agent: id(n), name: None }
}

fn named(n: u8, owner: &str, name: &str) -> MindKey {
    MindKey { name: Some(name.parse().expect("name")), ..own(n, owner) }
}

fn memory(layer: MemoryLayer, content: &str, importance: f64) -> NewMemory {
    NewMemory { layer, content: content.into(), tags: Vec::new(), importance: Some(importance), expires_in_seconds: None }
}

async fn keep(store: &Store, key: &MindKey, new: NewMemory) -> u64 {
    let done = store.commit(Change::new().remember(key.clone(), new, |_| Vec::new())).await.expect("kept");
    done.memories[0].id
}

async fn found(store: &Store, key: &MindKey, query: &str) -> Vec<String> {
    let what = Recall { query: Some(query.into()), limit: 10, ..Recall::default() };
    store.recall(key.clone(), what).await.expect("recall").into_iter().map(|memory| memory.content).collect()
}

#[tokio::test]
async fn memories_are_found_by_words_layer_and_tags() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    store.commit(agent(1, "ann")).await.expect("agent");
    let key = own(1, "ann");
    assert_eq!(found(&store, &key, "tide").await, Vec::<String>::new(), "nothing is kept yet");
    keep(&store, &key, memory(MemoryLayer::Semantic, "The tide turns at noon", 0.4)).await;
    keep(&store, &key, memory(MemoryLayer::Procedural, "Run make test before pushing", 0.9)).await;
    let mut tagged = memory(MemoryLayer::Social, "Zoë reviews quickly", 0.5);
    tagged.tags = vec!["people".into(), "people".into(), "review".into()];
    keep(&store, &key, tagged).await;

    assert_eq!(found(&store, &key, "when does the TIDE turn?").await, ["The tide turns at noon"]);
    assert_eq!(found(&store, &key, "zoe").await, ["Zoë reviews quickly"], "accents do not matter");
    let by = |layer, tags: &[&str]| Recall {
        layer,
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        limit: 10,
        ..Recall::default()
    };
    let social = store.recall(key.clone(), by(Some(MemoryLayer::Social), &["people", "review"])).await.expect("recall");
    assert_eq!(social.len(), 1);
    assert_eq!(social[0].tags, ["people", "review"]);
    assert!(store.recall(key.clone(), by(None, &["people", "other"])).await.expect("recall").is_empty());
    let all = store.recall(key.clone(), by(None, &[])).await.expect("recall");
    let weights: Vec<f64> = all.iter().map(|memory| memory.importance).collect();
    assert_eq!(weights, [0.9, 0.5, 0.4], "the weightiest first");
    drop(store);
    assert_eq!(found(&open(&path), &key, "noon").await.len(), 1, "kept over a restart");
}

#[tokio::test]
async fn what_is_asked_for_is_words_and_never_syntax() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    store.commit(agent(1, "ann")).await.expect("agent");
    store.commit(agent(2, "bob")).await.expect("agent");
    keep(&store, &own(1, "ann"), memory(MemoryLayer::Semantic, "the code of the safe is 4711", 1.0)).await;
    keep(&store, &own(2, "bob"), memory(MemoryLayer::Semantic, "bob's own safe", 1.0)).await;
    for query in [
        "safe\" OR mind : \"1",
        "safe) OR (mind : 1",
        "* OR safe",
        "NEAR(code safe)",
        "mind:1",
        "content : code",
        "^code",
        "-safe code",
        "'; DROP TABLE memories; --",
        "\u{0}\"",
        "{mind} : 1 OR code safe",
        "safe AND NOT bob",
    ] {
        for content in found(&store, &own(2, "bob"), query).await {
            assert_eq!(content, "bob's own safe", "{query}");
        }
    }
    assert_eq!(found(&store, &own(1, "ann"), "code").await.len(), 1, "its owner finds it");
    let long = "a".repeat(1 << 20);
    assert!(found(&store, &own(1, "ann"), &long).await.is_empty());
}

#[tokio::test]
async fn nobody_reaches_a_mind_by_name_number_or_a_removed_agent() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    store.commit(agent(1, "ann")).await.expect("agent");
    store.commit(agent(2, "ann")).await.expect("agent");
    store.commit(agent(3, "bob")).await.expect("agent");
    let secret = keep(&store, &named(1, "ann", "notes"), memory(MemoryLayer::Semantic, "ann's plan", 1.0)).await;
    let private = keep(&store, &own(1, "ann"), memory(MemoryLayer::Semantic, "the plan of agent 1", 1.0)).await;

    assert_eq!(found(&store, &named(2, "ann", "notes"), "plan").await, ["ann's plan"], "the same owner, the same name: shared");
    assert!(found(&store, &named(3, "bob", "notes"), "plan").await.is_empty(), "another owner's name is another mind");
    assert!(found(&store, &own(2, "ann"), "plan").await.is_empty());
    for (key, memory) in [(named(3, "bob", "notes"), secret), (own(2, "ann"), private), (own(3, "bob"), private)] {
        let refused = store.commit(Change::new().forget(key.clone(), memory)).await;
        assert!(matches!(refused, Err(StoreError::Outdated("memory"))), "{key:?}: {refused:?}");
        store.commit(Change::new().touch_memories(key, vec![memory])).await.expect("nothing happens");
    }
    let seen = store.recall(own(1, "ann"), Recall { limit: 1, ..Recall::default() }).await.expect("recall");
    assert_eq!(seen[0].accesses, 0, "others do not refresh it");

    store.commit(Change::new().delete_agent(&id(1))).await.expect("delete");
    assert!(store.mind(own(1, "ann")).await.expect("mind").is_none(), "its own memory went with it");
    assert_eq!(found(&store, &named(2, "ann", "notes"), "plan").await.len(), 1, "the named one stays");
    assert!(matches!(
        store.commit(Change::new().remember(own(1, "ann"), memory(MemoryLayer::Social, "late", 1.0), |_| Vec::new())).await,
        Err(StoreError::NoAgent(_))
    ));
}

#[tokio::test]
async fn a_full_layer_forgets_its_lightest_and_time_weighs() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    store.commit(agent(1, "ann")).await.expect("agent");
    let key = own(1, "ann");
    let mut change = Change::new().remember(key.clone(), memory(MemoryLayer::Episodic, "weighty", 0.9), |_| Vec::new());
    for n in 1..memories::PER_LAYER {
        change = change.remember(key.clone(), memory(MemoryLayer::Episodic, &format!("day {n}"), 0.5), |_| Vec::new());
    }
    store.commit(change).await.expect("full");
    keep(&store, &key, memory(MemoryLayer::Semantic, "another layer has room", 0.1)).await;
    keep(&store, &key, memory(MemoryLayer::Episodic, "one more", 0.6)).await;
    let light = Change::new().remember(key.clone(), memory(MemoryLayer::Episodic, "lighter than all", 0.1), |_| Vec::new());
    assert!(matches!(store.commit(light).await, Err(StoreError::TooLight(_))));
    let held = store.mind(key.clone()).await.expect("mind").expect("there").held;
    assert_eq!((held["episodic"], held["semantic"]), (memories::PER_LAYER, 1));
    assert_eq!(found(&store, &key, "weighty").await.len(), 1);
    assert_eq!(found(&store, &key, "more").await.len(), 1);
    drop(store);

    // A hundred days later, as the database has it.
    let db = rusqlite::Connection::open(&path).expect("open");
    let day = 86_400_000i64;
    db.execute("UPDATE memories SET accessed_ms = accessed_ms - ?1, standing = standing + ?2", (100 * day, 100.0 * 0.99f64.ln()))
        .expect("age");
    db.execute("UPDATE memories SET expires_ms = 1 WHERE content = 'one more'", []).expect("end");
    drop(db);
    let store = open(&path);
    assert!(found(&store, &key, "more").await.is_empty(), "what has ended is not found");
    let what = Recall { query: Some("weighty".into()), limit: 1, ..Recall::default() };
    let old = store.recall(key.clone(), what).await.expect("recall").remove(0);
    assert!((old.strength - 0.9 * 0.99f64.powi(100)).abs() < 0.001, "{}", old.strength);
    store.commit(Change::new().touch_memories(key.clone(), vec![old.id])).await.expect("touch");
    let used = store.recall(key.clone(), Recall { limit: 1, ..Recall::default() }).await.expect("recall").remove(0);
    assert_eq!((used.content.as_str(), used.accesses), ("weighty", 1));
    assert!((used.strength - 0.9).abs() < 0.001, "used, it weighs as at first: {}", used.strength);
    // 0.1 × 0.99^100 is below what is kept; 0.5 × 0.99^100 is not.
    let done = store.commit(Change::new().consolidate_memories()).await.expect("consolidate");
    assert_eq!(done.removed, 2, "the one that ended and the one that faded");
}

#[tokio::test]
async fn the_same_words_are_one_memory() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    store.commit(agent(1, "ann")).await.expect("agent");
    let key = own(1, "ann");
    let first = keep(&store, &key, memory(MemoryLayer::Semantic, "twice", 0.7)).await;
    let mut again = memory(MemoryLayer::Semantic, "twice", 0.2);
    again.tags.push("new".into());
    assert_eq!(keep(&store, &key, again).await, first);
    let all = store.recall(key, Recall { limit: 10, ..Recall::default() }).await.expect("recall");
    assert_eq!((all.len(), all[0].importance, all[0].tags.as_slice()), (1, 0.7, ["new".to_owned()].as_slice()));
}

#[tokio::test]
async fn a_new_plan_takes_the_place_of_the_one_before() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    store.commit(agent(1, "ann")).await.expect("agent");
    store.commit(agent(2, "ann")).await.expect("agent");
    let node =
        PlanNode { id: "1".into(), title: "look".into(), status: NodeStatus::Pending, actual_steps: None, children: Vec::new() };
    let (at, nodes) = (Timestamp::now(), vec![node]);
    let new = Plan { id: 0, goal: "g".into(), status: PlanStatus::Active, nodes, created_at: at.clone(), updated_at: at };
    let set = |agent, plan: Plan| Change::new().set_plan(&agent, plan, |_| Vec::new());
    let mut first = store.commit(set(id(1), new.clone())).await.expect("plan").plans.remove(0);
    let second = store.commit(set(id(1), new)).await.expect("plan").plans.remove(0);
    assert!(second.id > first.id);
    assert_eq!(store.plan(id(1)).await.expect("plan"), Some(second.clone()));
    first.status = PlanStatus::Completed;
    assert!(store.commit(set(id(2), first)).await.is_err(), "another agent's plan is none of its");
    assert_eq!(store.plan(id(2)).await.expect("plan"), None);
}

#[tokio::test]
async fn runs_are_counted_once_and_steps_rated_only_where_there_are_some() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    store.commit(agent(1, "ann")).await.expect("agent");
    let (key, at) = (own(1, "ann"), Timestamp::now());
    let seen = Reflection { agent: id(1), at, outcome: "completed".into(), rating: None, summary: "no model rated it".into() };
    let run = RunCounts { completed: true, steps: 3, calls: 4, calls_failed: 1 };
    for _ in 0..2 {
        store.commit(Change::new().run_ended(key.clone(), run, seen.clone())).await.expect("ended");
    }
    let profile = store.profile(key.clone()).await.expect("profile");
    assert_eq!((profile.completed, profile.failed, profile.steps, profile.calls_failed, profile.ratings), (1, 0, 3, 1, 0));
    let rate = || store.commit(Change::new().run_rated(key.clone(), &id(1), 4, "went well".into()));
    rate().await.expect("rated");
    assert!(rate().await.is_err(), "once");
    let profile = store.profile(key.clone()).await.expect("profile");
    assert_eq!((profile.ratings, profile.rating_sum), (1, 4));
    let all = store.reflections(key.clone(), 10).await.expect("list");
    assert_eq!((all.len(), all[0].rating, all[0].summary.as_str()), (1, Some(4), "went well"));

    let good = NewFeedback { step: 1, rating: 1, comment: "good".into() };
    assert!(store.commit(Change::new().feedback(&id(1), "ann", good.clone())).await.is_err(), "there is no step 1 yet");
    let step = NewStep { step: 1, thought: String::new(), usage: None, calls: Vec::new() };
    store.commit(Change::new().begin_step(&id(1), step).feedback(&id(1), "ann", good)).await.expect("rated");
    let bad = NewFeedback { step: 1, rating: -1, comment: String::new() };
    store.commit(Change::new().feedback(&id(1), "ann", bad)).await.expect("rated again");
    let all = store.feedback(id(1), 10).await.expect("feedback");
    assert_eq!((all.len(), all[0].rating, all[0].by.as_str()), (1, -1, "ann"));
}

#[tokio::test]
async fn letters_wait_are_taken_once_and_do_not_flood() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    for n in 1..=7 {
        store.commit(agent(n, "ann")).await.expect("agent");
    }
    let letter =
        |from, n: i64| NewLetter { from: id(from), to: id(1), kind: LetterKind::Message, about: None, content: n.to_string() };
    let send = |from, n| store.commit(Change::new().send_letter(letter(from, n), |_| Vec::new()));
    let posts = store.posts();
    store.commit(Change::new().setting("a", None)).await.expect("nothing is left for anybody");
    assert_eq!(store.posts(), posts);
    store.commit(Change::new().add_message(&id(7), "a person's")).await.expect("left");
    let later = store.posts();
    assert_ne!(later, posts);
    for n in 0..letters::WAITING_OF_ONE {
        send(2, n).await.expect("sent");
    }
    assert_ne!(store.posts(), later);
    assert!(matches!(send(2, 99).await, Err(StoreError::TooManyLetters(_))), "one sender does not fill the box");
    send(3, 0).await.expect("another one still gets through");
    for from in 3..=6 {
        for n in 1..=letters::WAITING_OF_ONE {
            let _ = send(from, n).await;
        }
    }
    assert_eq!(store.letters_waiting(id(1)).await.expect("count"), 100);
    assert!(send(7, 0).await.is_err(), "and all together do not either");

    let take = |call: &str| store.commit(Change::new().take_letters(&id(1), call.to_owned(), |_| Vec::new()));
    let first = take("1.0").await.expect("taken").letters;
    assert_eq!((first.len(), first[0].content.as_str()), (20, "0"));
    assert_eq!(take("1.0").await.expect("again").letters, first, "the same call gets the same ones");
    let next = take("2.0").await.expect("taken").letters;
    assert!(next[0].id > first[19].id);
    send(2, 99).await.expect("there is room again");
}

#[tokio::test]
async fn what_is_near_is_found_without_its_words() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    for n in [1, 2] {
        store.commit(agent(n, "ann")).await.expect("agent");
    }
    let (key, other) = (own(1, "ann"), own(2, "ann"));
    let near = |model: &str, vector: Vec<f32>| Recall {
        query: Some("ocean level".into()),
        near: Some(Near { model: model.into(), vector }),
        limit: 2,
        ..Recall::default()
    };
    let said = |found: Vec<aether_protocol::Memory>| found.into_iter().map(|memory| memory.content).collect::<Vec<_>>();
    for (who, content) in [(&key, "The tide turns at noon"), (&key, "The baker opens at six"), (&other, "Another tide")] {
        keep(&store, who, memory(MemoryLayer::Semantic, content, 0.5)).await;
    }
    let bare = store.without_vector("p/m".into(), 0, 10).await.expect("bare");
    assert_eq!(bare.len(), 3);
    assert!(bare.iter().all(|one| one.owner == key.owner), "{bare:?}");
    let of = |key: &MindKey| (key.name.as_ref().map(ToString::to_string), key.name.is_none().then(|| key.agent.to_string()));
    assert_eq!((bare[0].name.clone(), bare[0].agent.clone()), of(&key));
    let vectors =
        vec![(bare[0].id, vec![0.6, 0.8]), (bare[1].id, vec![-0.8, 0.6]), (bare[2].id, vec![0.6, 0.8]), (9999, vec![1.0, 0.0])];
    store.commit(Change::new().keep_vectors("p/m", vectors)).await.expect("vectors");
    assert!(store.without_vector("p/m".into(), 0, 10).await.expect("bare").is_empty());

    let seen = store.recall(key.clone(), near("p/m", vec![0.8, 0.6])).await.expect("recall");
    assert_eq!(said(seen), ["The tide turns at noon"], "no word of the question is in it, and the other mind's is not seen");
    for wrong in [near("p/other", vec![0.8, 0.6]), near("p/m", vec![1.0]), near("p/m", vec![0.5; 3])] {
        assert!(store.recall(key.clone(), wrong).await.expect("recall").is_empty(), "another model or length says nothing");
    }
    let both = Recall { query: Some("when does the baker open".into()), ..near("p/m", vec![0.6, 0.8]) };
    assert_eq!(said(store.recall(key.clone(), both).await.expect("recall")).len(), 2, "words and nearness are joined");
    // Another model's vectors take their place, one by one.
    assert_eq!(store.without_vector("p/new".into(), bare[0].id, 10).await.expect("bare").len(), 2);
    store.commit(Change::new().keep_vectors("p/new", vec![(bare[0].id, vec![1.0])])).await.expect("vectors");
    assert!(store.recall(key.clone(), near("p/m", vec![0.6, 0.8])).await.expect("recall").is_empty(), "the old vector is gone");
    store.commit(Change::new().forget(key.clone(), bare[0].id)).await.expect("forget");
    assert!(store.recall(key, near("p/new", vec![1.0])).await.expect("recall").is_empty());
}

#[tokio::test]
async fn old_entries_of_runs_become_one_that_says_what_came_of_them() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    store.commit(agent(1, "ann")).await.expect("agent");
    let key = own(1, "ann");
    let by_hand = NewMemory { tags: vec!["run".into()], ..memory(MemoryLayer::Episodic, "I run each morning", 0.5) };
    keep(&store, &key, by_hand).await;
    for n in 0..70 {
        let verdict = if n % 8 == 3 { "not reached" } else { "reached" };
        let content = format!("Goal, {verdict}: mend the wheel{n}\nOutcome: spokes{n}\nSteps: 2; tools: rm 1");
        let outside = (n == 5).then(|| "outside".to_owned());
        let tags = ["run".to_owned()].into_iter().chain(outside).collect();
        keep(&store, &key, NewMemory { tags, ..memory(MemoryLayer::Episodic, &content, 0.5) }).await;
    }
    let done = store.commit(Change::new().consolidate_memories()).await.expect("consolidate");
    assert_eq!(done.removed, 32);
    let all = store.recall(key.clone(), Recall { limit: 100, ..Recall::default() }).await.expect("recall");
    assert_eq!(all.len(), 1 + 38 + 1, "the newest stay as they are, and so does what only has the tag");
    let folded =
        store.recall(key.clone(), Recall { tags: vec!["runs".into()], limit: 9, ..Recall::default() }).await.expect("recall");
    let [one] = folded.as_slice() else { panic!("one: {folded:?}") };
    assert!(
        one.content.contains("32 runs from ") && one.content.contains(": 28 reached their goal, 4 did not."),
        "{}",
        one.content
    );
    assert!(one.content.contains("Not reached: mend the wheel3 (spokes3); mend the wheel11"), "{}", one.content);
    assert!(one.tags.contains(&"outside".to_owned()), "one of them had read something from outside");
    assert_eq!(found(&store, &key, "wheel7").await.first(), Some(&one.content), "its words still find it");
    let again = store.commit(Change::new().consolidate_memories()).await.expect("consolidate");
    assert_eq!(again.removed, 0, "it happens seldom");
}
