//! Other runners of the same program, as their users start them.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};

/// One process from its start to its reaped end.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let taken = start.elapsed();
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(taken)
}

/// The nearest that bubblewrap has: the same namespaces, /usr, /proc, /dev, /tmp. No cgroup, seccomp, Landlock or overlay.
pub(crate) fn bubblewrap() -> Command {
    let mut command = Command::new("bwrap");
    command.args(["--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr"]);
    command.args(["--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]);
    command.args(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/home", "true"]);
    command
}

/// Runs the peers in a mount namespace of its own, in which they find what they ask of a host.
pub(crate) struct Stage {
    asked: Sender<Command>,
    answers: Receiver<Result<Duration>>,
}

impl Stage {
    /// Starts its thread.
    pub(crate) fn new() -> Self {
        let (asked, commands) = channel::<Command>();
        let (answer, answers) = channel();
        thread::spawn(move || {
            let set = set_stage().context("a mount namespace for the peers");
            let mut refused = set.err();
            for mut command in commands {
                let result = refused.take().map_or_else(|| run(&mut command), Err);
                if answer.send(result).is_err() {
                    return;
                }
            }
        });
        Self { asked, answers }
    }

    /// As [`run`], there.
    ///
    /// # Errors
    /// As [`run`], and when the namespace could not be made.
    pub(crate) fn run(&self, command: Command) -> Result<Duration> {
        self.asked.send(command)?;
        self.answers.recv()?
    }
}

/// crun refuses a host whose cgroup2 has controllers of its own beside those of version 1 (`libcrun_get_cgroup_mode`). Here nobody
/// uses them, so in this namespace that mount is away.
fn set_stage() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let hybrid = "/sys/fs/cgroup/unified";
    if fs::read_to_string(Path::new(hybrid).join("cgroup.controllers")).is_ok_and(|text| !text.trim().is_empty()) {
        umount2(hybrid, MntFlags::MNT_DETACH)?;
    }
    Ok(())
}

/// `systemd-nspawn` of the same root, without asking a service manager for anything.
pub(crate) fn nspawn(dir: &Path) -> Command {
    let mut command = Command::new("systemd-nspawn");
    command.args(["--quiet", "--register=no", "--keep-unit", "--private-network", "--bind-ro=/usr", "--directory"]);
    command.arg(dir.join("rootfs")).arg("/usr/bin/true");
    command
}

/// `podman run` of the same root with crun, without a network, as it cleans up after itself.
pub(crate) fn podman(dir: &Path) -> Command {
    let mut command = Command::new("podman");
    for (option, name) in [("--root", "podman-root"), ("--runroot", "podman-run"), ("--tmpdir", "podman-tmp")] {
        command.arg(option).arg(dir.join(name));
    }
    command.args(["--runtime=crun", "--cgroup-manager=cgroupfs", "--storage-driver=vfs", "run", "--rm", "--cgroups=disabled"]);
    command.args([
        "--network=none",
        "--ulimit=nofile=1024:1024",
        "--ulimit=nproc=1024:1024",
        "--volume=/usr:/usr:ro",
        "--rootfs",
    ]);
    command.arg(dir.join("rootfs")).arg("/usr/bin/true");
    command
}

/// The peers that can run the bundle in `dir` on this host, and what the others said.
pub(crate) fn able(stage: &Stage, dir: &Path) -> (Vec<Peer>, Vec<String>) {
    let all: [Peer; 4] = [
        ("crun", |dir, round| oci("crun", dir, round)),
        ("runc", |dir, round| oci("runc", dir, round)),
        ("systemd-nspawn", |dir, _| nspawn(dir)),
        ("podman (crun)", |dir, _| podman(dir)),
    ];
    let (mut able, mut unable) = (Vec::new(), Vec::new());
    for (number, peer) in all.into_iter().enumerate() {
        match stage.run((peer.1)(dir, 1_000_000 + number)) {
            Ok(_) => able.push(peer),
            Err(error) => unable.push(format!("{} does not run here ({})", peer.0, first_line(&format!("{error:#}")))),
        }
    }
    (able, unable)
}

/// A name, and the command of its n-th round with a bundle.
pub(crate) type Peer = (&'static str, fn(&Path, usize) -> Command);

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().replace('|', "/")
}

/// A root directory whose /usr is the host's, and an OCI bundle around it.
///
/// # Errors
/// Those of the file system and of mount(8).
pub(crate) fn bundle(dir: &Path) -> Result<()> {
    let root = dir.join("rootfs");
    for name in ["usr", "proc", "dev", "sys", "tmp", "etc", "run", "var"] {
        std::fs::create_dir_all(root.join(name))?;
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{link}"), root.join(link)).context("links of the root")?;
    }
    std::fs::write(root.join("etc/os-release"), "ID=bench\n")?;
    let namespaces = ["pid", "mount", "ipc", "uts", "network", "cgroup"].map(|kind| format!(r#"{{"type":"{kind}"}}"#)).join(",");
    let config = format!(
        r#"{{"ociVersion":"1.0.0","process":{{"user":{{"uid":0,"gid":0}},"args":["/usr/bin/true"],"env":["PATH=/usr/bin"],"cwd":"/","noNewPrivileges":true}},
"root":{{"path":"rootfs","readonly":true}},"mounts":[{{"destination":"/proc","type":"proc","source":"proc"}},
{{"destination":"/usr","type":"bind","source":"/usr","options":["bind","ro"]}},
{{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]}},
{{"destination":"/tmp","type":"tmpfs","source":"tmpfs","options":["nosuid","nodev"]}}],
"linux":{{"namespaces":[{namespaces}]}}}}"#
    );
    std::fs::write(dir.join("config.json"), config)?;
    Ok(())
}

/// `crun run` or `runc run` of the bundle, without a cgroup of its own where it can do without.
pub(crate) fn oci(runtime: &str, dir: &Path, number: usize) -> Command {
    let mut command = Command::new(runtime);
    if runtime == "crun" {
        command.arg("--cgroup-manager=disabled");
    }
    command
        .arg("--root")
        .arg(dir.join(format!("{runtime}-state")))
        .args(["run", "--bundle"])
        .arg(dir)
        .arg(format!("bench{number}"));
    command
}
