//! Clients that catch up read the same pages: the same bytes for all, every number once.
#![forbid(unsafe_code)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use aether_tests::{Daemon, daemon::PATIENCE, http};
use serde_json::json;

/// Two pages of the store and a part of a third.
const LAST: u64 = 1100;

/// The events after number `since` up to number [`LAST`], as they come: their numbers, and everything but comments that keep the
/// stream alive.
fn replay(socket: &Path, since: u64) -> (Vec<u64>, String) {
    let mut stream = UnixStream::connect(socket).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    // HTTP/1.0 has no chunks: what follows the head is the stream itself.
    write!(stream, "GET /api/v1/events?since={since} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("ask");
    let (mut numbers, mut text, mut in_head, mut last) = (Vec::new(), String::new(), true, false);
    for line in BufReader::new(stream).lines() {
        let line = line.expect("a line in time");
        if in_head {
            in_head = !line.is_empty();
            continue;
        }
        if line.starts_with(':') {
            continue;
        }
        text.push_str(&line);
        text.push('\n');
        if let Some(id) = line.strip_prefix("id: ") {
            numbers.push(id.parse().expect("a number"));
            last = numbers.last() == Some(&LAST);
        }
        if last && line.is_empty() {
            return (numbers, text);
        }
    }
    panic!("the stream ended after {:?}", numbers.last());
}

#[test]
fn clients_that_catch_up_together_see_the_same_without_gaps() {
    let daemon = Daemon::start();
    let program = json!({ "type": "command", "argv": ["sleep", "600"] });
    let spec = json!({ "name": "blinks", "ephemeral": true, "program": program });
    let made = http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spec).send();
    assert_eq!(made.status, 201, "{made}");
    let (socket, read) = (daemon.socket(), AtomicBool::new(false));
    thread::scope(|scope| {
        // The newest page grows while it is read.
        let writer = scope.spawn(|| {
            while !read.load(Ordering::Relaxed) {
                for verb in ["pause", "resume"] {
                    let answer = http::unix(&socket, "POST", &format!("/api/v1/agents/blinks/{verb}")).send();
                    assert!((200..300).contains(&answer.status), "{answer}");
                }
            }
        });
        // One that reads along, so that the others find everything stored or just being stored.
        let (numbers, whole) = replay(&socket, 0);
        assert_eq!(numbers, (1..=LAST).collect::<Vec<_>>());
        let readers: Vec<_> = [0, 0, 0, 499, 500, 501, 777]
            .map(|since| {
                (
                    since,
                    scope.spawn({
                        let socket = &socket;
                        move || replay(socket, since)
                    }),
                )
            })
            .into_iter()
            .collect();
        for (since, reader) in readers {
            let (numbers, text) = reader.join().expect("a reader");
            assert_eq!(numbers, (since + 1..=LAST).collect::<Vec<_>>(), "after {since}");
            assert!(whole.ends_with(&text), "after {since}: other bytes");
        }
        read.store(true, Ordering::Relaxed);
        writer.join().expect("the writer");
    });
    daemon.aether(["kill", "blinks"]).ok();
}
