//! Agents that will not end, and what they can do with each other where somebody lent both the same directory.
#![forbid(unsafe_code)]

use std::{
    fs,
    time::{Duration, Instant},
};

use aether_tests::{Agent, Daemon, http, proc, terminal::Terminal};
use serde_json::json;

/// How long an agent may take to be gone.
const END: Duration = Duration::from_secs(5);

fn start<'d>(daemon: &'d Daemon, name: &str, options: &[&str], program: &str) -> Agent<'d> {
    let args = [&["run", "-d", "--name", name], options, &["--", "python3", "-uc", program]].concat();
    let id = daemon.aether(args).ok().text().trim().to_owned();
    Agent::new(daemon, id)
}

/// Each makes a crowd in its way and prints `ready`.
const CROWDS: [(&str, &str); 4] = [
    (
        "stopped",
        r"
import os, signal, time
for number in range(20):
    if os.fork() == 0:
        os.setsid(); os.kill(os.getpid(), signal.SIGSTOP); time.sleep(600)
print('ready')
os.kill(-1, signal.SIGSTOP); time.sleep(600)
",
    ),
    (
        "respawner",
        r"
import os, signal, time
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork():
    print('ready')
    while True: time.sleep(600)
os.setsid()
while True:
    try:
        if os.fork(): os._exit(0)
        time.sleep(0.002)
    except OSError: pass
",
    ),
    (
        "orphans",
        r"
import ctypes, os, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
def tree(depth):
    for _ in range(2):
        if depth and os.fork() == 0:
            os.setsid(); ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); tree(depth - 1)
            if depth % 2: os._exit(0)
            time.sleep(600)
tree(4)
time.sleep(0.3)
print('ready')
time.sleep(600)
",
    ),
    (
        "waiting",
        r"
import os, subprocess, time
for number in range(10):
    if os.fork() == 0:
        subprocess.run(['sh', '-c', 'trap \'\' TERM INT HUP; exec sleep 600'])
print('ready')
time.sleep(600)
",
    ),
];

#[test]
fn nothing_that_runs_inside_outlives_its_end() {
    let daemon = Daemon::start();
    let mut ids = Vec::new();
    for (name, program) in CROWDS {
        let agent = start(&daemon, name, &[], program);
        agent.prints("ready");
        ids.push(agent.info()["id"].as_str().expect("an id").to_owned());
        let cgroup = agent.info()["cgroup"].as_str().expect("a cgroup").to_owned();
        assert!(proc::in_cgroup(&cgroup).len() > 1, "{name} runs");
        let start = Instant::now();
        daemon.aether(["kill", name]).ok();
        assert!(start.elapsed() < END, "{name} took {:?}", start.elapsed());
        let left = proc::in_cgroup(&cgroup);
        assert!(left.is_empty(), "{name} left {left:?}");
        daemon.aether(["rm", name]).ok();
    }
    // Others are there: those of the sandboxes built ahead.
    for id in ids {
        let home = daemon.stage().join("homes").join(&id);
        assert!(!fs::exists(&home).expect("homes"), "the home of {id} is left");
    }
}

#[test]
fn sizes_of_a_terminal_are_bounded_and_a_storm_of_them_passes() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "box"], "exec sleep 600");
    let body = json!({ "argv": ["bash", "--norc"], "tty": true, "stdin": true });
    let exec = http::unix(&daemon.socket(), "POST", "/api/v1/agents/box/exec").json(&body).send().data();
    let id = exec["ttyId"].as_str().expect("ttyId").to_owned();
    let mut terminal = Terminal::attach(&daemon, &id, "?stdin=true");
    for round in 0..2000u16 {
        terminal.resize(20 + round % 200, 10 + round % 90);
    }
    terminal.resize(101, 37);
    terminal.types("stty size; echo still-$((1+1))\n");
    let said = terminal.until("still-2");
    assert!(said.contains("37 101"), "{said}");
    // The program may set any size of its own terminal: it is its own picture.
    terminal.types("stty cols 65535 rows 65535; stty size; echo and-$((2+2))\n");
    assert!(terminal.until("and-4").contains("65535 65535"));
    drop(terminal);
    for (cols, rows) in [(u16::MAX, u16::MAX), (0, 0), (u16::MAX, 1), (1, u16::MAX)] {
        let body = json!({ "argv": ["true"], "tty": true, "cols": cols, "rows": rows });
        http::unix(&daemon.socket(), "POST", "/api/v1/agents/box/exec").json(&body).send().refused(400, "INVALID");
        let spawn = json!({ "program": { "kind": "command", "argv": ["true"], "tty": true, "cols": cols, "rows": rows } });
        let answer = http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spawn).send();
        assert!((400..500).contains(&answer.status), "{answer}");
    }
}

#[test]
fn what_two_agents_share_gives_neither_power_over_the_other() {
    let daemon = Daemon::start();
    let lent = daemon.scratch().join("lent");
    fs::create_dir(&lent).expect("mkdir");
    let mount = format!("{}:/home/agent/lent", lent.display());
    let giver = r"
import array, os, socket, time
open('/home/agent/gift', 'w').write('given')
listener = socket.socket(socket.AF_UNIX); listener.bind('/home/agent/lent/s'); listener.listen()
print('ready')
peer, _ = listener.accept()
own = os.open('/home/agent/gift', os.O_RDONLY)
home = os.open('/home/agent', os.O_RDONLY | os.O_DIRECTORY)
peer.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [own, home, os.pidfd_open(os.getpid())]))])
time.sleep(600)
";
    let taker = r"
import array, os, signal, socket
peer = socket.socket(socket.AF_UNIX); peer.connect('/home/agent/lent/s')
_, ancillary, _, _ = peer.recvmsg(1, socket.CMSG_SPACE(64))
own, home, process = array.array('i', ancillary[0][2])[:3]
print('gift', os.read(own, 16).decode())
def attempt(name, work):
    try: work(); print(name, 'through')
    except OSError as error: print(name, 'refused')
attempt('signal', lambda: signal.pidfd_send_signal(process, signal.SIGKILL))
attempt('look', lambda: signal.pidfd_send_signal(process, 0))
attempt('write', lambda: os.open('planted', os.O_CREAT | os.O_WRONLY, dir_fd=home))
attempt('control', lambda: signal.pidfd_send_signal(os.pidfd_open(os.getpid()), 0))
print('end')
";
    let victim = start(&daemon, "giver", &["--mount", &mount], giver);
    victim.prints("ready");
    let said = start(&daemon, "taker", &["--mount", &mount], taker).prints("end");
    assert!(said.contains("gift given"), "a descriptor that was handed over is the giver's choice: {said}");
    assert!(said.contains("control through"), "{said}");
    for attempt in ["signal", "look", "write"] {
        assert!(said.contains(&format!("{attempt} refused")), "{said}");
    }
    assert_eq!(victim.state(), "running");
    assert_eq!(daemon.aether(["exec", "giver", "--", "ls", "/home/agent/planted"]).code, 2);
}
