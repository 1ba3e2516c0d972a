//! Secrets that agents use without seeing them: lent by grants, added on the way out, of no use elsewhere.
#![forbid(unsafe_code)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::MetadataExt as _,
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use aether_tests::{
    Daemon, eventually,
    internet::{Internet, OTHER, PUBLIC},
};

const CANARY: &str = "canary-9c1e7f03b2d8465a";
const HOSTS: &str = "93.184.216.34 allowed.test\n93.184.216.35 other.test";

fn set(daemon: &Daemon, name: &str, value: &str) -> aether_tests::Outcome {
    daemon.aether_with(["secret", "set", name], value.as_bytes(), Duration::from_secs(20))
}

/// A server that says back what it was asked, and tells the test.
fn mirror(told: Sender<String>) -> impl Fn(TcpStream) + Clone + Send + 'static {
    move |mut stream| {
        let (mut all, mut piece) = (Vec::new(), [0; 4096]);
        while !all.ends_with(b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(length) if length > 0 => all.extend(&piece[..length]),
                _ => return,
            }
        }
        let asked = String::from_utf8_lossy(&all).into_owned();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", asked.len());
        drop(stream.write_all((head + &asked).as_bytes()));
        drop(told.send(asked));
    }
}

#[test]
fn a_grant_adds_the_secret_on_the_way_out_and_nowhere_else() {
    let internet = Internet::new();
    let (told, asked) = channel();
    internet.serve(PUBLIC, 80, mirror(told.clone()));
    internet.serve(OTHER, 80, mirror(told));
    let daemon = internet.daemon(HOSTS);
    set(&daemon, "API_TOKEN", CANARY).ok();
    let agent = daemon.agent(&["--allow", "allowed.test", "--allow", "other.test"], "exec sleep 600");
    let grant = ["secret", "grant", "API_TOKEN", "--agent", &agent.id, "--host", "allowed.test", "--path", "/mine", "--bearer"];
    daemon.aether(grant).ok();
    let inside = |script: &str| daemon.aether(["exec", &agent.id, "--", "sh", "-c", script]).ok().text();

    let said = inside("curl -sS -m 20 -H \"Authorization: Bearer $API_TOKEN\" http://allowed.test/mine/1");
    let seen = asked.recv_timeout(Duration::from_secs(20)).expect("asked");
    assert!(seen.contains(&format!("Bearer {CANARY}")), "{seen}");
    assert!(said.contains("GET /mine/1") && said.contains("****") && !said.contains("canary"), "{said}");

    // It is counted: how often, and for whom.
    let uses = || {
        let listed = daemon.aether(["--json", "secret", "ls"]).ok().json();
        (listed["timesUsed"].clone(), listed["usedBy"][0]["times"].clone(), listed["usedBy"][0]["agent"].clone())
    };
    assert_eq!(uses(), (1.into(), 1.into(), agent.id.as_str().into()));
    let table = daemon.aether(["secret", "ls"]).ok().text();
    let name = agent.info()["name"].as_str().expect("a name").to_owned();
    assert!(table.contains("LAST BY") && table.contains(&format!("{name}, ")), "{table}");

    // The same placeholder on another path, and for another host, stays inside and rings.
    for url in ["http://allowed.test/theirs", "http://other.test/mine/1"] {
        let said = inside(&format!("curl -sS -m 20 -w '%{{http_code}}' -H \"Authorization: Bearer $API_TOKEN\" {url}"));
        assert!(said.contains("not granted") && said.ends_with("403"), "{url}: {said}");
        assert!(asked.try_recv().is_err(), "{url} was asked");
    }
    assert!(daemon.audit().iter().any(|record| record["action"] == "secret.alarm" && record["subject"] == agent.id.as_str()));
    assert_eq!(uses().0, 1, "what was refused is no use of it");
    // Without it there is nothing to hold back.
    assert!(inside("curl -sS -m 20 http://other.test/").contains("GET / "));
    let seen = asked.recv_timeout(Duration::from_secs(20)).expect("asked");
    assert!(!seen.contains("canary") && !seen.contains("placeholder"), "{seen}");

    daemon.aether(["secret", "revoke", "API_TOKEN", "--agent", &agent.id]).ok();
    let said = inside("curl -sS -m 20 http://allowed.test/mine/1");
    let seen = asked.recv_timeout(Duration::from_secs(20)).expect("asked");
    assert!(!seen.contains("canary") && said.contains("GET /mine/1"), "a revoked grant is over at once: {seen}");
}

