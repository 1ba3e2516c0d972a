//! Copies: taken while everything goes on, kept before a migration, and put back.

use std::{fs, path::Path};

use aether_store::{Change, OpenError, Options, Store, backup};
use rusqlite::Connection;

fn open(path: &Path) -> Store {
    Store::open(path, Options::default()).expect("a store")
}

async fn remember(store: &Store, value: &str) {
    store.commit(Change::new().setting("k", Some(value.into()))).await.expect("committed");
}

#[tokio::test]
async fn a_copy_is_of_one_moment_while_others_write() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(&dir.path().join("aether.db"));
    remember(&store, "0").await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 1..400 {
                // Two settings that are always changed together.
                let change = Change::new().setting("k", Some(n.to_string())).setting("same", Some(n.to_string()));
                store.commit(change).await.expect("committed");
            }
        }
    });
    for n in 0..5 {
        let copy = dir.path().join(format!("copy-{n}"));
        store.backup(&copy).await.expect("a copy");
        backup::examine(&copy).expect("a good copy");
        let copied = open(&copy);
        let (k, same) = (copied.setting("k").await.expect("k"), copied.setting("same").await.expect("same"));
        assert!(k == same || same.is_none(), "{k:?} and {same:?} are of two moments");
    }
    writer.await.expect("the writer");
    assert!(store.backup(&dir.path().join("copy-0")).await.is_err(), "nothing is written over");
}

#[tokio::test]
async fn what_is_restored_is_what_was_copied_and_the_old_one_stays() {
    let dir = tempfile::tempdir().expect("dir");
    let (path, copy) = (dir.path().join("aether.db"), dir.path().join("copy"));
    let store = open(&path);
    remember(&store, "then").await;
    store.backup(&copy).await.expect("a copy");
    remember(&store, "later").await;
    drop(store);
    let restored = backup::restore(&copy, &path).expect("restored");
    assert_eq!(open(&path).setting("k").await.expect("k").as_deref(), Some("then"));
    let before = restored.before.expect("the old one");
    assert_eq!(open(&before).setting("k").await.expect("k").as_deref(), Some("later"));
}

#[tokio::test]
async fn what_is_no_copy_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("dir");
    let (path, copy) = (dir.path().join("aether.db"), dir.path().join("copy"));
    let store = open(&path);
    remember(&store, "now").await;
    store.backup(&copy).await.expect("a copy");
    drop(store);
    let whole = fs::read(&copy).expect("read");

    fs::write(&copy, "text").expect("write");
    assert!(matches!(backup::restore(&copy, &path), Err(OpenError::Damaged { .. })));
    let mut damaged = whole.clone();
    damaged[4096..8192].fill(0x5a);
    fs::write(&copy, &damaged).expect("write");
    assert!(matches!(backup::restore(&copy, &path), Err(OpenError::Damaged { .. })));
    fs::write(&copy, &whole[..whole.len() / 2]).expect("write");
    assert!(backup::restore(&copy, &path).is_err(), "cut off");
    fs::write(&copy, &whole).expect("write");
    Connection::open(&copy).expect("open").pragma_update(None, "user_version", 99).expect("a newer one");
    let refused = backup::restore(&copy, &path).expect_err("newer");
    assert!(refused.to_string().contains("has schema 99, this version knows up to"), "{refused}");
    let other = dir.path().join("other.db");
    Connection::open(&other).expect("open").execute_batch("CREATE TABLE agents (id)").expect("a table");
    assert!(matches!(backup::restore(&other, &path), Err(OpenError::Foreign { .. })));

    assert_eq!(open(&path).setting("k").await.expect("k").as_deref(), Some("now"));
    let left: Vec<_> = fs::read_dir(dir.path()).expect("dir").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("restor")), "{left:?}");
}

#[tokio::test]
async fn a_copy_is_kept_before_a_migration_and_old_ones_go() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    let old = Connection::open(&path).expect("open");
    old.execute_batch(include_str!("../src/migrations/0001_initial.sql")).expect("the first schema");
    old.execute("INSERT INTO settings VALUES ('k', 'old')", []).expect("a setting");
    old.pragma_update(None, "user_version", 1).expect("version");
    drop(old);
    for seconds in 1..=5 {
        fs::write(dir.path().join(format!("aether.db.schema-1.bak-{seconds}")), "an older copy").expect("write");
    }
    fs::write(dir.path().join("aether.db.schema-x"), "somebody else's").expect("write");
    let store = open(&path);
    assert_eq!(store.setting("k").await.expect("k").as_deref(), Some("old"));
    let names = || -> Vec<String> {
        let entries = fs::read_dir(dir.path()).expect("dir").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.contains(".schema-"));
        names.sort();
        names
    };
    let kept = names();
    assert_eq!(kept.len(), 4, "three copies, and what is none: {kept:?}");
    assert!(kept.contains(&"aether.db.schema-x".to_owned()));
    let newest = kept.iter().find(|name| name.len() > "aether.db.schema-1.bak-5".len()).expect("the new copy");
    assert_eq!(backup::examine(&dir.path().join(newest)).expect("a good copy").schema, 1);
    drop(store);
    drop(open(&path));
    assert_eq!(names(), kept, "no migration, no copy");
}
