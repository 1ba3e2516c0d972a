//! SIGKILL at any moment: what was acknowledged is there.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

use aether_protocol::event::AgentLog;
use aether_store::{Change, EventQuery, NewEvent, Options, Store};

const CHILD: &str = "AETHER_STORE_TEST_CHILD";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other test kills"]
async fn writes_until_killed() {
    let path = PathBuf::from(std::env::var_os(CHILD).expect("started by the other test"));
    let store = Store::open(&path, Options::default()).expect("open");
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut read = true;
                while read {
                    let body = AgentLog { pid: 1, level: "info".into(), message: "x".repeat(500) };
                    let event = NewEvent { agent: None, owner: String::new(), body: body.into() };
                    let done = store.commit(Change::new().event(event)).await.expect("commit");
                    // One write per line: the parent may end us between any two bytes.
                    read = std::io::stdout().write_all(format!("\nseq {}\n", done.events[0].seq).as_bytes()).is_ok();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("writer");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("aether.db");
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "writes_until_killed", "--ignored", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("child");
        let mut acknowledged = 0;
        let mut seen = 0;
        let output = BufReader::new(child.stdout.take().expect("output"));
        for line in output.lines() {
            let Some(seq) = line.expect("line").strip_prefix("seq ").and_then(|n| n.parse::<u64>().ok()) else { continue };
            acknowledged = seq.max(acknowledged);
            seen += 1;
            if seen == 100 * round {
                child.kill().expect("kill");
            }
        }
        child.wait().expect("wait");
        assert!(seen >= 100 * round, "the child was killed while it wrote");
        let store = Store::open(&path, Options::default()).expect("reopen");
        let newest = store.newest_seq().await.expect("newest");
        assert!(newest >= acknowledged, "{acknowledged} was acknowledged, {newest} is there");
        let events = store.query_events(EventQuery { limit: u32::MAX, ..EventQuery::default() }).await.expect("events");
        assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=newest).collect::<Vec<_>>());
    }
}