/// The forms in which a value could lie about.
fn forms(value: &str) -> Vec<Vec<u8>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // In the middle of a longer text base64 begins at any of three places: the part that depends on nothing before and after.
    let base64 = |skip: usize| -> Vec<u8> {
        let whole = value.as_bytes().get(skip..).unwrap_or_default().chunks_exact(3);
        let word = |three: &[u8]| three.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        whole.flat_map(|three| [18, 12, 6, 0].map(|shift| DIGITS[word(three) >> shift & 63])).collect()
    };
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut forms =
        vec![value.as_bytes().to_vec(), value.bytes().rev().collect(), hex.to_uppercase().into(), hex.into(), percent.into()];
    forms.extend([0, 1, 2].map(base64));
    forms
}

/// How often a text holds one of the forms of the value.
fn hits(bytes: &[u8]) -> usize {
    let forms = forms(CANARY);
    let mut begins = [false; 256];
    forms.iter().for_each(|form| begins[usize::from(form[0])] = true);
    let found = |at: usize| begins[usize::from(bytes[at])] && forms.iter().any(|form| bytes[at..].starts_with(form));
    (0..bytes.len()).filter(|at| found(*at)).count()
}

#[test]
fn every_form_of_a_value_is_known_when_it_is_seen() {
    for text in [format!("x{CANARY}y"), CANARY.chars().rev().collect(), "Y2FuYXJ5LTljMWU3ZjAzYjJkODQ2NWE=".to_owned()] {
        assert_eq!(hits(text.as_bytes()), 1, "{text}");
    }
    assert_eq!(hits(b"canary-9c1e7f03b2d8465b"), 0);
}

/// Looks for the value wherever it must not be: what is kept, what is told, what a backup holds, what is inside, and the memory of every
/// process but the one that puts it into requests.
fn sweep(daemon: &Daemon, agent: &str) {
    let log = daemon.log();
    assert!(log.contains("TRACE"), "it tells all");
    let mut places = vec![("the log".to_owned(), log.into_bytes())];
    let mut dirs = vec![daemon.state()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).expect("a directory").flatten() {
            match entry.file_type().expect("its kind") {
                kind if kind.is_dir() => dirs.push(entry.path()),
                // The volume of the homes is read from inside.
                kind if kind.is_file() && entry.metadata().expect("its size").len() < 32 << 20 => {
                    places.push((entry.path().display().to_string(), std::fs::read(entry.path()).unwrap_or_default()));
                }
                _ => {}
            }
        }
    }
    assert!(places.iter().any(|(name, bytes)| name.ends_with("aether.db") && bytes.len() > 4096), "the database was read");
    let backup = daemon.scratch().join("backup");
    daemon.aether(["backup", &backup.display().to_string()]).ok();
    places.push(("the backup".into(), std::fs::read(&backup).expect("the backup")));
    places.push(("the audit".into(), serde_json::to_vec(&daemon.audit()).expect("JSON")));
    let events = daemon.aether(["--json", "events", "--since", "0"]).ok();
    assert!(events.text().contains(agent), "the events were read");
    places.push(("the events".into(), events.stdout));
    let inside = "cat /proc/*/environ /proc/*/cmdline /proc/net/tcp 2>/dev/null; env; find / -xdev -type f -size -64k -newer /proc/1 \
                  -exec cat {} + 2>/dev/null; cat ~/.* ~/* 2>/dev/null; true";
    let inside = daemon.aether(["exec", agent, "--", "sh", "-c", inside]).ok();
    assert!(inside.text().contains("aether-placeholder-"), "it was looked inside");
    places.push(("inside".into(), inside.stdout));
    let shown = daemon.aether(["--json", "inspect", agent]).ok().json();
    let init = shown["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("its init");
    for pid in [init, daemon.spawner()] {
        let dump = aether_tests::memory::of(pid);
        assert!(dump.len() > 1 << 16, "the memory of {pid} was read");
        places.push((format!("the memory of {pid}"), dump));
    }
    for (place, bytes) in &places {
        assert_eq!(hits(bytes), 0, "{place}");
    }
}

