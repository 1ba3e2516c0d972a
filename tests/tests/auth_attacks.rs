//! No token, link or session works twice, elsewhere, or after its end; and none of them lies about.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{self, ErrorKind},
    net::TcpStream,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use aether_tests::{Daemon, http, proc};
use nix::unistd::{Whence, lseek};
use serde_json::json;
use tungstenite::{WebSocket, client::IntoClientRequest as _, http::HeaderValue};

/// Revoked means dead within this time.
const DEAD: Duration = Duration::from_secs(5);

fn socket(daemon: &Daemon, path: &str, cookie: &str) -> WebSocket<TcpStream> {
    let mut request = format!("ws://127.0.0.1:{}{path}", daemon.port()).into_client_request().expect("a request");
    for (name, value) in [("cookie", cookie), ("origin", &daemon.origin())] {
        request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    let stream = TcpStream::connect(("127.0.0.1", daemon.port())).expect("connect");
    stream.set_read_timeout(Some(DEAD)).expect("timeout");
    tungstenite::client(request, stream).map(|(socket, _)| socket).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Reads until the other side is gone; panics when it still talks or is silent after [`DEAD`].
#[track_caller]
fn is_closed_soon(socket: &mut WebSocket<TcpStream>, what: &str) {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < DEAD, "{what} still talks");
        match socket.read() {
            Ok(tungstenite::Message::Close(frame)) => {
                assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(1008), "{what} says why");
                return;
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("{what} is open after {DEAD:?}")
            }
            Err(_) => return,
        }
    }
}

fn sign_out(daemon: &Daemon, cookie: &str) -> u16 {
    let request = http::tcp(daemon.port(), "DELETE", "/api/v1/session").header("cookie", cookie);
    request.header("origin", &daemon.origin()).send().status
}

fn session(daemon: &Daemon, cookie: &str) -> u16 {
    http::tcp(daemon.port(), "GET", "/api/v1/session").header("cookie", cookie).send().status
}

#[test]
fn signing_out_ends_everything_of_that_session_and_nothing_else() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "busy"], "while :; do echo x; sleep 0.2; done");
    let (first, second) = (daemon.sign_in(), daemon.sign_in());
    assert_ne!(first, second);
    let paths = ["/kernel", "/api/v1/attach/busy"];
    let mut gone: Vec<_> = paths.iter().map(|path| socket(&daemon, path, &first)).collect();
    let mut kept = socket(&daemon, "/kernel", &second);
    assert!(kept.read().expect("a greeting").is_text());
    let waiting = {
        let request = http::tcp(daemon.port(), "GET", "/api/v1/agents/busy/wait").header("cookie", &first);
        thread::spawn(move || request.send().status)
    };
    let following = {
        let request = http::tcp(daemon.port(), "GET", "/api/v1/agents/busy/logs?follow=true").header("cookie", &first);
        thread::spawn(move || (request.try_send(), Instant::now()))
    };
    thread::sleep(Duration::from_millis(500));
    let out = Instant::now();
    assert_eq!(sign_out(&daemon, &first), 204);
    assert_eq!(session(&daemon, &first), 401);
    for (socket, path) in gone.iter_mut().zip(paths) {
        is_closed_soon(socket, path);
    }
    assert_eq!(waiting.join().expect("asked"), 401);
    let (_, ended) = following.join().expect("asked");
    assert!(ended.duration_since(out) < DEAD, "a stream went on");
    assert_eq!(session(&daemon, &second), 200);
    kept.send(tungstenite::Message::text(r#"{"id":"1","type":"process.list"}"#)).expect("open");
    assert!(kept.read().is_ok(), "another browser stays");
    assert!(daemon.audit().iter().any(|record| record["action"] == "session.signout" && record["who"] == "operator"));
}

#[test]
fn a_session_outlives_a_restart_but_not_its_token() {
    let mut daemon = Daemon::start();
    let (kept, ended, old) = (daemon.sign_in(), daemon.sign_in(), daemon.token());
    assert_eq!(sign_out(&daemon, &ended), 204);
    daemon.stop();
    daemon.restart();
    assert_eq!((session(&daemon, &kept), session(&daemon, &ended)), (200, 401));
    // The way to throw everybody out.
    daemon.stop();
    fs::remove_file(daemon.state().join("token")).expect("remove");
    daemon.restart();
    assert_eq!(session(&daemon, &kept), 401);
    let with = |token: &str| http::tcp(daemon.port(), "GET", "/api/v1/session").token(token).send().status;
    assert_eq!((with(&old), with(&daemon.token())), (401, 200));
}

#[test]
fn nobody_is_given_a_session_that_somebody_else_knows() {
    let daemon = Daemon::start();
    let planted = format!("aether_token={}", "ab".repeat(32));
    let answer = http::tcp(daemon.port(), "GET", &daemon.sign_in_path()).header("cookie", &planted).send();
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(!cookie.contains(&planted), "{cookie}");
    assert_eq!(session(&daemon, &planted), 401, "what was planted signs nobody in");
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(flag) && !cookie.to_lowercase().contains("domain"), "{cookie}");
    }
    let value = cookie.split(';').next().expect("a value");
    assert_eq!(session(&daemon, &format!("{planted}; {value}")), 200, "nor does it sign anybody out");
    assert_eq!(value.len(), "aether_token=".len() + 64, "256 bits");
}

