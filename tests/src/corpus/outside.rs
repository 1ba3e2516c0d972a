//! The corpus on the host, as an ordinary user: same paths, same name, a /tmp of its own, no layer of ours.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use super::{HOME, Job, LIMIT, Place, Result, begin_name, files, result, stage};
use crate::cli;

/// An unprivileged id that nobody has.
const ID: u32 = 64998;

/// Mounts of a job's own, then no privileges, and not as process 1, which is a special one. The home lies below /tmp, so it is taken before /tmp is covered.
const ENTER: &str = r#"set -e
root="$1" begin="$2"
shift 2
mount --bind "$root/home" /home
mount --bind "$root/passwd" /etc/passwd
mount --bind "$root/group" /etc/group
mount -t tmpfs -o mode=755 none /opt
while [ $# -gt 0 ]; do mkdir -p "$2"; mount --bind "$1" "$2"; shift 2; done
mount -t tmpfs -o mode=1777 none /dev/shm
mount -t tmpfs -o mode=1777 none /tmp
ulimit -c 0
status=0
setpriv --reuid 64998 --regid 64998 --clear-groups env HOME=/home/agent "$begin" || status=$?
exit $status
"#;

/// Directories of the host that both places get read-only: toolchains that are not below `/usr`.
///
/// # Panics
/// When there is no toolchain.
pub(super) fn lent() -> Vec<(PathBuf, &'static str)> {
    let rust = said(Command::new("rustc").args(["--print", "sysroot"]));
    let node = fs::canonicalize(said(Command::new("sh").args(["-c", "command -v node"]))).expect("node");
    let node = node.parent().and_then(Path::parent).expect("PREFIX/bin/node").to_owned();
    let mut lent = vec![(PathBuf::from(rust), "/opt/rust")];
    if !node.starts_with("/usr") {
        lent.push((node, "/opt/node"));
    }
    lent
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// Runs the jobs one after the other.
pub(super) fn run(jobs: &[Job], scratch: &Path, mark: &str) -> BTreeMap<String, Result> {
    let root = scratch.join("outside");
    let home = root.join("home/agent");
    stage(jobs, &home.join("Projects/corpus"), Place::Outside, mark);
    let line = |name: &str, fields: String| {
        let mut text = fs::read_to_string(format!("/etc/{name}")).expect("a file of /etc");
        text.push_str(&fields);
        fs::write(root.join(name), text).expect("write it");
    };
    line("passwd", format!("agent:x:{ID}:{ID}:agent:{HOME}:/bin/bash\n"));
    line("group", format!("agent:x:{ID}:\n"));
    give(&home);

    let mut results = BTreeMap::new();
    for job in jobs {
        let begin = format!("{HOME}/Projects/corpus/{}/{}", job.name, begin_name(Place::Outside, mark));
        let mut command = Command::new("unshare");
        command.args(["--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "sh", "-c", ENTER, "sh"]);
        command.arg(&root).arg(begin);
        for (host, inside) in lent() {
            command.arg(host).arg(inside);
        }
        let start = Instant::now();
        let outcome = cli::spawn(command, b"").end(LIMIT + Duration::from_secs(5));
        results.insert(job.name.clone(), result(start, &outcome));
    }
    for (name, result) in &mut results {
        result.files = files(&home.join("out").join(name));
    }
    results
}

fn give(path: &Path) {
    chown(path, Some(ID), Some(ID)).unwrap_or_else(|error| panic!("chown {}: {error}", path.display()));
    if path.is_dir() {
        fs::read_dir(path).expect("a directory").flatten().for_each(|entry| give(&entry.path()));
    }
}
