//! What a sandbox is by default, seen from inside and asserted from outside as well.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

use aether_tests::{
    Agent, Daemon, cli,
    proc::{self, NAMESPACES},
    wait::until,
};

/// Runs a script in a sandbox of its own and gives what it printed.
#[track_caller]
fn inside(daemon: &Daemon, script: &str) -> String {
    daemon.aether(["run", "--rm", "--", "sh", "-c", script]).ok().text()
}

#[test]
fn the_agent_sees_its_profile() {
    let daemon = Daemon::start();
    let shown = inside(&daemon, "id; echo ----; cat /proc/self/status; echo ----; mount; echo ----; ls -la /dev /");
    let parts: Vec<&str> = shown.split("----\n").collect();
    let [id, status, mounts, listing] = parts[..] else { panic!("four parts: {shown}") };

    assert!(id.starts_with("uid=1000(agent) gid=1000(agent)"), "{id}");
    assert!(!id.contains("=0") && !id.contains("65534"), "no root and no unmapped group: {id}");
    check_status(status);
    check_mounts(mounts);
    check_listing(listing);
}

fn check_status(text: &str) {
    let status = proc::parse_status(text);
    assert_eq!(status["Uid"], "1000 1000 1000 1000");
    assert_eq!(status["Gid"], "1000 1000 1000 1000");
    assert_eq!(status["NoNewPrivs"], "1");
    assert_eq!(status["Seccomp"], "2", "a filter, not only strict mode");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status[set].trim_start_matches('0'), "", "{set} is not empty");
    }
}

fn check_mounts(text: &str) {
    let mounts: BTreeMap<&str, (&str, Vec<&str>)> = text
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, "on", point, "type", kind, options] = words[..] else { panic!("not a line of mount(8): {line}") };
            (point, (kind, options.trim_matches(|c| c == '(' || c == ')').split(',').collect()))
        })
        .collect();
    let of = |point: &str| mounts.get(point).unwrap_or_else(|| panic!("{point} is not mounted:\n{text}"));

    assert!(of("/").1.contains(&"ro"), "the root is writable:\n{text}");
    assert_eq!(of("/home/agent").0, "overlay", "{text}");
    assert_eq!(of("/tmp").0, "tmpfs", "{text}");
    assert_eq!(of("/proc").0, "proc", "{text}");
    assert_eq!(of("/dev/pts").0, "devpts", "{text}");
    assert_eq!(of("/dev/mqueue").0, "mqueue", "{text}");
    assert!(mounts.values().all(|(kind, _)| *kind != "sysfs" && !kind.starts_with("cgroup")), "sysfs or cgroup inside:\n{text}");
    for (point, (kind, options)) in &mounts {
        let writable = options.contains(&"rw") && *kind != "proc";
        assert!(!writable || options.contains(&"nosuid"), "{point} may be written and honours setuid files:\n{text}");
        assert!(
            !writable || options.contains(&"nodev") || point.starts_with("/dev"),
            "{point} may be written and honours devices:\n{text}"
        );
    }
    for point in ["/tmp", "/dev/shm"] {
        let sized = of(point).1.iter().any(|option| option.starts_with("size="));
        assert!(sized, "{point} has no limit of size:\n{text}");
    }
}

fn check_listing(text: &str) {
    let (root, dev) = text.split_once("/dev:\n").expect("two listings; ls sorts them");
    let names = |part: &str| -> Vec<String> {
        let lines = part.lines().filter(|line| line.len() > 10 && !line.starts_with("total"));
        lines.filter_map(|line| line.split(" -> ").next()?.split_whitespace().last().map(str::to_owned)).collect()
    };
    let devices = [
        "null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm", "mqueue", "fd", "stdin", "stdout", "stderr",
        "console",
    ];
    for name in names(dev) {
        assert!(devices.contains(&name.as_str()) || name.starts_with('.'), "/dev/{name} has no business inside:\n{text}");
    }
    let expected = [
        "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "opt", "proc", "root", "run",
        "sbin", "srv", "sys", "tmp", "usr", "var",
    ];
    for name in names(root) {
        assert!(expected.contains(&name.as_str()) || name.starts_with('.'), "/{name} has no business inside:\n{text}");
    }
}