#[test]
fn a_link_works_for_one_of_many() {
    let daemon = Daemon::start();
    let path = daemon.sign_in_path();
    let race: Vec<_> = (0..20)
        .map(|_| {
            let request = http::tcp(daemon.port(), "GET", &path);
            thread::spawn(move || request.send())
        })
        .collect();
    let answers: Vec<_> = race.into_iter().map(|one| one.join().expect("asked")).collect();
    assert_eq!(answers.iter().filter(|answer| answer.status == 303).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.header("set-cookie").is_some()).count(), 1);
    let link = http::unix(&daemon.socket(), "POST", "/api/v1/signin-links").send().data();
    let expires = link["expiresAt"].as_str().expect("a time").to_owned();
    let now = std::process::Command::new("date").args(["-u", "-d", "+16 minutes", "+%Y-%m-%dT%H:%M"]).output().expect("date");
    assert!(expires.as_str() < String::from_utf8_lossy(&now.stdout).trim(), "{expires}");
}

#[test]
fn guessing_is_slowed_down_and_locks_nobody_out() {
    let daemon = Daemon::start();
    let start = Instant::now();
    let guesses: Vec<_> = (0..4)
        .map(|thread| {
            let port = daemon.port();
            thread::spawn(move || {
                let guess = |n: usize| {
                    http::tcp(port, "POST", "/api/v1/session").json(&json!({ "token": format!("{thread:032}{n:032}") }))
                };
                (0..100).map(|n| guess(n).send().status).collect::<Vec<_>>()
            })
        })
        .collect();
    let statuses: Vec<u16> = guesses.into_iter().flat_map(|one| one.join().expect("guessed")).collect();
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    let minutes = usize::try_from(start.elapsed().as_secs() / 60 + 1).expect("small");
    assert!(
        statuses.iter().filter(|status| **status == 401).count() <= 30 * minutes,
        "only so many are told that they are wrong"
    );
    let right = http::tcp(daemon.port(), "GET", "/api/v1/session").token(&daemon.token()).send();
    assert_eq!(right.status, 200, "the operator is not locked out by strangers");
}