#[test]
fn a_secret_given_at_the_start_is_there_for_the_first_request() {
    let internet = Internet::new();
    let (told, asked) = channel();
    internet.serve(PUBLIC, 80, mirror(told.clone()));
    internet.serve(OTHER, 80, mirror(told));
    let daemon = internet.daemon_telling_all(HOSTS);
    set(&daemon, "API_TOKEN", CANARY).ok();
    let script = "printenv KEY; printenv API_TOKEN; curl -sS -m 20 -H \"Authorization: Bearer $KEY\" http://allowed.test/mine; \
                  curl -sS -m 20 -H \"Authorization: Bearer $KEY\" http://other.test/mine";
    let given = ["run", "--rm", "--net", "open", "--secret", "API_TOKEN:KEY=allowed.test/mine", "--", "sh", "-c", script];
    for _ in 0..3 {
        let said = daemon.aether(given).ok().text();
        let seen = asked.recv_timeout(Duration::from_secs(20)).expect("asked");
        assert!(seen.contains(&format!("Bearer {CANARY}")), "{seen}");
        assert!(said.starts_with("aether-placeholder-") && said.matches("aether-placeholder-").count() == 1, "{said}");
        assert!(said.contains("not granted") && !said.contains("canary"), "nothing for another host: {said}");
        assert!(asked.try_recv().is_err());
    }
    // The control: without the grant nothing is added.
    let plain = ["run", "--rm", "--net", "open", "--", "sh", "-c", "printenv KEY; curl -sS -m 20 http://allowed.test/mine"];
    daemon.aether(plain).ok();
    let seen = asked.recv_timeout(Duration::from_secs(20)).expect("asked");
    assert!(!seen.contains("canary"), "{seen}");

    // What cannot be granted starts nothing.
    let refused = |more: &str| daemon.aether(["run", "--name", "never", "--secret", more, "--", "true"]);
    refused("MISSING=allowed.test").refused(125, "no secret MISSING");
    refused("API_TOKEN=*.test").refused(2, "secret API_TOKEN:");
    refused("API_TOKEN").refused(2, "NAME=HOST");
    assert!(!daemon.aether(["ps", "-a"]).ok().text().contains("never"));
    let kept = daemon.aether(["run", "-d", "--secret", "API_TOKEN=allowed.test", "--", "sleep", "600"]).ok().text();
    let listed = || daemon.aether(["--json", "secret", "ls"]).ok().json();
    assert_eq!(listed()["grants"][0]["agent"], kept.trim(), "{}", listed());
    sweep(&daemon, kept.trim());
    daemon.aether(["rm", "-f", kept.trim()]).ok();
    assert_eq!(listed()["grants"].as_array().map(Vec::len), Some(0), "a grant goes with its agent");
    assert!(daemon.audit().iter().any(|record| record["action"] == "agent.launch.secret" && record["subject"] == kept.trim()));
}

#[test]
fn values_come_from_standard_input_and_are_never_shown() {
    let daemon = Daemon::start();
    let version = |n: u32| format!("API_TOKEN version {n}\n");
    assert_eq!(set(&daemon, "API_TOKEN", &format!("{CANARY}\n")).ok().text(), version(1));
    assert_eq!(set(&daemon, "API_TOKEN", CANARY).ok().text(), version(2));
    set(&daemon, "API_TOKEN", "short").refused(2, "at least 8 bytes");
    set(&daemon, "API_TOKEN", "").refused(2, "no value");
    set(&daemon, "API_TOKEN", "two\nlines of it").refused(2, "control characters");
    set(&daemon, "bad name", CANARY).refused(2, "secret name");
    daemon.aether(["secret", "set", "API_TOKEN", CANARY]).refused(2, "unexpected argument");
    daemon.aether(["secret", "rm", "MISSING"]).refused(3, "no secret MISSING");
    let missing = ["secret", "grant", "API_TOKEN", "--agent", "nobody", "--host", "a.test", "--bearer"];
    daemon.aether(missing).refused(3, "nobody");
    for text in [daemon.aether(["secret", "ls"]).ok().text(), daemon.aether(["--json", "secret", "ls"]).ok().text()] {
        assert!(text.contains("API_TOKEN") && !text.contains("canary"), "{text}");
    }
    let key = daemon.state().join("secrets.key").metadata().expect("the key");
    assert_eq!((key.mode() & 0o777, key.uid()), (0o600, 0), "the service's own user cannot read it");
    daemon.aether(["secret", "rm", "API_TOKEN"]).ok();
    assert!(!daemon.aether(["secret", "ls"]).ok().text().contains("API_TOKEN"));
}

#[test]
fn secrets_and_placeholders_outlive_a_restart() {
    let mut daemon = Daemon::start();
    set(&daemon, "API_TOKEN", CANARY).ok();
    let id = daemon.agent(&[], "exec sleep 600").id;
    daemon.aether(["secret", "grant", "API_TOKEN", "--agent", &id, "--host", "a.test", "--query", "key"]).ok();
    let placeholder = |daemon: &Daemon| daemon.aether(["exec", &id, "--", "printenv", "API_TOKEN"]).ok().text();
    let before = placeholder(&daemon);
    assert!(before.starts_with("aether-placeholder-"), "{before}");
    daemon.kill9();
    daemon.restart();
    assert_eq!(placeholder(&daemon), before);
    let listed = daemon.aether(["--json", "secret", "ls"]).ok().json();
    assert_eq!(listed["grants"][0]["host"], "a.test", "{listed}");
    daemon.aether(["rm", "-f", &id]).ok();
    let listed = daemon.aether(["--json", "secret", "ls"]).ok().json();
    assert_eq!(listed["grants"].as_array().map(Vec::len), Some(0), "a grant goes with its agent: {listed}");
}

