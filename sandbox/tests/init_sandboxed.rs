//! `aether-init` as PID 1 of a real sandbox: under its filter, its landlock rules, its namespaces, without capabilities.
//!
//! The spawner is this very executable, as in `aetherd`; hence no libtest harness. Needs root, cgroup2, Landlock, overlayfs.

mod init_client;
mod spawner_config;

use std::{
    fs,
    io::{Read, Write},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, chown, symlink},
    },
    path::Path,
};

use aether_sandbox::{
    plan::{CgroupLimits, IdRange, NetworkPlan, Profile, SandboxPlan},
    spawner::{SPAWNER_ARGUMENT, SpawnerChild},
    sys::packet::{recv_packet, send_packet},
    wire::{
        init::{ExitReport, InitReply, InitRequest, OpenHow, OutputStream, Pace, Stdio},
        spawner::{MAX_PACKET, SpawnerReply, SpawnerRequest},
    },
};
use init_client::Client;

type Test = fn(&mut Client);

const TERMINAL: Stdio = Stdio::Terminal { cols: 80, rows: 24 };

fn main() {
    if std::env::args().nth(1).as_deref() == Some(SPAWNER_ARGUMENT) {
        std::process::exit(aether_sandbox::spawner::main());
    }
    if std::env::args().any(|argument| argument == "--list") {
        println!("init_sandboxed: test");
        return;
    }
    let sandbox = Sandbox::launch();
    let mut client = Client::to(&sandbox.directory.path().join("sockets/inside.sock"));
    let tests: [(&str, Test); 8] = [
        ("programs_are_the_agent", programs_are_the_agent),
        ("init_is_somebody_else_without_capabilities", init_is_somebody_else_without_capabilities),
        ("every_way_into_a_program_is_the_agents", every_way_into_a_program_is_the_agents),
        ("init_cannot_be_read_or_ended_from_inside", init_cannot_be_read_or_ended_from_inside),
        ("terminals_work", terminals_work),
        ("orphans_are_reaped", orphans_are_reaped),
        ("files_are_the_agents", files_are_the_agents),
        ("a_move_from_tmp_home_crosses_file_systems", a_move_from_tmp_home_crosses_file_systems),
    ];
    for (name, test) in tests {
        test(&mut client);
        println!("test {name} ... ok");
    }
}

/// A sandbox; dropped, it is killed and its spawner ended, also when a test failed.
struct Sandbox {
    spawner: Option<SpawnerChild>,
    directory: tempfile::TempDir,
}

impl Sandbox {
    fn launch() -> Self {
        let directory = tempfile::tempdir_in("/var/tmp").unwrap();
        let spawner = start_spawner(directory.path());
        let launched = ask(&spawner, &SpawnerRequest::Launch(Box::new(plan())));
        assert!(matches!(launched, SpawnerReply::Launched(_)), "{launched:?}");
        Self { spawner: Some(spawner), directory }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let Some(SpawnerChild { control, pid }) =
            self.spawner.take_if(|spawner| ask(spawner, &SpawnerRequest::Kill("inside".parse().unwrap())) == SpawnerReply::Done)
        else {
            return eprintln!("the sandbox could not be killed");
        };
        drop(control);
        while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            std::thread::yield_now();
        }
    }
}

fn programs_are_the_agent(client: &mut Client) {
    let (out, err, exit) = client.output(&["sh", "-c", "id -u; id -g; pwd; id -un"]);
    assert_eq!((out.as_str(), err.as_str(), exit), ("1000\n1000\n/tmp\nagent\n", "", ExitReport::Code(0)));
    let (out, _, _) = client.output(&["grep", "-E", "^(Sig(Blk|Ign)|CapEff|NoNewPrivs|Seccomp):", "/proc/self/status"]);
    let expected =
        "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
    assert_eq!(out, expected);
    let refused = |client: &mut Client, name| client.refused(InitRequest::Start(init_client::program(&[name], TERMINAL)));
    assert_eq!(refused(client, "no-such-program"), (libc::ENOENT, "execve".into()));
    assert_eq!(refused(client, "/etc/passwd"), (libc::EACCES, "execve".into()));
}