#[test]
fn a_guess_takes_as_long_however_near_it_is() {
    let daemon = Daemon::start();
    let token = daemon.token();
    let far = format!("{}{}", if token.starts_with('0') { '1' } else { '0' }, &token[1..]);
    let near = format!("{}{}", &token[..63], if token.ends_with('0') { '1' } else { '0' });
    let timed = |guess: &str| {
        let start = Instant::now();
        assert!([401, 429].contains(&http::tcp(daemon.port(), "GET", "/api/v1/session").token(guess).send().status));
        start.elapsed()
    };
    let (mut far_times, mut near_times): (Vec<_>, Vec<_>) = (0..150).map(|_| (timed(&far), timed(&near))).unzip();
    far_times.sort();
    near_times.sort();
    let (far, near) = (far_times[75], near_times[75]);
    assert!(far.abs_diff(near) < Duration::from_millis(2), "medians {far:?} and {near:?}");
}

/// Every file below a directory that holds `secret`.
fn holding(dir: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a type"));
        if kind.is_dir() {
            found.extend(holding(&path, secret));
        } else if kind.is_file() {
            let bytes = written(&path).unwrap_or_default();
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(path.file_name().expect("a name").to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// What was written to a file, without its holes: the volume of the homes is larger than the memory (lseek(2), `SEEK_DATA`).
fn written(path: &Path) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let (mut bytes, mut end) = (Vec::new(), 0);
    while let Ok(start) = lseek(&file, end, Whence::SeekData) {
        end = lseek(&file, start, Whence::SeekHole)?;
        let mut part = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
        file.read_exact_at(&mut part, u64::try_from(start).map_err(io::Error::other)?)?;
        bytes.extend(part);
    }
    Ok(bytes)
}

/// Everything directly in the state directory that somebody else may read or list.
fn readable(state: &Path) -> Vec<String> {
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
    let files = fs::read_dir(state).expect("the state").flatten().map(|entry| entry.path());
    let all = files
        .filter(|path| path.is_file() && mode(path) & 0o077 != 0)
        .chain([state.to_owned()].into_iter().filter(|dir| mode(dir) & 0o006 != 0));
    all.map(|path| path.display().to_string()).collect()
}

#[test]
fn secrets_lie_in_one_file_and_nowhere_else() {
    let mut daemon = Daemon::start();
    let (token, cookie, code) = (daemon.token(), daemon.sign_in(), daemon.sign_in_path());
    let session = cookie.split_once('=').expect("a value").1.to_owned();
    let code = code.rsplit_once('=').expect("a code").1.to_owned();
    let guess = "c0ffee".repeat(10);
    http::tcp(daemon.port(), "POST", "/api/v1/session").json(&json!({ "token": guess })).send().refused(401, "UNAUTHENTICATED");
    http::tcp(daemon.port(), "GET", "/api/v1/agents").token(&guess).send().refused(401, "UNAUTHENTICATED");
    let body = http::tcp(daemon.port(), "POST", "/api/v1/session").json(&json!({ "token": token }));
    assert_eq!(body.header("origin", &daemon.origin()).send().status, 200);
    for (what, secret) in [("session", &session), ("code", &code), ("guess", &guess), ("token", &token)] {
        let args = fs::read(format!("/proc/{}/cmdline", daemon.pid())).expect("arguments");
        let environ = fs::read(format!("/proc/{}/environ", daemon.pid())).expect("environment");
        for place in [args, environ] {
            assert!(!place.windows(secret.len()).any(|window| window == secret.as_bytes()), "{what}");
        }
        assert!(!daemon.log().contains(secret.as_str()), "the log holds a {what}");
        assert!(daemon.audit().iter().all(|record| !record.to_string().contains(secret.as_str())), "the audit holds a {what}");
    }
    assert!(proc::runs(daemon.pid()));
    daemon.stop();
    for (what, secret) in [("session", &session), ("code", &code), ("guess", &guess)] {
        assert_eq!(holding(&daemon.state(), secret), Vec::<String>::new(), "{what}");
    }
    // The control of the search, and the one place where the token may be.
    assert_eq!(holding(&daemon.state(), &token), ["token"]);
    let open: Vec<_> = readable(&daemon.state());
    assert_eq!(open, Vec::<String>::new(), "others may read these");
}
