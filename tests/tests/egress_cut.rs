//! What is connected when its destination is no longer allowed is cut, whatever it carries.
#![forbid(unsafe_code)]

use std::time::Duration;

use aether_tests::{
    Agent, eventually,
    internet::{Internet, OTHER, PUBLIC, Served, drip, echo, websocket},
};

const HOSTS: &str = "93.184.216.34 allowed.test asked.test\n93.184.216.35 other.test";

/// Connections of every kind to `allowed.test` and two to another host; each says that it is up, and how it ended.
const CLIENT: &str = r#"
import socket, threading
def watch(label, to, say, wait):
    s = socket.create_connection(to, 60); s.sendall(say.encode())
    got, told = b'', False
    try:
        while True:
            more = s.recv(4096)
            if not more: print(label, 'ended', flush=True); return
            got += more
            if wait in got and not told: told = True; print(label, 'up', flush=True)
            if label == 'other' and len(got) % 20 == 0: print('tick', flush=True)
    except OSError as error: print(label, 'cut', type(error).__name__, flush=True)
get = lambda host, more='': f'GET / HTTP/1.1\r\nHost: {host}\r\n{more}\r\n'
upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
proxy = ('198.18.0.1', 3128)
for each in [
    ('plain', ('allowed.test', 80), get('allowed.test'), b'..'),
    ('socket', ('allowed.test', 8080), get('allowed.test:8080', upgrade), b'..'),
    ('raw', ('allowed.test', 2222), 'x', b'hello'),
    ('silent', ('allowed.test', 81), '', b'never'),
    ('asking', proxy, 'GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n', b'..'),
    ('connect', proxy, 'CONNECT allowed.test:2222 HTTP/1.1\r\n\r\n', b'hello'),
    ('other', ('other.test', 80), get('other.test'), b'..'),
]: threading.Thread(target=watch, args=each).start()
"#;

const KINDS: [&str; 6] = ["plain", "socket", "raw", "silent", "asking", "connect"];

struct World {
    internet: Internet,
    servers: Vec<Served>,
    other: Served,
}

fn world() -> World {
    let internet = Internet::new();
    let servers = vec![
        internet.serve(PUBLIC, 80, drip),
        internet.serve(PUBLIC, 8080, websocket),
        internet.serve(PUBLIC, 2222, echo),
        internet.serve(PUBLIC, 81, drip),
    ];
    let other = internet.serve(OTHER, 80, drip);
    World { internet, servers, other }
}

impl World {
    fn open(&self) -> usize {
        self.servers.iter().map(Served::open).sum()
    }

    fn wait_open(&self, count: usize) {
        eventually(&format!("{count} connections, not {}", self.open()), Duration::from_secs(20), || {
            (self.open() == count).then_some(())
        });
    }
}

fn all_up(agent: &Agent<'_>, world: &World) {
    KINDS.iter().filter(|kind| **kind != "silent").for_each(|kind| drop(agent.prints(&format!("{kind} up"))));
    agent.prints("other up");
    world.wait_open(KINDS.len());
}

#[test]
fn a_denied_host_loses_every_connection_and_others_keep_theirs() {
    let world = world();
    let daemon = world.internet.daemon(HOSTS);
    let ports = ["allowed.test", "allowed.test:8080", "allowed.test:2222", "allowed.test:81", "other.test"];
    let allow: Vec<&str> = ports.iter().flat_map(|to| ["--allow", to]).chain(["--name", "cut"]).collect();
    let agent = daemon.agent(&allow, &format!("exec python3 -c \"$(cat <<'E'\n{CLIENT}\nE\n)\""));
    all_up(&agent, &world);
    // The control: a change that leaves them allowed leaves them alone.
    daemon.aether(["network", "cut", "allow", "more.test"]).ok();
    let ticks = || agent.logs().matches("tick").count();
    let before = ticks();
    eventually("some more", Duration::from_secs(20), || (ticks() > before + 2).then_some(()));
    assert_eq!(world.open(), KINDS.len(), "{}", agent.logs());

    daemon.aether(["network", "cut", "deny", "allowed.test"]).ok();
    KINDS.iter().for_each(|kind| drop(agent.prints(&format!("{kind} cut ConnectionResetError"))));
    world.wait_open(0);
    let before = ticks();
    eventually("some more", Duration::from_secs(20), || (ticks() > before + 2).then_some(()));
    assert_eq!(world.other.open(), 1, "{}", agent.logs());
    agent.remove();
    eventually("the last one's end", Duration::from_secs(20), || (world.other.open() == 0).then_some(()));
}

#[test]
fn a_network_that_is_closed_loses_what_no_rule_allows_and_an_address_can_be_denied() {
    let world = world();
    let daemon = world.internet.daemon(HOSTS);
    let start =
        |name| daemon.agent(&["--net", "open", "--name", name], &format!("exec python3 -c \"$(cat <<'E'\n{CLIENT}\nE\n)\""));
    let agent = start("closed");
    all_up(&agent, &world);
    daemon.aether(["network", "closed", "close"]).ok();
    KINDS.iter().chain(&["other"]).for_each(|kind| drop(agent.prints(&format!("{kind} cut ConnectionResetError"))));
    world.wait_open(0);

    let agent = start("by-address");
    all_up(&agent, &world);
    daemon.aether(["network", "by-address", "deny", PUBLIC]).ok();
    KINDS.iter().for_each(|kind| drop(agent.prints(&format!("{kind} cut ConnectionResetError"))));
    assert_eq!((world.open(), world.other.open()), (0, 1), "{}", agent.logs());
}

#[test]
fn what_a_person_allowed_once_goes_on_until_it_is_denied() {
    let world = world();
    let daemon = world.internet.daemon(HOSTS);
    let script = "exec bash -c 'exec 3<>/dev/tcp/asked.test/2222; read -u 3 line; echo first $line; cat <&3; echo over'";
    let agent = daemon.agent(&["--net", "ask", "--name", "asks"], script);
    let id = eventually("the question", Duration::from_secs(20), || {
        daemon.aether(["--json", "approvals"]).ok().json()[0]["id"].as_u64()
    });
    daemon.aether(["approvals", "allow", &id.to_string()]).ok();
    agent.prints("first hello");
    daemon.aether(["network", "asks", "allow", "allowed.test"]).ok();
    assert_eq!(world.open(), 1);
    daemon.aether(["network", "asks", "close"]).ok();
    agent.prints("over");
    world.wait_open(0);
}
