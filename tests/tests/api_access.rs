//! Who gets in: the kernel's word on the Unix socket, a credential over TCP, for every route that the API has.
#![forbid(unsafe_code)]

use std::{
    fs,
    os::{linux::net::SocketAddrExt as _, unix::fs::PermissionsExt as _, unix::net::SocketAddr},
    time::Duration,
};

use aether_tests::{
    Daemon, http,
    raw::{self, Answer},
    routes::{self, Route},
    stranger::{Stranger, ask},
};

/// Routes that need nobody to be signed in over TCP, each with its reason. Everything else does; what is in neither list
/// fails the test, so a new public route is a decision.
const PUBLIC: [(&str, &str); 5] = [
    ("GET /health", "says that the service lives, and nothing else"),
    ("GET /metrics", "figures for a scraper on this host: counts, no names"),
    ("GET /signin", "the one-time code is the credential"),
    ("POST /api/v1/session", "the token in the body is the credential"),
    ("DELETE /api/v1/session", "ends only the session whose cookie it shows"),
];

/// Every route that is not public. A route that is in neither list fails.
const KNOWN: &str = "\
    GET /api/v1/agents
    POST /api/v1/agents
    DELETE /api/v1/agents/{ref}
    GET /api/v1/agents/{ref}
    GET /api/v1/agents/{ref}/budget
    PUT /api/v1/agents/{ref}/budget
    POST /api/v1/agents/{ref}/continue
    POST /api/v1/agents/{ref}/cp
    GET /api/v1/agents/{ref}/entries
    POST /api/v1/agents/{ref}/exec
    GET /api/v1/agents/{ref}/feedback
    POST /api/v1/agents/{ref}/feedback
    DELETE /api/v1/agents/{ref}/files
    GET /api/v1/agents/{ref}/files
    PUT /api/v1/agents/{ref}/files
    GET /api/v1/agents/{ref}/isolation
    POST /api/v1/agents/{ref}/kill
    GET /api/v1/agents/{ref}/letters
    GET /api/v1/agents/{ref}/logs
    GET /api/v1/agents/{ref}/memory
    POST /api/v1/agents/{ref}/memory
    DELETE /api/v1/agents/{ref}/memory/{id}
    POST /api/v1/agents/{ref}/memory/{id}/share
    POST /api/v1/agents/{ref}/message
    POST /api/v1/agents/{ref}/mkdir
    GET /api/v1/agents/{ref}/models
    POST /api/v1/agents/{ref}/mv
    GET /api/v1/agents/{ref}/network
    POST /api/v1/agents/{ref}/network
    POST /api/v1/agents/{ref}/pause
    GET /api/v1/agents/{ref}/plan
    GET /api/v1/agents/{ref}/ports
    GET /api/v1/agents/{ref}/ports/{port}/connect
    POST /api/v1/agents/{ref}/ports/{port}/links
    POST /api/v1/agents/{ref}/priority
    GET /api/v1/agents/{ref}/profile
    GET /api/v1/agents/{ref}/reflections
    POST /api/v1/agents/{ref}/resume
    GET /api/v1/agents/{ref}/screen
    POST /api/v1/agents/{ref}/signal
    GET /api/v1/agents/{ref}/stat
    POST /api/v1/agents/{ref}/steer
    POST /api/v1/agents/{ref}/stop
    GET /api/v1/agents/{ref}/terminals
    GET /api/v1/agents/{ref}/timeline
    GET /api/v1/agents/{ref}/tree
    GET /api/v1/agents/{ref}/wait
    GET /api/v1/approvals
    POST /api/v1/approvals/{id}
    GET /api/v1/attach/{target}
    GET /api/v1/audit
    GET /api/v1/audit/verify
    GET /api/v1/doctor
    GET /api/v1/events
    GET /api/v1/minds
    GET /api/v1/models
    GET /api/v1/screens
    GET /api/v1/secrets
    POST /api/v1/secrets
    DELETE /api/v1/secrets/{name}
    POST /api/v1/secrets/{name}/grants
    DELETE /api/v1/secrets/{name}/grants/{id}
    GET /api/v1/session
    POST /api/v1/signin-links
    GET /api/v1/system/backup
    GET /api/v1/system/metrics
    GET /api/v1/system/report-key
    GET /api/v1/system/status
    GET /api/v1/templates
    GET /api/v1/templates/{id}
    GET /kernel";

