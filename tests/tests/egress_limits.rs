//! One agent that takes every connection it can get, and the others. NET-07.
#![forbid(unsafe_code)]

use std::time::Duration;

use aether_tests::internet::{Internet, PUBLIC, http};

/// Opens many connections, keeps those that are answered, and says how that went.
const GREEDY: &str = "
import socket, sys, time
kept, refused, text = [], 0, b''
for _ in range(int(sys.argv[1])):
    s = socket.create_connection(('allowed.test', 80), 30)
    s.sendall(b'GET / HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n')
    answer = s.recv(4096)
    if b' 200 ' in answer: kept.append(s)
    else:
        refused += 1; text = answer; s.close()
print('kept', len(kept), 'refused', refused, text.decode(), flush=True)
print('so it is', flush=True)
time.sleep(600)
";

#[test]
fn one_agent_leaves_connections_to_others_and_descriptors_to_the_service() {
    let internet = Internet::new();
    let _server = internet.serve(PUBLIC, 80, http("allowed"));
    // 1024 of them are never lent, a connection has two: 1536 connections.
    let daemon = internet.daemon_with(&format!("{PUBLIC} allowed.test"), 4096);
    let options = ["--allow", "allowed.test"];
    let greedy = daemon.agent(&[&options[..], &["--name", "greedy"]].concat(), &format!("exec python3 -c \"{GREEDY}\" 2000"));
    greedy.prints("so it is");
    let said = greedy.logs();
    assert!(said.contains("kept 768 refused 1232 HTTP/1.1 503"), "half of all: {said}");
    assert!(said.contains("as many connections open as there is room for\nhint: wait until others have ended"), "{said}");

    // Another one works as if it were alone, and so do the API and what needs descriptors there.
    let script = "for i in $(seq 50); do curl -sS -m 20 http://allowed.test/ || exit 1; done";
    for _ in 0..3 {
        let args = [&["run", "--rm"], &options[..], &["--", "bash", "-c", script]].concat();
        let out = daemon.aether_with(args, b"", Duration::from_secs(60)).ok();
        assert_eq!(out.text(), "allowed".repeat(50), "{out}");
        daemon.aether(["ps"]).ok();
        daemon.aether(["exec", "greedy", "--", "true"]).ok();
    }
    // The second greedy one gets half of the rest, and who comes then still gets some.
    let second = daemon.agent(&[&options[..], &["--name", "second"]].concat(), &format!("exec python3 -c \"{GREEDY}\" 500"));
    second.prints("so it is");
    assert!(second.logs().contains("kept 384 refused 116"), "{}", second.logs());
    let args = [&["run", "--rm"], &options[..], &["--", "bash", "-c", script]].concat();
    assert_eq!(daemon.aether_with(args, b"", Duration::from_secs(60)).ok().text(), "allowed".repeat(50));

    // What ends is given back.
    greedy.remove();
    second.remove();
    let third = daemon.agent(&[&options[..], &["--name", "third"]].concat(), &format!("exec python3 -c \"{GREEDY}\" 700"));
    third.prints("so it is");
    assert!(third.logs().contains("kept 700 refused 0"), "{}", third.logs());
}
