//! HTTP that no client would send: nothing is read in two ways, everything has a bound, and the service stays up.
#![forbid(unsafe_code)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use aether_tests::{Daemon, eventually, http, proc, raw};

const PATIENCE: Duration = Duration::from_secs(3);

/// A request to the right host, and whatever else.
fn send(daemon: &Daemon, line: &str, rest: &str) -> raw::Answer {
    let port = daemon.port();
    raw::tcp(port, format!("{line}\r\nHost: 127.0.0.1:{port}\r\n{rest}").as_bytes(), PATIENCE)
}

#[test]
fn a_request_has_one_length() {
    let daemon = Daemon::start();
    let host = format!("Host: 127.0.0.1:{}\r\n", daemon.port());
    let second = format!("GET /health HTTP/1.1\r\n{host}\r\n");
    let post = "POST /api/v1/session HTTP/1.1";
    // Two ways to read the end of the first request: the second one must not be served whichever it is.
    for lengths in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 5 + second.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n0\r\n\r\n", 5 + second.len()),
        format!("Content-Length: 0\r\nContent-Length: {}\r\n\r\n", second.len()),
        format!("Content-Length: 0, {}\r\n\r\n", second.len()),
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Content-Length: +0\r\n\r\n".to_owned(),
        "Content-Length: 0x0\r\n\r\n".to_owned(),
        "Content-Length: 99999999999999999999\r\n\r\n".to_owned(),
        "Content-Length: -1\r\n\r\n".to_owned(),
    ] {
        let answer = send(&daemon, post, &format!("{lengths}{second}"));
        assert!(answer.statuses().len() <= 1 && answer.closed, "{lengths:?}: {answer:?}");
        assert!((400..500).contains(&answer.status()), "{lengths:?}: {answer:?}");
    }
    // Each way alone is read, and so is what follows it.
    for length in ["Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"] {
        let answer = send(&daemon, post, &format!("{length}{second}"));
        assert_eq!(answer.statuses(), [400, 200], "{length:?}: {answer:?}");
    }
}

#[test]
fn malformed_heads_are_refused() {
    let daemon = Daemon::start();
    let get = "GET /health HTTP/1.1";
    assert_eq!(send(&daemon, get, "X: 1\r\n\r\n").status(), 200);
    for bad in
        ["X: a\r\n b\r\n\r\n", "X : 1\r\n\r\n", "X: a\0b\r\n\r\n", "X: a\rb\r\n\r\n", " X: 1\r\n\r\n", ": 1\r\n\r\n", "X\r\n\r\n"]
    {
        assert_eq!(send(&daemon, get, bad).status(), 400, "{bad:?}");
    }
    let many = (0..100_000).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    assert_eq!(send(&daemon, get, &format!("{many}\r\n")).status(), 431, "a hundred thousand headers");
    let long = "a".repeat(1 << 20);
    assert_eq!(send(&daemon, get, &format!("X: {long}\r\n\r\n")).status(), 431, "one of a mebibyte");
    let target = send(&daemon, &format!("GET /{long} HTTP/1.1"), "\r\n").status();
    assert!([414, 431].contains(&target), "an address of a mebibyte: {target}");
    for (line, statuses) in [
        ("GET /health", &[400][..]),
        ("GET /health HTTP/3.0", &[400]),
        ("GET health HTTP/1.1", &[400, 421]),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", &[400, 404, 405, 421]),
        ("TRACE / HTTP/1.1", &[404, 405]),
        ("GET http://evil.example/health HTTP/1.1", &[421]),
        ("GET /%00 HTTP/1.1", &[400, 404]),
        ("GET //evil.example/ HTTP/1.1", &[400, 404]),
        ("GET /assets/../../../etc/passwd HTTP/1.1", &[400, 404]),
        ("GET /assets/%2e%2e/%2e%2e/etc/passwd HTTP/1.1", &[400, 404]),
    ] {
        let answer = send(&daemon, line, "Accept: */*\r\nConnection: close\r\n\r\n");
        assert!(statuses.contains(&answer.status()), "{line}: {answer:?}");
    }
    assert_eq!(send(&daemon, get, "\r\n").status(), 200, "the service is up");
}

#[test]
fn there_is_no_http_2_to_attack() {
    let daemon = Daemon::start();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let answer = raw::tcp(daemon.port(), preface, PATIENCE);
    assert!(answer.closed && !answer.text.as_bytes().starts_with(b"\0\0"), "{answer:?}");
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    assert_eq!(send(&daemon, "GET /health HTTP/1.1", upgrade).status(), 200, "the offer is not taken");
}

#[test]
fn slow_and_many_connections_do_not_stop_the_service() {
    const MANY: usize = 700;
    let daemon = Daemon::start();
    let before = proc::descriptors(daemon.pid());
    let start = Instant::now();
    let mut slow: Vec<TcpStream> = (0..MANY)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", daemon.port())).expect("connect");
            // Beyond the limit the other side has closed already.
            drop(stream.write_all(b"GET /health HTTP/1.1\r\nHost: "));
            stream
        })
        .collect();
    let held = proc::descriptors(daemon.pid()).saturating_sub(before);
    assert!(held < 600, "{held} descriptors for strangers");
    let asked = Instant::now();
    assert_eq!(http::unix(&daemon.socket(), "GET", "/api/v1/agents").send().status, 200);
    assert!(asked.elapsed() < Duration::from_secs(2), "people on the socket wait {:?}", asked.elapsed());
    // A head that never ends is given up, so a place is free again.
    let answer =
        eventually("a place on the TCP side", Duration::from_secs(25), || http::tcp(daemon.port(), "GET", "/health").try_send());
    assert_eq!(answer.status, 200);
    assert!(start.elapsed() > Duration::from_secs(5), "the places were taken before");
    let mut buffer = Vec::new();
    slow[0].set_read_timeout(Some(Duration::from_secs(5))).expect("timeout");
    drop(slow[0].read_to_end(&mut buffer));
    drop(slow);
    eventually("its descriptors", Duration::from_secs(10), || (proc::descriptors(daemon.pid()) <= before + 8).then_some(()));
}