/// Everything that is remembered, for nobody but root.
const FOR_ROOT: &str = "GET /api/v1/system/backup";

fn is_public(route: &Route) -> bool {
    PUBLIC.iter().any(|(name, _)| *name == route.name())
}

/// Sends a route's request with these headers, and reads the beginning of its answer: some never end.
fn send(daemon: &Daemon, route: &Route, headers: &str) -> Answer {
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let connection = if route.is_socket() { upgrade } else { "Connection: close\r\n" };
    let (method, address, port, origin) = (&route.method, route.address("nobody"), daemon.port(), daemon.origin());
    let head = format!("{method} {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n{connection}{headers}");
    raw::tcp(port, format!("{head}Content-Length: 2\r\n\r\n{{}}").as_bytes(), Duration::from_millis(150))
}

#[test]
fn every_route_is_in_the_policy() {
    let known: Vec<String> =
        KNOWN.split_whitespace().collect::<Vec<_>>().chunks(2).map(|pair| format!("{} {}", pair[0], pair[1])).collect();
    let there: Vec<String> = routes::all().iter().map(Route::name).collect();
    for name in &there {
        let rows = known.iter().filter(|known| *known == name).count() + PUBLIC.iter().filter(|(row, _)| row == name).count();
        assert_eq!(rows, 1, "{name}: say in exactly one list of this file who may use it");
    }
    for row in known.iter().map(String::as_str).chain(PUBLIC.map(|(name, _)| name)) {
        assert!(there.iter().any(|name| name == row), "{row} does not exist any more");
    }
}

#[test]
fn no_route_opens_without_its_credential() {
    let daemon = Daemon::start();
    let token = daemon.token();
    let (signed_in, signed_out) = (daemon.sign_in(), daemon.sign_in());
    let out = http::tcp(daemon.port(), "DELETE", "/api/v1/session");
    assert_eq!(out.header("cookie", &signed_out).header("origin", &daemon.origin()).send().status, 204);
    let used = daemon.sign_in_path();
    assert_eq!(http::tcp(daemon.port(), "GET", &used).send().status, 303);
    let code = used.rsplit_once('=').expect("a code").1.to_owned();
    let wrong = [
        String::new(),
        format!("Authorization: Bearer {}\r\n", "0".repeat(64)),
        format!("Authorization: Basic {token}\r\n"),
        format!("Authorization: Bearer {code}\r\n"),
        format!("Authorization: Bearer {}\r\n", signed_in.split_once('=').expect("a value").1),
        format!("Cookie: {signed_out}\r\n"),
        format!("Cookie: aether_token={code}\r\n"),
        "X-Forwarded-User: operator\r\nX-Forwarded-For: 127.0.0.1\r\nX-Original-URL: /health\r\n".to_owned(),
    ];
    for route in routes::all() {
        let name = route.name();
        if is_public(&route) {
            // A sign-in without its own credential fails as well, for that reason.
            assert_ne!(send(&daemon, &route, "").status(), 0, "{name}");
            continue;
        }
        for headers in &wrong {
            let status = send(&daemon, &route, headers).status();
            // After thirty wrong ones in a minute the answer is "later".
            assert!([401, 429].contains(&status), "{name} with {headers:?}: {status}");
        }
        for headers in [format!("Authorization: Bearer {token}\r\n"), format!("Cookie: {signed_in}\r\n")] {
            let status = send(&daemon, &route, &headers).status();
            if name == FOR_ROOT {
                assert_eq!(status, 403, "{name} is for root on the Unix socket");
                continue;
            }
            assert!(status > 0 && ![401, 403, 421, 429].contains(&status), "{name} with the right one: {status}");
        }
    }
    let late = http::tcp(daemon.port(), "GET", &used).send();
    assert!([401, 429].contains(&late.status) && late.header("set-cookie").is_none(), "a link works once: {late}");
}

