//! The log of writes stays short while there is no pause in them, and what was acknowledged is in the file in the end.

use std::path::Path;

use aether_protocol::event::AgentLog;
use aether_store::{Change, NewEvent, Options, Store};
use rusqlite::Connection;

/// Thirty pages.
const BYTES: usize = 120_000;
const WRITERS: u64 = 4;
const EACH: u64 = 150;

fn change(relaxed: bool) -> Change {
    let body = AgentLog { pid: 1, level: "info".into(), message: "x".repeat(BYTES) };
    Change::new().event(NewEvent { agent: None, owner: String::new(), body: body.into() }).relaxed(relaxed)
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |meta| meta.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_written_to_without_a_pause_stays_short() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let wal = dir.path().join("aether.db-wal");
    let store = Store::open(&path, Options::default()).expect("open");
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, wal) = (store.clone(), wal.clone());
            tokio::spawn(async move {
                let mut longest = 0;
                for n in 0..EACH {
                    store.commit(change(n % 8 != 0)).await.expect("commit");
                    longest = longest.max(length(&wal));
                }
                longest
            })
        })
        .collect();
    let mut longest = 0;
    for writer in writers {
        longest = longest.max(writer.await.expect("writer"));
    }
    let written = WRITERS * EACH * BYTES as u64;
    assert!(written > 64 << 20 && longest < 48 << 20, "the log had {longest} bytes of {written}");

    let (changes, commits) = (store.timings().change.now(), store.timings().commit.now());
    assert_eq!(changes.count, WRITERS * EACH);
    assert!(commits.count <= changes.count && commits.sum > 0.0 && changes.sum >= commits.sum, "{changes:?} {commits:?}");

    drop(store);
    assert_eq!(length(&wal), 0, "closing folds the rest");
    let db = Connection::open(&path).expect("open");
    let count: i64 = db.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).expect("count");
    assert_eq!(count.unsigned_abs(), WRITERS * EACH);
    let whole: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("check");
    assert_eq!(whole, "ok");
}