#[test]
fn the_host_sees_the_same_profile() {
    let daemon = Daemon::start();
    let before = daemon.service_cgroup();
    let agent = daemon.agent(&["--name", "watched"], "echo up; exec sleep 600");
    agent.prints("up");
    let info = agent.info();
    let pid = agent.pid();

    let start = info["uidRange"]["start"].as_u64().expect("uidRange.start");
    let size = info["uidRange"]["size"].as_u64().expect("uidRange.size");
    assert_eq!(size, 65_536);
    assert!(start >= 0x3000_0000, "below every id that people get: {start}");
    let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).expect("uid_map");
    let fields: Vec<u64> = map.split_whitespace().map(|field| field.parse().expect("a number")).collect();
    assert_eq!(fields, [0, start, size], "one range, nothing else");

    let cgroup = info["cgroup"].as_str().expect("cgroup");
    assert!(cgroup.starts_with(&format!("{before}/")));
    let own = std::process::id();
    let everyone = proc::in_cgroup(cgroup);
    assert!(everyone.contains(&pid) && everyone.len() >= 2, "PID 1 and its program in {cgroup}: {everyone:?}");
    for pid in everyone {
        let status = proc::status(pid).expect("status");
        for id in status["Uid"].split(' ').chain(status["Gid"].split(' ')) {
            let id: u64 = id.parse().expect("an id");
            assert!((start..start + size).contains(&id), "process {pid} runs as {id}, outside {start}+{size}");
        }
        assert_eq!((status["NoNewPrivs"].as_str(), status["Seccomp"].as_str()), ("1", "2"), "process {pid}");
        assert_eq!(status["CapEff"].trim_start_matches('0'), "", "process {pid} has capabilities");
        assert_eq!(status["CapBnd"].trim_start_matches('0'), "", "process {pid} has a bounding set");
        for namespace in NAMESPACES {
            assert_ne!(
                proc::namespace(pid, namespace),
                proc::namespace(own, namespace),
                "process {pid} shares the host's {namespace}"
            );
        }
    }
    assert_eq!(info["enforcement"]["mode"], "full", "{}", info["enforcement"]);
    for (layer, report) in info["enforcement"]["layers"].as_object().expect("layers") {
        assert_eq!(report["active"], true, "{layer}: {report}");
    }
}

#[test]
fn two_agents_share_nothing() {
    let daemon = Daemon::start();
    let agents = [daemon.agent(&[], "exec sleep 600"), daemon.agent(&[], "exec sleep 600")];
    let [a, b] = agents.each_ref().map(Agent::info);
    assert_ne!(a["uidRange"]["start"], b["uidRange"]["start"]);
    assert_ne!(a["cgroup"], b["cgroup"]);
    let pids = agents.each_ref().map(Agent::pid);
    for namespace in NAMESPACES {
        assert_ne!(proc::namespace(pids[0], namespace), proc::namespace(pids[1], namespace), "{namespace}");
    }
}

#[test]
fn a_program_starts_with_three_descriptors_and_a_clean_environment() {
    let daemon = Daemon::start();
    assert_eq!(inside(&daemon, "ls /proc/$$/fd").split_whitespace().collect::<Vec<_>>(), ["0", "1", "2"]);
    let environment = inside(&daemon, "env");
    assert!(environment.contains("HOME=/home/agent") && environment.contains("USER=agent"), "{environment}");
    let known = [
        "HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "LC_ALL", "TERM", "TMPDIR", "PWD", "SHLVL", "_", "HOSTNAME", "TZ",
        "OLDPWD",
    ];
    for name in environment.lines().filter_map(|line| Some(line.split_once('=')?.0)) {
        assert!(
            known.contains(&name) || name.starts_with("AETHER_") || name.starts_with("XDG_"),
            "{name} leaked in:\n{environment}"
        );
    }
}

#[test]
fn the_system_cannot_be_changed() {
    let daemon = Daemon::start();
    for target in [
        "/usr/x",
        "/etc/x",
        "/bin/x",
        "/x",
        "/proc/sys/kernel/hostname",
        "/proc/sysrq-trigger",
        "/dev/x",
        "/var/x",
        "/etc/passwd",
    ] {
        let outcome = daemon.aether(["run", "--rm", "--", "sh", "-c", &format!("echo x >{target}")]);
        assert_ne!(outcome.code, 0, "{target} was written: {outcome}");
    }
    let masked =
        inside(&daemon, "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls -A /sys 2>/dev/null | wc -l");
    assert_eq!(masked.split_whitespace().collect::<Vec<_>>(), ["0", "0"], "masked files are empty and /sys has nothing");
    let kept = inside(&daemon, "echo mine >/tmp/x && echo mine >~/x && cat /tmp/x ~/x && ls ~");
    assert_eq!(kept.matches("mine").count(), 2, "{kept}");
    for folder in ["Desktop", "Documents", "Downloads", "Projects"] {
        assert!(kept.contains(folder), "{kept}");
    }
}

