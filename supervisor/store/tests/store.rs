//! The store with real files: what is acknowledged is there, what failed is not, numbers never come twice.

use std::{collections::HashSet, os::unix::fs::PermissionsExt, path::Path};

use aether_protocol::{AgentEvent, AgentId, AgentPhase, AgentSpec, AgentState, ExitInfo, event::AgentLog, event::ProcessSpawned};
use aether_store::{
    AgentField, AgentFilter, AuditEntry, Change, EventQuery, NewAgent, NewCall, NewEvent, NewStep, OpenError, Options, Request,
    RequestRecord, Store, StoreError, Window,
};
use serde_json::json;

fn open(path: &Path) -> Store {
    Store::open(path, Options { slots: 8, keep_events: 1000 }).expect("open")
}

fn id(n: u8) -> AgentId {
    AgentId::from_random([n; 12])
}

fn agent(n: u8) -> NewAgent {
    let spec: AgentSpec =
        serde_json::from_value(json!({"program": {"type": "goal", "goal": "look around"}, "name": format!("agent-{n}")}))
            .expect("spec");
    NewAgent {
        id: id(n),
        name: format!("agent-{n}").parse().expect("name"),
        owner: "ann".into(),
        spec,
        state: AgentState::Queued,
        phase: AgentPhase::Booting,
        home: id(n).to_string(),
        max_steps: Some(50),
        model: Some("heuristic".into()),
    }
}

fn insert(n: u8) -> Change {
    Change::new().insert_agent(agent(n), |_| Vec::new())
}

fn note(n: u8, text: &str) -> NewEvent {
    let body = AgentLog { pid: 1, level: "info".into(), message: text.into() };
    NewEvent { agent: Some(id(n)), owner: "ann".into(), body: body.into() }
}

#[tokio::test]
async fn an_agent_and_its_events_share_one_commit_and_survive_reopening() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    assert_eq!(path.metadata().expect("file").permissions().mode() & 0o777, 0o600);
    assert_eq!(dir.path().join("aether.db-wal").metadata().expect("wal").permissions().mode() & 0o777, 0o600);
    let done = store
        .commit(
            Change::new()
                .insert_agent(agent(1), |record| {
                    vec![AgentLog { pid: record.number, level: "info".into(), message: "new".into() }.into()]
                })
                .take_slot(&id(1))
                .update_agent(
                    &id(1),
                    [
                        AgentField::State(AgentState::Running),
                        AgentField::Pid(Some(77)),
                        AgentField::Exit(Some(ExitInfo { code: 137, signal: Some("SIGKILL".into()), reason: None })),
                    ],
                ),
        )
        .await
        .expect("commit");
    assert_eq!((done.agents[0].number, done.agents[0].slot, done.events[0].seq), (1, Some(0), 1));
    drop(store);
    assert_eq!(dir.path().join("aether.db-wal").metadata().map_or(0, |m| m.len()), 0, "closing folds the WAL in");

    let store = open(&path);
    let found = store.agent(id(1)).await.expect("read").expect("there");
    assert_eq!(found, done.agents[0]);
    assert_eq!((found.state, found.pid), (AgentState::Running, Some(77)));
    assert_eq!(store.query_events(EventQuery::default()).await.expect("events"), done.events);
}

#[tokio::test]
async fn a_change_that_fails_leaves_nothing_and_harms_no_other() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    store.commit(insert(1)).await.expect("first");
    let mut twin = agent(2);
    twin.name = agent(1).name;
    let bad = store.submit(Change::new().event(note(2, "never")).insert_agent(twin, |_| Vec::new())).expect("open");
    let good = store.submit(Change::new().event(note(1, "kept"))).expect("open");
    assert!(matches!(bad.await.expect("answer"), Err(StoreError::NameTaken(name)) if name == agent(1).name));
    assert_eq!(good.await.expect("answer").expect("commit").events[0].seq, 1, "the failed change took no number");
    assert_eq!(store.agents(AgentFilter::default()).await.expect("list").1, 1);
    assert!(matches!(store.commit(Change::new().update_agent(&id(9), [AgentField::Step(1)])).await, Err(StoreError::NoAgent(_))));
}