#[test]
fn the_socket_is_for_root_and_the_group_as_the_kernel_names_them() {
    let daemon = Daemon::with("[service]\ngroup = \"games\"\n");
    let requests: Vec<(String, String)> =
        routes::all().iter().map(|route| (route.method.clone(), route.address("nobody"))).collect();
    let one = [("GET".to_owned(), "/api/v1/session".to_owned())];
    let games = nix::unistd::Group::from_name("games").expect("groups").expect("a group of every Debian").gid.as_raw();
    let closed = ask(&daemon.socket(), Stranger::Ids(4242, 4242), &one);
    assert_eq!(closed, [0], "the file's mode alone keeps others out");

    // The second layer alone: a socket that anybody may connect to.
    fs::set_permissions(daemon.socket(), fs::Permissions::from_mode(0o666)).expect("chmod");
    for who in [
        Stranger::Ids(4242, 4242),
        Stranger::RootInside(4242),
        // The ids of those whose own the kernel cannot name.
        Stranger::Ids(65534, 65534),
        Stranger::Ids(65534, games),
        Stranger::Ids(4242, 65534),
    ] {
        for (request, status) in requests.iter().zip(ask(&daemon.socket(), who, &requests)) {
            assert_eq!(status, 403, "{who:?}: {request:?}");
        }
    }
    for who in [Stranger::Ids(4242, games), Stranger::Ids(0, 0)] {
        assert_eq!(ask(&daemon.socket(), who, &one), [200], "{who:?}");
    }
    let denied: Vec<_> = daemon.audit().into_iter().filter(|record| record["action"] == "request.denied").collect();
    assert!(denied.iter().any(|record| record["outcome"]["peer"] == "uid 4242"), "{denied:?}");
}

#[test]
fn an_agent_reaches_no_socket_of_the_host() {
    const CLIENT: &str = r#"
import os, socket, sys
names, reached = set(sys.argv[2:]), []
for root, dirs, files in os.walk("/"):
    dirs[:] = [d for d in dirs if os.path.join(root, d) not in ("/proc", "/sys")] if root == "/" else dirs
    names.update(os.path.join(root, f) for f in files if not os.path.isfile(os.path.join(root, f)))
for line in open("/proc/net/unix").read().splitlines()[1:]:
    names.update(line.split()[7:])
for name in names:
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        try:
            s = socket.socket(socket.AF_UNIX, kind)
            s.settimeout(2)
            s.connect("\0" + name[1:] if name.startswith("@") else name)
            reached.append(name)
        except (OSError, ValueError):
            pass
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)
    reached.append("tcp")
except OSError:
    pass
print("reached", reached, len(names) > 0)
"#;
    let daemon = Daemon::start();
    let abstracts = SocketAddr::from_abstract_name("aether-test-canary").expect("a name");
    let _canary = std::os::unix::net::UnixListener::bind_addr(&abstracts).expect("bind");
    let table = fs::read_to_string("/proc/net/unix").expect("sockets");
    let mut names: Vec<String> = table.lines().filter_map(|line| line.split_whitespace().nth(7).map(str::to_owned)).collect();
    names.retain(|name| name.contains("aether"));
    names.push(daemon.socket().display().to_string());
    assert!(names.iter().any(|name| name == "@aether-test-canary"), "{names:?}");
    let port = daemon.port().to_string();
    let args = [&["/usr/bin/python3", "-c", CLIENT, &port][..], &names.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    let inside = daemon.aether([&["run", "--rm", "--"][..], &args].concat()).ok().text();
    assert_eq!(inside.trim(), "reached [] True");

    // The same client where it may: on the host.
    let mut command = std::process::Command::new(args[0]);
    command.args(["-c", &CLIENT.replace("os.walk(\"/\")", "[]"), &port]).args(&names);
    let outside = aether_tests::cli::spawn(command, b"").end(Duration::from_secs(30)).ok().text();
    for name in ["'tcp'", "'@aether-test-canary'", "aether.sock'"] {
        assert!(outside.contains(name), "{name}: {outside}");
    }
}