/// How often the memory of the service holds a value as it is.
fn held(daemon: &Daemon, value: &str) -> usize {
    let (memory, value) = (aether_tests::memory::of(daemon.pid()), value.as_bytes());
    assert!(memory.len() > 1 << 20, "its memory was read");
    let begins = |at: &usize| memory[*at] == value[0] && memory[*at..].starts_with(value);
    (0..memory.len()).filter(begins).count()
}

/// CRED-05: what was removed or replaced is gone from where it was used.
#[test]
fn a_value_that_is_removed_or_replaced_leaves_the_memory_of_the_service() {
    let internet = Internet::new();
    let (told, asked) = channel();
    let mirror = mirror(told);
    let (go, gone) = channel::<()>();
    let gone = std::sync::Arc::new(std::sync::Mutex::new(gone));
    internet.serve(PUBLIC, 80, move |stream| {
        let _late = gone.lock().expect("lock").recv_timeout(Duration::from_secs(60));
        mirror(stream);
    });
    let daemon = internet.daemon(HOSTS);
    let agent = daemon.agent(&["--net", "open"], "exec sleep 600");
    let value = |version: u32| format!("{CANARY}-in-memory-{version}");
    set(&daemon, "API_TOKEN", &value(0)).ok();
    daemon.aether(["secret", "grant", "API_TOKEN", "--agent", &agent.id, "--host", "allowed.test", "--bearer"]).ok();
    let request = "curl -sS -m 60 -H \"Authorization: Bearer $API_TOKEN\" http://allowed.test/";
    for version in 0..3 {
        // The control: while a request is under way, the value is where it is looked for.
        std::thread::scope(|scope| {
            let curl = scope.spawn(|| daemon.aether(["exec", &agent.id, "--", "sh", "-c", request]).ok());
            eventually("the value in memory", Duration::from_secs(20), || (held(&daemon, &value(version)) > 0).then_some(()));
            go.send(()).expect("the server waits");
            assert!(curl.join().expect("curl").text().contains("****"));
        });
        let seen = asked.recv_timeout(Duration::from_secs(20)).expect("asked");
        assert!(seen.contains(&value(version)), "{seen}");
        if version < 2 {
            set(&daemon, "API_TOKEN", &value(version + 1)).ok();
        } else {
            daemon.aether(["secret", "rm", "API_TOKEN"]).ok();
        }
        eventually("it to be gone", Duration::from_secs(20), || (held(&daemon, &value(version)) == 0).then_some(()));
    }
    agent.remove();
}

/// CRED-05: a key that is replaced under load.
#[test]
fn a_new_value_is_used_at_once_and_no_request_fails_meanwhile() {
    let internet = Internet::new();
    let (told, asked) = channel();
    internet.serve(PUBLIC, 80, mirror(told));
    let mut daemon = internet.daemon(HOSTS);
    set(&daemon, "API_TOKEN", &format!("{CANARY}-0")).ok();
    let script = "while :; do curl -sS -m 20 -o /dev/null -w '%{http_code}\\n' -H \"Authorization: Bearer $API_TOKEN\" http://allowed.test/; done";
    let agent = daemon.agent(&["--net", "open", "--secret", "API_TOKEN=allowed.test"], script);
    let next = || asked.recv_timeout(Duration::from_secs(20)).expect("a request");
    for version in 1..=5 {
        let (old, new) = (format!("Bearer {CANARY}-{}\r\n", version - 1), format!("Bearer {CANARY}-{version}\r\n"));
        assert!(next().contains(&old), "the control");
        set(&daemon, "API_TOKEN", &format!("{CANARY}-{version}")).ok();
        // What was under way when it was set may still come, then never again.
        while asked.try_recv().is_ok() {}
        assert!(next().contains("Bearer"), "one may be between");
        for _ in 0..10 {
            let seen = next();
            assert!(seen.contains(&new) && !seen.contains(&old), "{version}: {seen}");
        }
    }
    let logs = agent.logs();
    assert!(logs.lines().count() > 50 && logs.lines().all(|code| code == "200"), "{logs}");
    // The count is whole, also after a restart.
    let uses = |daemon: &Daemon| daemon.aether(["--json", "secret", "ls"]).ok().json()["timesUsed"].as_u64().expect("a count");
    let counted = uses(&daemon);
    assert!(counted > 50, "{counted}");
    agent.remove();
    let counted = uses(&daemon).max(counted);
    daemon.kill9();
    daemon.restart();
    assert_eq!(uses(&daemon), counted, "it outlives its agent and the service");
}
