//! Other runners of the same program, as their users start them.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

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
