//! TLS that is opened: only where an agent's rules say so, with its server believed as ever, and every rule in force within.
#![forbid(unsafe_code)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use aether_tests::{
    eventually, http,
    internet::{Internet, OTHER, PUBLIC},
};
use serde_json::json;

const CANARY: &str = "canary-71d0be52aa9c4e36";

/// Asks for a WebSocket within TLS, and has more echoed than fits into one piece.
const UPGRADE: &str = r"
import socket, ssl
made = ssl.create_default_context().wrap_socket(socket.create_connection(('allowed.test', 443), 20), server_hostname='allowed.test')
made.sendall(b'GET /up HTTP/1.1\r\nHost: allowed.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
print(made.recv(4096).split(b'\r\n')[0].decode())
heard = b''
for _ in range(100):
    made.sendall(b'x' * 2000)
    while len(heard) % 2000 or not heard or len(heard) < 2000 * (_ + 1): heard += made.recv(65536)
assert set(heard) == set(b'X')
print('echo', len(heard))
";

#[test]
fn rules_and_secrets_hold_within_opened_tls_and_servers_are_believed_as_ever() {
    let internet = Internet::new();
    let dir = tempfile::Builder::new().prefix("aether-tls-").tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls.py").display().to_string();
    let _far = internet.start_far(&["/usr/bin/python3", &script, &dir.path().display().to_string(), PUBLIC, OTHER]);
    eventually("the servers", Duration::from_secs(60), || dir.path().join("ready").exists().then_some(()));
    let hosts = format!("{PUBLIC} allowed.test other.test wrong.test\n{OTHER} bad.test");
    let daemon = internet.daemon_trusting(&hosts, &dir.path().join("ca.pem"));
    daemon.aether_with(["secret", "set", "API_TOKEN"], CANARY.as_bytes(), Duration::from_secs(20)).ok();
    let open = ["--net", "open", "--open-tls", "allowed.test", "--open-tls", "bad.test", "--open-tls", "wrong.test"];
    let agent = daemon.agent(&[&open[..], &["--secret", "API_TOKEN=allowed.test/mine"]].concat(), "exec sleep 600");
    let inside = |script: &str| {
        let outcome = daemon.aether(["exec", &agent.id, "--", "sh", "-c", script]);
        String::from_utf8_lossy(&outcome.stdout).into_owned() + &outcome.stderr
    };
    const ISSUER: &str = "echo | openssl s_client -connect HOST:443 -servername HOST 2>/dev/null | openssl x509 -noout -issuer";
    let issuer = |host: &str| inside(&ISSUER.replace("HOST", host));

    // The chain is whole, for this name alone, and signed by the one authority that the sandbox has more than the host.
    let check = |more: &str| {
        let all = "-CAfile /etc/ssl/certs/ca-certificates.crt -verify_return_error -verify_depth 2 -showcerts";
        inside(&format!("echo | openssl s_client -connect allowed.test:443 -servername allowed.test {all} {more} 2>&1"))
    };
    let said = check("-verify_hostname allowed.test");
    assert!(said.contains("Verify return code: 0 (ok)") && said.contains("Verified peername: allowed.test"), "{said}");
    assert_eq!(said.matches("BEGIN CERTIFICATE").count(), 2, "{said}");
    let said = check("-verify_hostname other.test");
    assert!(said.contains("hostname mismatch") && !said.contains("(ok)"), "{said}");
    let nobody = "-no-CAfile -no-CApath -no-CAstore -verify_return_error";
    let said = inside(&format!("echo | openssl s_client -connect allowed.test:443 -servername allowed.test {nobody} 2>&1"));
    assert!(said.contains("verify error") && !said.contains("(ok)"), "who trusts nobody does not trust it: {said}");
    let names = inside(
        "echo | openssl s_client -connect allowed.test:443 -servername allowed.test 2>/dev/null | openssl x509 -noout -ext subjectAltName",
    );
    assert_eq!(names.lines().nth(1).map(str::trim), Some("DNS:allowed.test"), "{names}");
    // HTTP/2 is offered and not taken: clients go on with HTTP/1.1, and one that knows nothing else is told so.
    let said = inside("curl -sS -m 20 --http2 -o /dev/null -w '%{http_version} %{http_code}' https://allowed.test/hello");
    assert_eq!(said, "1.1 200");
    let node = "const t = require('tls').connect({ host: 'allowed.test', port: 443, servername: 'allowed.test', ALPNProtocols: ['h2', 'http/1.1'] }, \
                () => { console.log(t.alpnProtocol, t.authorized); t.end() })";
    assert_eq!(inside(&format!("node -e \"{node}\"")), "http/1.1 true\n");
    let python = "import socket, ssl
def agreed(offered):
    c = ssl.create_default_context(); c.set_alpn_protocols(offered)
    try: return c.wrap_socket(socket.create_connection(('allowed.test', 443), 20), server_hostname='allowed.test').selected_alpn_protocol()
    except ssl.SSLError: return 'refused'
print(agreed(['h2', 'http/1.1']), agreed(['h2']))";
    assert_eq!(inside(&format!("python3 -c \"{python}\"")), "http/1.1 refused\n");

    // Programs of three TLS libraries believe it without being told, and only it is opened.
    assert!(issuer("allowed.test").contains("Aether on this machine"), "{}", issuer("allowed.test"));
    assert!(issuer("other.test").contains("far authority"), "the control: {}", issuer("other.test"));
    for ask in [
        "curl -sS -m 20 https://allowed.test/hello",
        "python3 -c \"import urllib.request as u; print(u.urlopen('https://allowed.test/hello', timeout=20).read().decode())\"",
        "GIT_CURL_VERBOSE=1 git ls-remote https://allowed.test/hello 2>&1 | grep 'not valid: is this a git repository' && echo GET /hello",
    ] {
        let said = inside(ask);
        assert!(said.contains("GET /hello"), "{ask}: {said}");
    }

    // A secret goes where it is granted, is scrubbed from what comes back, and goes nowhere else.
    let asked = || fs::read_to_string(dir.path().join("asked")).unwrap_or_default();
    let said = inside("curl -sS -m 20 -H \"Authorization: Bearer $API_TOKEN\" https://allowed.test/mine");
    assert!(asked().contains(&format!("Bearer {CANARY}")) && asked().contains("host: allowed.test\n"), "{}", asked());
    assert!(said.contains("GET /mine") && said.contains("****") && !said.contains("canary"), "{said}");
    let said = inside("curl -sS -m 20 -H \"Authorization: Bearer $API_TOKEN\" https://allowed.test/theirs");
    assert!(said.contains("not granted") && !asked().contains("/theirs"), "{said}");

    // A server that nobody would believe is not believed for an agent either.
    let said = inside("curl -sS -m 20 https://bad.test/");
    assert!(said.contains("cannot be believed") && !asked().contains("bad.test"), "{said}");
    // Nor one whose certificate is good for other names.
    let said = inside("curl -sS -m 20 https://wrong.test/");
    assert!(said.contains("cannot be believed") && !asked().contains("wrong.test"), "{said}");
    // Another name within is another destination.
    let said = inside("curl -sS -m 20 -H 'Host: other.test' https://allowed.test/fronted");
    assert!(said.contains("at another host's address") && !asked().contains("/fronted"), "{said}");

    // What follows an upgrade goes both ways, and counts.
    let said = inside(&format!("python3 -c \"{UPGRADE}\""));
    assert!(said.contains("101 Switching Protocols") && said.contains("echo 200000"), "{said}");
    let network = daemon.aether(["--json", "network", &agent.id]).ok().json();
    let to = network["destinations"].as_array().and_then(|all| all.iter().find(|to| to["host"] == "allowed.test")).cloned();
    let sent = to.as_ref().and_then(|to| to["bytesSent"].as_u64());
    assert!(sent.is_some_and(|sent| sent >= 200_000), "{network}");

    // Methods and paths hold.
    let rules = json!({ "type": "replace", "policy": {
        "allow": [{ "host": "allowed.test", "methods": ["GET"], "paths": ["/v1/"] }, { "host": "other.test" }],
        "open": ["allowed.test"] } });
    let address = format!("/api/v1/agents/{}/network", agent.id);
    let change = |rules: &serde_json::Value| http::unix(&daemon.socket(), "POST", &address).json(rules).send();
    assert_eq!(change(&rules).status, 200);
    assert!(inside("curl -sS -m 20 https://allowed.test/v1/x").contains("GET /v1/x"), "the control");
    for refused in
        ["-X DELETE https://allowed.test/v1/x", "https://allowed.test/v2", "--path-as-is https://allowed.test/v1/../v2"]
    {
        let said = inside(&format!("curl -sS -m 20 {refused}"));
        assert!(said.contains("no rule of this host allows this method and path"), "{refused}: {said}");
    }
    assert!(!asked().contains("DELETE") && !asked().contains("/v2"), "{}", asked());
    let none = json!({ "type": "replace", "policy": { "allow": [{ "host": "allowed.test" }] } });
    let refused = change(&none);
    assert!(refused.status == 409 && refused.json().to_string().contains("chosen when an agent starts"));

    // It is said, off unless asked for, and its key is nowhere in the open.
    let report = daemon.aether(["--json", "inspect", "--isolation", &agent.id]).ok().text();
    for fact in ["way out: TLS opened for allowed.test", "way out: secret API_TOKEN added to allowed.test/mine", "\"full\":true"]
    {
        assert!(report.contains(fact), "{fact}: {report}");
    }
    let plain = daemon.aether([
        "run",
        "--rm",
        "--net",
        "open",
        "--",
        "sh",
        "-c",
        "ls /etc/ssl/certs/aether.pem; printenv SSL_CERT_FILE; true",
    ]);
    let plain = plain.ok();
    assert!(!plain.text().contains("etc"), "{plain}");
    let files = inside("cat /etc/ssl/certs/* | grep -c 'PRIVATE KEY'; ls /etc/ssl/certs; touch /etc/ssl/certs/x");
    assert!(files.starts_with("0\naether.pem\nca-certificates.crt\n") && files.contains("Read-only file system"), "{files}");
}