#[test]
fn dangerous_calls_are_refused() {
    let daemon = Daemon::start();
    let source = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/probe.c")).expect("probe.c");
    let script = "cat >probe.c && gcc -o probe probe.c && ./probe";
    let limit = Duration::from_secs(60);
    let outcome = daemon.aether_with(["run", "-i", "--rm", "--", "sh", "-c", script], &source, limit).ok();
    let refused = table(&outcome.text());

    // The control: on the host, as root, most of the same attempts succeed. (In namespaces of its own: they are real.)
    let mut control = Command::new("unshare");
    control.args([
        "--mount",
        "--uts",
        "sh",
        "-c",
        "cd $(mktemp -d) && cat >probe.c && gcc -o probe probe.c && ./probe; rm -rf $PWD",
    ]);
    let possible = table(&cli::spawn(control, &source).end(limit).text());
    let succeeded = possible.values().filter(|result| *result == "ok").count();
    assert!(succeeded >= 18, "the probe proves little here, only {succeeded} attempts succeed on the host: {possible:?}");

    assert_eq!(possible.len(), refused.len(), "{refused:?}");
    let allowed: Vec<_> = refused.iter().filter(|(_, result)| *result == "ok").collect();
    assert!(allowed.is_empty(), "possible inside: {allowed:?}");
    assert_eq!(refused["clone3"], "ENOSYS", "so that C libraries fall back to clone");
}

fn table(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once(' ')).map(|(name, result)| (name.to_owned(), result.to_owned())).collect()
}

#[test]
fn the_network_is_loopback_only() {
    let daemon = Daemon::start();
    let shown = inside(&daemon, "cat /proc/net/dev");
    let interfaces: Vec<&str> = shown.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    assert_eq!(interfaces, ["lo"], "{shown}");
    let script = "(: >/dev/tcp/192.0.2.1/80) 2>&1; true";
    let outward = daemon.aether(["run", "--rm", "--", "bash", "-c", script]).ok().text();
    assert!(outward.contains("unreachable"), "{outward}");
    let python = "import socket; s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(); socket.create_connection(s.getsockname()); print('up')";
    assert_eq!(daemon.aether(["run", "--rm", "--", "/usr/bin/python3", "-c", python]).ok().text(), "up\n");
}

#[test]
fn files_at_home_carry_unshifted_ids_on_disk() {
    use std::os::unix::fs::MetadataExt as _;
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "writer"], "echo kept >~/Documents/marker-file; echo done; exec sleep 600");
    agent.prints("done");
    let found = find(&daemon.stage().join("homes"), "marker-file").expect("the file below homes");
    let metadata = fs::metadata(found).expect("metadata");
    assert_eq!((metadata.uid(), metadata.gid()), (1000, 1000));
}

fn find(dir: &Path, name: &str) -> Option<std::path::PathBuf> {
    fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        if path.file_name().is_some_and(|own| own == name) { Some(path) } else { path.is_dir().then(|| find(&path, name))? }
    })
}

#[test]
fn limits_hold_and_hit_only_their_own_agent() {
    let daemon = Daemon::start();
    let bystander = daemon.agent(&["--name", "bystander"], "while :; do echo alive; sleep 0.1; done");

    let limited = daemon.agent(&["--memory", "256M", "--cpus", "0.5", "--pids", "40"], "exec sleep 600");
    let file = |controller: &str, names: &[&str]| proc::controller_file(limited.pid(), controller, names).unwrap_or_default();
    assert_eq!(file("memory", &["memory.max", "memory.limit_in_bytes"]), (256 << 20).to_string());
    assert!(["50000 100000", "50000"].contains(&file("cpu", &["cpu.max", "cpu.cfs_quota_us"]).as_str()));
    assert_eq!(file("pids", &["pids.max"]), "40");

    let hog = "head -c 400M /dev/zero | tail -c 400M >/dev/null";
    let outcome = daemon.aether(["run", "--rm", "--memory", "64M", "--", "sh", "-c", hog]);
    assert_eq!(outcome.code, 137, "killed by the kernel: {outcome}");

    let bomb = "i=0; while [ $i -lt 200 ]; do sleep 60 & i=$((i+1)); done; echo unlimited";
    let outcome = daemon.aether(["run", "--rm", "--pids", "40", "--", "sh", "-c", bomb]);
    assert!(outcome.code != 0 && !outcome.text().contains("unlimited"), "{outcome}");

    let so_far = bystander.logs().len();
    until("the bystander to go on", || bystander.logs().len() > so_far);
    assert_eq!(bystander.state(), "running");
}