fn init_is_somebody_else_without_capabilities(client: &mut Client) {
    let (out, _, _) = client.output(&["grep", "-E", "^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):", "/proc/1/status"]);
    let none = "0000000000000000";
    let expected = format!(
        "Uid:\t65533\t65533\t1000\t1000\nGid:\t65533\t65533\t1000\t1000\nGroups:\t1000 \nCapInh:\t{none}\nCapPrm:\t{none}\n\
         CapEff:\t{none}\nCapBnd:\t{none}\nCapAmb:\t{none}\nNoNewPrivs:\t1\nSeccomp:\t2\n"
    );
    assert_eq!(out, expected);
    // Signals go out with the agent's right, and leave init as it was.
    for group in [false, true] {
        let process = client.run(&["sleep", "1000"], Stdio::Pipes { stdin: false });
        client.done(InitRequest::Signal { process, signal: libc::SIGTERM, group });
        assert_eq!(client.wait(process), ExitReport::Signal(libc::SIGTERM));
        client.done(InitRequest::Forget { process });
    }
    let (out, _, _) = client.output(&["grep", "-E", "^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):", "/proc/1/status"]);
    assert_eq!(out, expected);
}

fn every_way_into_a_program_is_the_agents(client: &mut Client) {
    let fields = "^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Bnd|Amb)):";
    let none = "0000000000000000";
    let expected = format!(
        "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t1000 \nCapInh:\t{none}\nCapPrm:\t{none}\n\
         CapEff:\t{none}\nCapBnd:\t{none}\nCapAmb:\t{none}\n"
    );
    assert_eq!(client.output(&["grep", "-E", fields, "/proc/self/status"]).0, expected);
    let process = client.run(&["grep", "-E", fields, "/proc/self/status"], TERMINAL);
    let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Hold);
    assert_eq!(String::from_utf8(client.read_all(reader)).unwrap().replace('\r', ""), expected);
    client.wait(process);
    client.done(InitRequest::Forget { process });
    // There is no way back to init's user.
    let script = "import os\nfor ids in [(65533,)*3, (-1, 65533, -1), (0,)*3]:\n  for f in [os.setresuid, os.setresgid]:\n\
                  \x20   try: f(*ids); print('through', f, ids)\n    except PermissionError: print('refused')";
    if client.output(&["sh", "-c", "command -v python3"]).2 == ExitReport::Code(0) {
        assert_eq!(client.output(&["python3", "-c", script]).0, "refused\n".repeat(6));
    }
    // A terminal belongs to the agent, and so does what a file operation makes.
    let process = client.run(&["sh", "-c", "stat -c %u:%g $(tty)"], TERMINAL);
    let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Hold);
    assert_eq!(client.read_all(reader), b"1000:5\r\n");
    client.wait(process);
    client.done(InitRequest::Forget { process });
    client.done(InitRequest::Mkdir { path: "/tmp/a/b".to_owned(), recursive: true });
    client.done(InitRequest::Copy { from: "/tmp/a".to_owned(), to: "/tmp/c".to_owned() });
    assert_eq!(client.output(&["stat", "-c", "%u:%g", "/tmp/a/b", "/tmp/c/b"]).0, "1000:1000\n1000:1000\n");
    client.output(&["rm", "-r", "/tmp/a", "/tmp/c"]);
}

fn init_cannot_be_read_or_ended_from_inside(client: &mut Client) {
    let script = "ls /proc/1/fd || cat /proc/1/maps || cat /proc/1/environ || echo closed";
    assert_eq!(client.output(&["sh", "-c", &format!("({script}) 2>/dev/null")]).0, "closed\n");
    client.output(&["sh", "-c", "for signal in KILL STOP TERM HUP INT SEGV; do kill -$signal 1; done"]);
    // It may just be at work on this very command.
    let state = client.output(&["sh", "-c", "grep ^State: /proc/1/status"]).0;
    assert!(["State:\tS (sleeping)\n", "State:\tR (running)\n"].contains(&state.as_str()), "{state}");
}

fn terminals_work(client: &mut Client) {
    let process = client.shell();
    let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Hold);
    let type_in = |client: &mut Client, text: &str, until: &str| {
        client.done(InitRequest::Write { process, data: text.as_bytes().to_vec() });
        client.read_until(reader, until)
    };
    client.read_until(reader, "@");
    type_in(client, "stty size; tty; echo x > $(tty)\n", "24 80\r\n/dev/pts/0\r\nx\r\n@");
    client.done(InitRequest::Resize { process, cols: 100, rows: 30 });
    type_in(client, "stty size\n", "30 100\r\n@");
    type_in(client, "cat -E\n", "cat -E\r\n");
    type_in(client, "line\n", "line$\r\n");
    type_in(client, "\u{3}", "^C\r\n@");
    client.done(InitRequest::CloseInput { process });
    client.read_all(reader);
    client.wait(process);
    client.done(InitRequest::Forget { process });
}

