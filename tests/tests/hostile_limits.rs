//! Agents that use up what the kernel counts: each meets its own limit, others and the service go on, and each can be ended.
#![forbid(unsafe_code)]

use std::{
    fs,
    time::{Duration, Instant},
};

use aether_tests::{Agent, Daemon, http, proc};
use serde_json::json;

/// How long anything may take beside an agent that uses up what it can.
const PROMPT: Duration = Duration::from_secs(10);

/// What each program begins with: a system call by its number, and a loop until it is refused.
const PRELUDE: &str = r"
import ctypes, errno, os, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    answer = libc.syscall(*[ctypes.c_long(each) if isinstance(each, int) else each for each in args])
    if answer < 0: raise OSError(ctypes.get_errno(), '')
    return answer
def until_refused(name, most, work):
    for count in range(most):
        try: work()
        except OSError as error: return print(name, count, errno.errorcode[error.errno], flush=True)
    print(name, most, 'through', flush=True)
";

fn start<'d>(daemon: &'d Daemon, name: &str, program: &str) -> Agent<'d> {
    let program = format!("{PRELUDE}{program}\nprint('ready', flush=True)\ntime.sleep(600)\n");
    let args = ["run", "-d", "--name", name, "--pids", "96", "--", "python3", "-uc", &program];
    let id = daemon.aether(args).ok().text().trim().to_owned();
    Agent::new(daemon, id)
}

/// How often a call worked, and what refused the next one.
fn met(said: &str, name: &str) -> (u64, String) {
    let line = said.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    let (count, refusal) = line.and_then(|line| line.split_once(' ')).unwrap_or_else(|| panic!("no {name} in {said}"));
    (count.parse().expect("a count"), refusal.to_owned())
}

fn number(path: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{path}: {text}"))
}

#[test]
fn descriptors_timers_signals_and_locked_memory_have_an_end() {
    let daemon = Daemon::start();
    let files = number("/proc/sys/fs/file-nr");
    let program = r"
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
timer = ctypes.create_string_buffer(8)
# A timer that signals nobody, and a signal that nobody takes: both stay.
until_refused('timers', 1000000, lambda: call(222, 1, (ctypes.c_int * 16)(0, 0, 0, 1), timer))
info = (ctypes.c_int * 32)(signal.SIGRTMIN, 0, -1)
until_refused('signals', 1000000, lambda: call(129, os.getpid(), int(signal.SIGRTMIN), info))
memory = ctypes.create_string_buffer(64 << 20)
at = (ctypes.addressof(memory) + 4095) & ~4095
until_refused('lock-page', 1, lambda: call(149, at, 4096))
until_refused('lock-much', 1, lambda: call(149, at, 63 << 20))
until_refused('files', 1000000, lambda: os.open('/dev/null', os.O_RDONLY))
";
    let said = start(&daemon, "greedy", program).prints("ready");
    let (timers, refused) = met(&said, "timers");
    assert!((100..1_000_000).contains(&timers) && refused == "EAGAIN", "{said}");
    // Timers hold a signal each, of the same number of them.
    let (_, refused) = met(&said, "signals");
    assert_eq!(refused, "EAGAIN", "{said}");
    assert_eq!(met(&said, "lock-page"), (1, "through".to_owned()), "{said}");
    assert!(["ENOMEM", "EPERM", "EAGAIN"].contains(&met(&said, "lock-much").1.as_str()), "{said}");
    let (opened, refused) = met(&said, "files");
    assert!((500..100_000).contains(&opened) && refused == "EMFILE", "{said}");
    let grown = number("/proc/sys/fs/file-nr").saturating_sub(files);
    assert!(grown < opened + 20_000, "the host has {grown} more open files");
    assert_eq!(daemon.aether(["exec", "greedy", "--", "echo", "well"]).ok().text(), "well\n");
    daemon.agent(&["--name", "other"], "echo started; exec sleep 600").prints("started");
}

#[test]
fn terminals_run_out_for_the_agent_alone() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "other"], "exec sleep 600");
    let before = number("/proc/sys/kernel/pty/nr");
    let program = "until_refused('terminals', 100000, lambda: os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY))";
    let said = start(&daemon, "greedy", program).prints("ready");
    let (opened, refused) = met(&said, "terminals");
    assert!((16..=256).contains(&opened) && refused == "ENOSPC", "{said}");
    let (now, most, reserve) =
        (number("/proc/sys/kernel/pty/nr"), number("/proc/sys/kernel/pty/max"), number("/proc/sys/kernel/pty/reserve"));
    assert!(now >= before + opened && now + reserve < most, "{before} before, {now} of {most} now, {reserve} kept back");
    let body = json!({ "argv": ["sleep", "600"], "tty": true });
    let terminal = http::unix(&daemon.socket(), "POST", "/api/v1/agents/other/exec").json(&body).send().data();
    assert!(terminal["ttyId"].is_string(), "another agent has its own: {terminal}");
    fs::File::options().read(true).write(true).open("/dev/ptmx").expect("a terminal of the host");
}

#[test]
fn a_tree_of_stopped_parents_ends_at_its_limit_and_within_seconds() {
    let daemon = Daemon::start();
    let program = r"
depth = 0
os.write(1, b'begun\n')
# CLONE_VFORK: each waits in the kernel for its child, which does the same.
while True:
    try: child = call(56, 0x4000 | signal.SIGCHLD, 0, 0, 0, 0)
    except OSError as error:
        os.write(1, b'tree %d %s\nready\n' % (depth, errno.errorcode[error.errno].encode()))
        break
    if child: os._exit(0)
    depth += 1
";
    let agent = start(&daemon, "forest", program);
    let (depth, refused) = met(&agent.prints("ready"), "tree");
    assert!(depth > 16 && refused == "EAGAIN", "{depth} {refused}");
    let cgroup = agent.info()["cgroup"].as_str().expect("a cgroup").to_owned();
    assert!(proc::in_cgroup(&cgroup).len() as u64 > depth, "all of them wait");
    let start = Instant::now();
    daemon.aether(["kill", "forest"]).ok();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(proc::in_cgroup(&cgroup).is_empty());
}

#[test]
fn writers_that_sync_without_end_leave_the_others_their_turn() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "other"], "exec sleep 600");
    let program = r"
for number in range(32):
    if os.fork() == 0:
        file = os.open(f'/home/agent/{number}', os.O_CREAT | os.O_WRONLY)
        while True:
            os.pwrite(file, os.urandom(4096), 0); os.fsync(file)
";
    let writer = start(&daemon, "writer", program);
    writer.prints("ready");
    for round in 0..5 {
        let start = Instant::now();
        daemon.aether(["exec", "other", "--", "true"]).ok();
        // A launch is three durable records.
        daemon.aether(["run", "--rm", "--", "true"]).ok();
        assert!(start.elapsed() < PROMPT, "round {round} took {:?}", start.elapsed());
    }
    let start = Instant::now();
    writer.remove();
    assert!(start.elapsed() < PROMPT, "{:?}", start.elapsed());
}
