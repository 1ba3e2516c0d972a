//! The chain of the audit: whatever is changed behind the store's back is found, by the number of the record.

use std::path::{Path, PathBuf};

use aether_store::{AuditEntry, AuditVerdict, Change, Options, Store};
use rusqlite::Connection;
use serde_json::json;

const UNLOCK: &str = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_deleted; DROP TRIGGER audit_only_grows;";

fn entry(n: u32) -> AuditEntry {
    let outcome = json!({ "b": n, "a": ["x", null] });
    AuditEntry { who: "ann".into(), action: "agent.kill".into(), subject: format!("agent{n}"), outcome }
}

async fn append(store: &Store, n: u32) {
    store.commit(Change::new().audit(entry(n))).await.expect("commit");
}

/// A closed database with ten records.
async fn ten(dir: &Path) -> PathBuf {
    let path = dir.join("aether.db");
    let store = Store::open(&path, Options::default()).expect("open");
    for n in 1..=10 {
        append(&store, n).await;
    }
    path
}

async fn verdict(path: &Path) -> AuditVerdict {
    Store::open(path, Options::default()).expect("open").verify_audit().await.expect("verify")
}

async fn broken_by(sql: &str) -> u64 {
    let dir = tempfile::tempdir().expect("dir");
    let path = ten(dir.path()).await;
    Connection::open(&path).and_then(|db| db.execute_batch(&format!("{UNLOCK}{sql}"))).expect("tamper");
    match verdict(&path).await {
        AuditVerdict::Broken { number, .. } => number,
        whole => panic!("{sql} was not found: {whole:?}"),
    }
}

#[tokio::test]
async fn an_untouched_chain_is_whole() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let empty = verdict(&path).await;
    assert!(matches!(&empty, AuditVerdict::Whole(summary) if summary.records == 0), "{empty:?}");
    let path = ten(dir.path()).await;
    let store = Store::open(&path, Options::default()).expect("open");
    let head = store.audit_head().await.expect("head");
    assert_eq!(store.verify_audit().await.expect("verify"), AuditVerdict::Whole(head.clone()));
    let records = store.audit(7, 2).await.expect("read");
    assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), [8, 9]);
    assert_eq!(records[0].entry, entry(8));
    assert_eq!((head.records, head.head.len()), (10, 64));
}

#[tokio::test]
async fn every_tampering_is_found_where_it_was_done() {
    assert_eq!(broken_by("UPDATE audit SET who = 'bob' WHERE id = 4").await, 4);
    assert_eq!(broken_by("UPDATE audit SET at_ms = at_ms + 1 WHERE id = 1").await, 1);
    assert_eq!(broken_by("UPDATE audit SET outcome = '{}' WHERE id = 10").await, 10);
    assert_eq!(broken_by("UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'g') WHERE id = 6").await, 6);
    // The border between two fields is part of what is hashed.
    assert_eq!(broken_by("UPDATE audit SET who = 'anna', action = 'gent.kill' WHERE id = 5").await, 5);
    assert_eq!(broken_by("DELETE FROM audit WHERE id = 3").await, 3);
    assert_eq!(broken_by("DELETE FROM audit WHERE id = 1").await, 1);
    assert_eq!(broken_by("DELETE FROM audit WHERE id > 8").await, 9);
    assert_eq!(broken_by("DELETE FROM audit WHERE id = 2; UPDATE audit SET id = id - 1 WHERE id > 2").await, 2);
    let insert = "INSERT INTO audit SELECT 11, at_ms, who, action, subject, outcome, hash FROM audit WHERE id = 10";
    assert_eq!(broken_by(insert).await, 11);
    let between = "UPDATE audit SET id = -id WHERE id > 5; UPDATE audit SET id = 1 - id WHERE id < 0;
                   INSERT INTO audit SELECT 6, at_ms, who, action, 'other', outcome, hash FROM audit WHERE id = 5";
    assert_eq!(broken_by(between).await, 6);
}

#[tokio::test]
async fn the_database_itself_refuses() {
    let dir = tempfile::tempdir().expect("dir");
    let path = ten(dir.path()).await;
    let db = Connection::open(&path).expect("open");
    let row = "SELECT 4, at_ms, 'bob', action, subject, outcome, hash FROM audit WHERE id = 4";
    for sql in ["UPDATE audit SET who = 'bob'", "DELETE FROM audit", &format!("INSERT OR REPLACE INTO audit {row}")] {
        assert!(db.execute(sql, []).is_err(), "{sql}");
    }
    assert!(matches!(verdict(&path).await, AuditVerdict::Whole(_)));
}

#[tokio::test]
async fn appends_at_the_same_time_make_one_chain() {
    let dir = tempfile::tempdir().expect("dir");
    let store = Store::open(&dir.path().join("aether.db"), Options::default()).expect("open");
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..64 {
        let store = store.clone();
        writers.spawn(async move {
            append(&store, n).await;
            // A change that fails takes its record with it and leaves no gap.
            let missing = aether_protocol::AgentId::from_random([9; 12]);
            let failing = Change::new().audit(entry(1000)).take_slot(&missing);
            store.commit(failing).await.expect_err("no such agent");
        });
    }
    writers.join_all().await;
    let verdict = store.verify_audit().await.expect("verify");
    assert!(matches!(&verdict, AuditVerdict::Whole(summary) if summary.records == 64), "{verdict:?}");
    assert!(store.audit(0, 100).await.expect("read").iter().all(|record| record.entry.subject != "agent1000"));
}

#[tokio::test]
async fn records_from_before_the_chain_are_kept() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let db = Connection::open(&path).expect("open");
    db.execute_batch(include_str!("../src/migrations/0001_initial.sql")).expect("the first schema");
    for n in [1, 2, 5] {
        let values = (n, 1000 + n, "ann", "agent.kill", format!("agent{n}"), r#"{"ok":true}"#);
        db.execute("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values).expect("insert");
    }
    db.pragma_update(None, "user_version", 1).expect("version");
    drop(db);
    let store = Store::open(&path, Options::default()).expect("open");
    append(&store, 9).await;
    assert!(matches!(store.verify_audit().await.expect("verify"), AuditVerdict::Whole(_)));
    let records = store.audit(0, 10).await.expect("read");
    let subjects: Vec<_> = records.iter().map(|record| (record.id, record.entry.subject.as_str())).collect();
    assert_eq!(subjects, [(1, "agent1"), (2, "agent2"), (3, "agent5"), (4, "agent9")]);
}