fn orphans_are_reaped(client: &mut Client) {
    // Each inner shell ends at once and leaves its child to PID 1.
    client.output(&["sh", "-c", "for i in $(seq 20); do (sleep 0 &); done"]);
    let script = "until ! grep -s '^State:.Z' /proc/[0-9]*/status; do :; done; echo none";
    let process = client.run(&["sh", "-c", script], Stdio::Pipes { stdin: false });
    let (reader, _) = client.attach(process, OutputStream::Stdout, None, Pace::Follow);
    assert!(client.read_all(reader).ends_with(b"none\n"));
}

fn files_are_the_agents(client: &mut Client) {
    let open = |path: &str, how| InitRequest::Open { path: path.to_owned(), how };
    assert!(matches!(client.call(open("Documents/new", OpenHow::Create { mode: 0o4644 })), InitReply::Opened { .. }));
    client.descriptor().write_all(b"from outside").unwrap();
    let (out, _, _) = client.output(&[
        "sh",
        "-c",
        "cd /home/agent; stat -c '%U %a' Documents/new; cat Documents/new; echo back > Documents/back",
    ]);
    assert_eq!(out, "agent 644\nfrom outside");
    assert!(matches!(client.call(open("/home/agent/Documents/back", OpenHow::Read)), InitReply::Opened { size: 5 }));
    let mut text = String::new();
    client.descriptor().read_to_string(&mut text).unwrap();
    assert_eq!(text, "back\n");
    for path in ["/etc/new", "/usr/new", "/new"] {
        let (errno, _) = client.refused(open(path, OpenHow::Create { mode: 0o644 }));
        assert!([libc::EACCES, libc::EROFS].contains(&errno), "{path}: {errno}");
    }
    let copy = |from: &str, to: &str| InitRequest::Copy { from: from.to_owned(), to: to.to_owned() };
    client.done(copy("Documents", "Projects-copy"));
    assert_eq!(client.output(&["cat", "/home/agent/Projects-copy/new"]).0, "from outside");
    // A set-id file is copied without its bits: the filter refuses them.
    if fs::metadata("/usr/bin/passwd").is_ok_and(|metadata| metadata.mode() & 0o4000 != 0) {
        client.done(copy("/usr/bin/passwd", "passwd"));
        assert_eq!(client.output(&["stat", "-c", "%a", "/home/agent/passwd"]).0, "755\n");
    }
    client.done(InitRequest::Remove { path: "Projects-copy".to_owned(), recursive: true });
}

fn a_move_from_tmp_home_crosses_file_systems(client: &mut Client) {
    client.output(&["sh", "-c", "mkdir -p /tmp/tree/sub; echo text > /tmp/tree/sub/file; ln -s sub /tmp/tree/link"]);
    client.done(InitRequest::Rename { from: "/tmp/tree".to_owned(), to: "tree".to_owned() });
    let (out, _, _) = client.output(&["sh", "-c", "cd /home/agent; cat tree/link/file; ls /tmp"]);
    assert_eq!(out, "text\n");
}

fn plan() -> SandboxPlan {
    SandboxPlan {
        id: "inside".parse().unwrap(),
        hostname: "test".to_owned(),
        ids: IdRange::new(23).unwrap(),
        home: "inside".parse().unwrap(),
        limits: CgroupLimits { memory_bytes: 256 << 20, pids: 128, cpu_quota_usec: 200_000 },
        profile: Profile::Standard,
        disk: None,
        mounts: Vec::new(),
        network: NetworkPlan::LoopbackOnly,
        tmp_bytes: 16 << 20,
        shm_bytes: 16 << 20,
        may_miss: Vec::new(),
    }
}

fn start_spawner(directory: &Path) -> SpawnerChild {
    let state = directory.join("state");
    for name in ["state/base/root/etc", "state/base/home/Documents", "sockets"] {
        fs::create_dir_all(directory.join(name)).unwrap();
    }
    fs::write(state.join("base/root/etc/passwd"), "agent:x:1000:1000::/home/agent:/bin/sh\n").unwrap();
    for link in ["bin", "sbin", "lib", "lib64"].iter().filter(|link| Path::new("/").join(link).is_symlink()) {
        symlink(format!("usr/{link}"), state.join("base/root").join(link)).unwrap();
    }
    chown(state.join("base/home/Documents"), Some(1000), Some(1000)).unwrap();
    let config = spawner_config::below(directory, "aether-init-test");
    aether_sandbox::spawner::start(&config).expect("the spawner starts (root needed)")
}

fn ask(spawner: &SpawnerChild, request: &SpawnerRequest) -> SpawnerReply {
    send_packet(spawner.control.as_fd(), &postcard::to_stdvec(request).unwrap(), &[]).unwrap();
    let mut buffer = vec![0; MAX_PACKET];
    let (length, _) = recv_packet(spawner.control.as_fd(), &mut buffer).unwrap();
    postcard::from_bytes(&buffer[..length]).unwrap()
}
