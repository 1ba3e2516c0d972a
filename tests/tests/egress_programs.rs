//! Rules of one program: it alone reaches the destination, whatever looks like it, and people see which program asks.
#![forbid(unsafe_code)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use aether_tests::internet::{Internet, PUBLIC};

const HOSTS: &str = "93.184.216.34 allowed.test";

fn hello(mut stream: TcpStream) {
    let mut head = [0; 4096];
    drop(stream.read(&mut head));
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"));
}

/// Connects, has a program named for the rule hold the connection too, or alone, and asks.
const HAND_ON: &str = r"
import os, socket, subprocess, sys
def ask(keep):
    made = socket.create_connection(('allowed.test', 80), 10)
    os.set_inheritable(made.fileno(), True)
    other = subprocess.Popen(['/usr/bin/sleep', '30'], close_fds=False)
    made.sendall(b'GET / HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n')
    said = made.recv(4096).split(b'\r\n')[0]
    other.kill()
    return said.decode()
print(ask(True))
";

#[test]
fn only_the_program_of_a_rule_gets_through() {
    let internet = Internet::new();
    internet.serve(PUBLIC, 80, hello);
    let daemon = internet.daemon(HOSTS);
    let agent = daemon.agent(&["--allow", "allowed.test=/usr/bin/curl"], "exec sleep 600");
    let inside = |script: &str| {
        let outcome = daemon.aether(["exec", &agent.id, "--", "sh", "-c", script]);
        String::from_utf8_lossy(&outcome.stdout).into_owned()
    };
    const ASK: &str = "-sS -m 20 http://allowed.test/";
    const PROXY: &str = "-sS -m 20 -x http://198.18.0.1:3128 http://allowed.test/";
    // The control: the program itself, directly, through the proxy, from another directory and by another name.
    for script in [
        format!("curl {ASK}"),
        format!("curl {PROXY}"),
        format!("ln -sf /usr/bin/curl ~/wget; ~/wget {ASK}"),
        format!("(exec -a python3 /usr/bin/curl {ASK})").replace("(exec -a", "bash -c 'exec -a").replace(")", "'"),
    ] {
        assert_eq!(inside(&script), "hello\n", "{script}");
    }
    // Its like, and whoever holds a connection beside it.
    for (script, said) in [
        (format!("cp /usr/bin/curl ~/curl; ~/curl {ASK}"), "this is /home/agent/curl"),
        (format!("~/curl {PROXY}"), "this is /home/agent/curl"),
        (format!("mkdir -p ~/usr/bin; cp /usr/bin/curl ~/usr/bin/; cd; usr/bin/curl {ASK}"), "this is /home/agent/usr/bin/curl"),
        // It is gone before it is looked at.
        (format!("cp /usr/bin/curl ~/gone; (sleep 0.2; rm ~/gone) & ~/gone --limit-rate 1 {ASK}"), "allowed.test:80 cannot be reached"),
        ("python3 -c \"import urllib.request as u\ntry: u.urlopen('http://allowed.test/', timeout=20)\nexcept u.HTTPError as e: print(e.read().decode())\"".to_owned(), "this is /usr/bin/python3"),
    ] {
        let heard = inside(&script);
        assert!(heard.contains(said) && heard.contains("only /usr/bin/curl may connect there"), "{script}: {heard}");
    }
    let outcome = daemon.aether(["exec", &agent.id, "--", "python3", "-c", HAND_ON]).ok().text();
    assert!(outcome.contains("403"), "two programs hold it: {outcome}");
    // A process that hides what it holds may hold anything.
    let hide = format!(
        "python3 -c \"import ctypes, time; ctypes.CDLL(None).prctl(4, 0); print('hidden', flush=True); time.sleep(30)\" | (read line; curl {ASK}; kill 0)"
    );
    let heard = daemon.aether(["exec", &agent.id, "--", "setsid", "-w", "sh", "-c", &hide]);
    let heard = String::from_utf8_lossy(&heard.stdout).into_owned();
    assert!(heard.contains("cannot be told"), "{heard}");

    let network = daemon.aether(["--json", "network", &agent.id]).ok().json();
    assert_eq!(network["destinations"][0]["host"], "allowed.test", "{network}");
    assert_eq!(network["policy"]["allow"][0]["program"], "/usr/bin/curl", "{network}");
}

#[test]
fn people_see_which_program_asks() {
    let internet = Internet::new();
    internet.serve(PUBLIC, 80, hello);
    let daemon = internet.daemon(HOSTS);
    let agent = daemon.agent(&["--net", "ask"], "curl -sS -m 60 http://allowed.test/ > ~/said; exec sleep 600");
    let begun = Instant::now();
    let waiting = loop {
        let waiting = daemon.aether(["--json", "approvals"]).ok().json()[0].clone();
        if !waiting.is_null() {
            break waiting;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing waits");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(waiting["wish"]["program"], "/usr/bin/curl", "{waiting}");
    daemon.aether(["approvals", "allow", &waiting["id"].to_string()]).ok();
    let begun = Instant::now();
    while daemon.aether(["exec", &agent.id, "--", "cat", "said"]).ok().text() != "hello\n" {
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing came");
        std::thread::sleep(Duration::from_millis(20));
    }
    let network = daemon.aether(["--json", "network", &agent.id]).ok().json();
    assert_eq!(network["destinations"][0]["program"], "/usr/bin/curl", "{network}");
}