#[tokio::test]
async fn numbers_are_never_given_twice() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    store.commit(insert(1)).await.expect("insert");
    store.commit(Change::new().delete_agent(&id(1)).prune_events(0)).await.expect("delete");
    drop(store);
    let done = open(&path).commit(insert(2)).await.expect("insert");
    assert_eq!(done.agents[0].number, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_have_no_gaps_and_reach_listeners_in_order() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    let mut news = store.subscribe();
    let tasks: Vec<_> = (0..20u8)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for i in 0..20 {
                    let failing = if i % 5 == 0 { Change::new().delete_agent(&id(99)) } else { Change::new() };
                    let change = Change::new().event(note(task, &format!("{i}")));
                    store.commit(change).await.expect("commit");
                    let _ = store.commit(failing.event(note(task, "maybe"))).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
    let total = 20 * 20 + 20 * 16;
    let all = store.query_events(EventQuery::default()).await.expect("events");
    let expected: Vec<u64> = (1..=total).collect();
    assert_eq!(all.iter().map(|e| e.seq).collect::<Vec<_>>(), expected);
    for seq in expected {
        assert_eq!(news.try_recv().expect("published").event.seq, seq);
    }
    assert_eq!(store.newest_seq().await.expect("newest"), total);
}

#[tokio::test]
async fn events_are_found_by_number_agent_owner_and_type() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    let change = Change::new().event(note(1, "a")).event(note(2, "b")).insert_agent(agent(1), |record| {
        let info = json!({"id": record.id, "number": record.number, "uid": "agent_1", "name": record.name, "owner": record.owner,
            "state": "queued", "phase": "booting", "spec": record.spec, "step": 0, "home": "/home/agent",
            "createdAt": record.created_at});
        let info = Box::new(serde_json::from_value(info).expect("info"));
        vec![AgentEvent::from(ProcessSpawned { pid: record.number, info })]
    });
    store.commit(change).await.expect("commit");
    let seqs = |query: EventQuery| {
        let store = store.clone();
        async move { store.query_events(query).await.expect("query").iter().map(|e| e.seq).collect::<Vec<_>>() }
    };
    let all = EventQuery::default();
    assert_eq!(seqs(EventQuery { since: 1, ..all.clone() }).await, [2, 3]);
    assert_eq!(seqs(EventQuery { agent: Some(id(1)), ..all.clone() }).await, [1, 3]);
    assert_eq!(seqs(EventQuery { owner: Some("bob".into()), ..all.clone() }).await, [0u64; 0]);
    assert_eq!(seqs(EventQuery { types: vec!["process.*".into()], ..all.clone() }).await, [3]);
    assert_eq!(seqs(EventQuery { types: vec!["agent.log".into(), "x%".into()], ..all.clone() }).await, [1, 2]);
    assert_eq!(seqs(EventQuery { types: vec!["*".into()], limit: 2, window: Window::Newest, ..all.clone() }).await, [2, 3]);
    assert_eq!(seqs(EventQuery { limit: 2, ..all.clone() }).await, [1, 2]);

    store.commit(Change::new().prune_events(1)).await.expect("prune");
    assert_eq!(seqs(all).await, [3]);
    assert_eq!(store.oldest_seq().await.expect("oldest"), 3);
    let next = store.commit(Change::new().event(note(1, "c"))).await.expect("commit");
    assert_eq!(next.events[0].seq, 4, "pruning keeps the counter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_slot_is_lent_twice_under_a_thousand_takes_and_returns() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    let held = std::sync::Arc::new(std::sync::Mutex::new(HashSet::new()));
    for n in 0..20 {
        store.commit(insert(n)).await.expect("insert");
    }
    let tasks: Vec<_> = (0..20u8)
        .map(|n| {
            let (store, held) = (store.clone(), held.clone());
            tokio::spawn(async move {
                let mut taken = 0;
                while taken < 50 {
                    match store.commit(Change::new().take_slot(&id(n))).await {
                        Ok(done) => {
                            let slot = done.slots[0];
                            assert!(held.lock().expect("lock").insert(slot), "slot {slot} was lent twice");
                            taken += 1;
                            assert!(held.lock().expect("lock").remove(&slot));
                            store.commit(Change::new().release_slot(&id(n), slot)).await.expect("release");
                            let again = store.commit(Change::new().release_slot(&id(n), slot)).await;
                            assert!(matches!(again, Err(StoreError::NotLeased { .. })));
                        }
                        Err(StoreError::NoFreeSlot(8)) => tokio::task::yield_now().await,
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
    assert!(store.leases().await.expect("leases").is_empty());
}

#[tokio::test]
async fn the_slot_unused_longest_is_lent_next_and_guards_its_agent() {
    let dir = tempfile::tempdir().expect("dir");
    let store = Store::open(&dir.path().join("aether.db"), Options { slots: 3, keep_events: 10 }).expect("open");
    for n in 1..=3 {
        store.commit(insert(n).take_slot(&id(n))).await.expect("take");
    }
    assert!(matches!(store.commit(Change::new().take_slot(&id(1))).await, Err(StoreError::AlreadyLeased(_))));
    assert!(matches!(store.commit(Change::new().delete_agent(&id(1))).await, Err(StoreError::StillLeased(_))));
    assert!(matches!(store.commit(insert(4).take_slot(&id(4))).await, Err(StoreError::NoFreeSlot(3))));
    store.commit(Change::new().release_slot(&id(3), 2).release_slot(&id(1), 0)).await.expect("release");
    let first = store.commit(insert(4).take_slot(&id(4))).await.expect("take");
    let second = store.commit(Change::new().take_slot(&id(1))).await.expect("take");
    assert_eq!((first.slots, second.slots), (vec![2], vec![0]));
    let unknown = store.commit(Change::new().release_slot(&id(4), 2).take_slot(&id(9))).await;
    assert!(matches!(unknown, Err(StoreError::NoAgent(_))));
}

#[tokio::test]
async fn a_slot_set_aside_is_lent_to_its_agent_and_to_nobody_else() {
    let dir = tempfile::tempdir().expect("dir");
    let store = Store::open(&dir.path().join("aether.db"), Options { slots: 3, keep_events: 10 }).expect("open");
    for n in 1..=3 {
        store.commit(insert(n)).await.expect("insert");
    }
    let ahead = store.commit(Change::new().prepare(&id(8)).prepare(&id(9))).await.expect("prepare");
    assert_eq!(ahead.slots, [0, 1]);
    assert!(store.leases().await.expect("leases").is_empty(), "nobody's yet");
    assert_eq!(store.commit(Change::new().take_slot(&id(1))).await.expect("take").slots, [2]);
    assert!(matches!(store.commit(Change::new().take_slot(&id(2))).await, Err(StoreError::NoFreeSlot(3))), "two are set aside");
    assert!(matches!(store.commit(Change::new().prepare(&id(7))).await, Err(StoreError::NoFreeSlot(3))));
    let taken = store.commit(insert(9).take_prepared(&id(9))).await.expect("take");
    assert_eq!((taken.agents[0].slot, taken.slots), (Some(1), vec![1]));
    assert!(matches!(store.commit(Change::new().take_prepared(&id(9))).await, Err(StoreError::NotPrepared(_))), "once");
    let left: Vec<_> = store.prepared().await.expect("prepared").into_iter().map(|lease| (lease.agent, lease.slot)).collect();
    assert_eq!(left, [(id(8), 0)]);
    store.commit(Change::new().drop_prepared(&id(8))).await.expect("drop");
    assert_eq!(store.commit(Change::new().take_slot(&id(2))).await.expect("take").slots, [0]);
    assert!(store.prepared().await.expect("prepared").is_empty());
}

#[tokio::test]
async fn steps_calls_and_messages_come_back_in_order() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    store.commit(insert(1).add_message(&id(1), "hello").add_message(&id(1), "more")).await.expect("insert");
    let call = |n: u32| NewCall { call_id: format!("c{n}"), tool: "run_command".into(), args: json!({"command": "true"}) };
    let step = NewStep { step: 1, thought: "try".into(), usage: Some(json!({"input": 3})), calls: vec![call(0), call(1)] };
    assert!(store.has_messages(id(1), 1).await.expect("some wait"));
    let taken = store.commit(Change::new().take_messages(&id(1), 1)).await.expect("take").messages;
    let again = store.commit(Change::new().take_messages(&id(1), 1)).await.expect("take").messages;
    assert_eq!(taken, again, "a restart before the step loses no message");
    assert!(store.commit(Change::new().take_messages(&id(1), 2)).await.expect("take").messages.is_empty());
    let waits = [store.has_messages(id(1), 1).await.expect("took"), store.has_messages(id(1), 2).await.expect("none")];
    assert_eq!(waits, [true, false], "a step that is begun again gets what it took");
    store.commit(Change::new().begin_step(&id(1), step.clone())).await.expect("begin");
    assert!(store.commit(Change::new().begin_step(&id(1), step)).await.is_err(), "a step begins once");
    store.commit(Change::new().finish_call(&id(1), 1, 0, json!({"ok": true}))).await.expect("finish");
    let twice = store.commit(Change::new().finish_call(&id(1), 1, 0, json!({"ok": false}))).await;
    assert!(matches!(twice, Err(StoreError::NoOpenCall { .. })));
    drop(store);

    let store = open(&path);
    let steps = store.steps(id(1)).await.expect("steps");
    assert_eq!(steps[0].calls[0].outcome, Some(json!({"ok": true})));
    assert_eq!(steps[0].calls[1].outcome, None);
    assert_eq!(steps[0].calls[1].call, call(1));
    assert_eq!(store.messages(id(1)).await.expect("messages")[1].taken_step, Some(1));
    store.commit(Change::new().delete_agent(&id(1))).await.expect("delete");
    assert!(store.steps(id(1)).await.expect("steps").is_empty());
}

#[tokio::test]
async fn settings_and_the_audit_are_kept() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    let entry =
        AuditEntry { who: "root".into(), action: "agent.kill".into(), subject: id(1).to_string(), outcome: json!({"ok": true}) };
    store.commit(Change::new().setting("k", Some("v".into())).audit(entry.clone())).await.expect("commit");
    assert_eq!(store.setting("k").await.expect("read").as_deref(), Some("v"));
    assert_eq!(store.audit(0, 10).await.expect("audit")[0].entry, entry);
    store.commit(Change::new().setting("k", None)).await.expect("commit");
    assert_eq!(store.setting("k").await.expect("read"), None);
    drop(store);
    let db = rusqlite::Connection::open(&path).expect("open");
    assert!(db.execute("DELETE FROM audit", []).is_err());
    assert!(db.execute("UPDATE audit SET who = 'nobody'", []).is_err());
}

#[test]
fn a_newer_or_damaged_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("dir");
    let newer = dir.path().join("newer.db");
    rusqlite::Connection::open(&newer).and_then(|db| db.pragma_update(None, "user_version", 900)).expect("prepare");
    assert!(matches!(Store::open(&newer, Options::default()), Err(OpenError::Newer { found: 900, .. })));
    let damaged = dir.path().join("damaged.db");
    std::fs::write(&damaged, vec![7; 8192]).expect("write");
    assert!(matches!(Store::open(&damaged, Options::default()), Err(OpenError::Damaged { .. })));
    assert_eq!(std::fs::read(&damaged).expect("read"), vec![7; 8192]);
    assert!(matches!(Store::open(&dir.path().join("no/such/dir.db"), Options::default()), Err(OpenError::File { .. })));
}

#[tokio::test]
async fn a_request_is_known_by_who_asked_and_outlives_its_agent() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    let asked = |owner: &str, body: &str| Request::new(owner, "key", body.as_bytes());
    let made = |same| Some(RequestRecord { agent: id(1), same });
    let unknown = store.commit(Change::new().made_for(&id(1), asked("ann", "{}"))).await;
    assert!(matches!(unknown, Err(StoreError::NoAgent(_))), "it is recorded with its agent: {unknown:?}");
    store.commit(insert(1).made_for(&id(1), asked("ann", "{}"))).await.expect("commit");
    let twice = store.commit(insert(2).made_for(&id(2), asked("ann", "{}"))).await;
    assert!(twice.is_err(), "one agent each");
    drop(store);
    let store = open(&path);
    store.commit(Change::new().delete_agent(&id(1))).await.expect("delete");
    assert_eq!(store.request(asked("ann", "{}")).await.expect("read"), made(true));
    assert_eq!(store.request(asked("ann", "{ }")).await.expect("read"), made(false), "another body");
    assert_eq!(store.request(asked("bob", "{}")).await.expect("read"), None, "keys are everybody's own");
    store.commit(Change::new().forget_request(asked("ann", "{}"))).await.expect("forget");
    assert_eq!(store.request(asked("ann", "{}")).await.expect("read"), None);
}

#[tokio::test]
async fn requests_of_long_ago_are_forgotten() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let store = open(&path);
    let asked = |n: u8| Request::new("ann", format!("key-{n}"), b"{}");
    store.commit(insert(1).made_for(&id(1), asked(1))).await.expect("commit");
    drop(store);
    let db = rusqlite::Connection::open(&path).expect("open");
    db.execute("UPDATE counters SET value = value + 9_999 WHERE name = 'agent_number'", ()).expect("many agents later");
    drop(db);
    let store = open(&path);
    assert!(store.request(asked(1)).await.expect("read").is_some());
    store.commit(insert(2).made_for(&id(2), asked(2))).await.expect("commit");
    assert!(store.request(asked(1)).await.expect("read").is_none(), "ten thousand later");
    assert!(store.request(asked(2)).await.expect("read").is_some());
}

/// A mount that is taken away again.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(path: &'a Path, options: &[&str]) -> Self {
        mount(&[options, &[path.to_str().expect("UTF-8")]].concat());
        Self(path)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("-l").arg(self.0).status());
    }
}

fn mount(args: &[&str]) {
    assert!(std::process::Command::new("mount").args(args).status().expect("mount").success(), "{args:?}");
}

#[tokio::test]
async fn a_disk_that_may_only_be_read_takes_no_change_and_is_used_again_when_it_may_be_written() {
    let dir = tempfile::tempdir().expect("dir");
    let _disk = Mounted::new(dir.path(), &["-t", "tmpfs", "aether-test"]);
    let store = open(&dir.path().join("aether.db"));
    store.commit(insert(1)).await.expect("commit");
    // Over the directory: the files that are open can still be written, as after an emergency remount.
    let over = Mounted::new(dir.path(), &["--bind", dir.path().to_str().expect("UTF-8")]);
    mount(&["-o", "remount,bind,ro", dir.path().to_str().expect("UTF-8")]);
    let refused = store.commit(insert(2)).await;
    assert!(matches!(&refused, Err(StoreError::Disk(cause)) if cause.contains("read-only")), "{refused:?}");
    assert!(store.agent(id(1)).await.expect("reads work").is_some());
    drop(over);
    store.commit(insert(3)).await.expect("it takes changes again");
    assert!(store.agent(id(2)).await.expect("read").is_none(), "what was refused is not there");
}
