//! What an agent may put on disk, tried by agents: only the agent sees that it is full.
#![forbid(unsafe_code)]

use std::time::Duration;

use aether_tests::{Daemon, eventually};

const FULL: [&str; 3] = ["No space left on device", "Disk quota exceeded", "Quota exceeded"];

fn is_full(text: &str) -> bool {
    FULL.iter().any(|words| text.contains(words))
}

/// The last line of what an agent printed.
fn last(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

#[test]
fn a_full_home_is_full_for_its_agent_alone() {
    let daemon = Daemon::start();
    let other = daemon.agent(&["--name", "other"], "while :; do echo line >> kept; sleep 0.1; done");
    let free =
        || nix::sys::statvfs::statvfs(&daemon.state()).map(|fs| fs.blocks_available() * fs.fragment_size()).expect("statvfs");
    let before = free();
    let fill = "truncate -s 1T sparse; dd if=/dev/zero of=big bs=1M count=400 2>&1; echo done; exec sleep 600";
    let full = daemon.agent(&["--name", "full", "--disk", "64M"], fill);
    assert!(is_full(&full.prints("done")), "{}", full.logs());
    // With the file system's own, not with the 400 MiB it asked for.
    assert!(before.saturating_sub(free()) < 200 << 20, "{} bytes of the host's went", before.saturating_sub(free()));
    // What it holds counts, whoever put it there, however it is held.
    let big = daemon.scratch().join("big");
    std::fs::write(&big, vec![1; 32 << 20]).expect("write");
    let copied = daemon.aether(["cp", &big.display().to_string(), "full:copied"]);
    copied.refused(1, "");
    assert!(is_full(&copied.stderr), "{copied}");
    let held = "exec 9< big; rm big; dd if=/dev/zero of=again bs=1M count=48; true";
    assert!(is_full(&daemon.aether(["exec", "full", "--", "sh", "-c", held]).stderr), "an unlinked file that is open counts");
    // Nobody else notices: another agent writes, new ones start, the database takes what they say.
    daemon.aether(["exec", "other", "--", "sh", "-c", "rm kept; echo new > kept && cat kept"]).ok();
    assert_eq!(daemon.aether(["run", "--rm", "--", "sh", "-c", "echo x > file && cat file"]).ok().text(), "x\n");
    // A full home is served after its agent's end, started from again, and removed.
    daemon.aether(["kill", "full"]).ok();
    full.reaches("dead");
    assert!(daemon.aether(["ls", "full:."]).ok().text().contains("sparse"));
    daemon.aether(["rm", "full"]).ok();
    other.remove();
}

#[test]
fn files_are_counted_when_that_is_asked_for() {
    let daemon = Daemon::start();
    let touch = "i=0; while true > f$i; do i=$((i+1)); [ $i -lt 100000 ] || break; done 2>/dev/null; ls | grep -c ^f";
    let made = daemon.aether(["run", "--rm", "--inodes", "2000", "--", "sh", "-c", &format!("({touch})")]);
    let count: u32 = last(&made.text()).parse().unwrap_or_else(|_| panic!("{made}"));
    assert!((1900..=2000).contains(&count), "{count} files");
    // The control: the same script with a limit it does not reach.
    let few = touch.replace("100000", "3000");
    let free = daemon.aether(["run", "--rm", "--inodes", "20000", "--", "sh", "-c", &few]).ok();
    assert!(last(&free.text()).parse::<u32>().is_ok_and(|count| count >= 3000), "{free}");
}

#[test]
fn what_is_kept_is_shown_with_its_limit() {
    let daemon = Daemon::start();
    let agent =
        daemon.agent(&["--disk", "64M"], "dd if=/dev/zero of=part bs=1M count=20 2>/dev/null; sync; echo up; exec sleep 600");
    agent.prints("up");
    let shown = eventually("its use to be shown", Duration::from_secs(30), || {
        let disk = agent.info()["disk"].clone();
        disk["bytes"].as_u64().filter(|bytes| *bytes >= 20 << 20).map(|_| disk)
    });
    assert_eq!(shown["bytesLimit"], 64 << 20, "{shown}");
    let layer = agent.info()["enforcement"]["layers"]["filesystem"]["detail"].clone();
    assert!(layer.as_str().is_some_and(|detail| detail.contains("disk: 64 MiB")), "{layer}");
    let lines = daemon.aether(["inspect", &agent.id]).ok().text();
    assert!(lines.lines().any(|line| line.starts_with("disk") && line.contains("of 64")), "{lines}");
    agent.remove();
}

#[test]
fn nothing_stays_after_kill_9_of_everything() {
    let mut daemon = Daemon::start();
    let agent = daemon.agent(&[], "echo kept > file; echo up; exec sleep 600");
    agent.prints("up");
    let (id, spawner) = (agent.id.clone(), daemon.spawner());
    let image = daemon.state().join("volume.img");
    assert!(image.exists(), "this host limits homes by its own file system: run this where the state lies on one without quota");
    daemon.kill9();
    let gone = || !std::path::Path::new(&format!("/proc/{spawner}")).exists();
    eventually("the spawner to end", Duration::from_secs(10), || gone().then_some(()));
    // The agent lives on the volume; the next daemon finds the same file system and the file in it.
    daemon.restart();
    assert_eq!(daemon.aether(["exec", &id, "--", "cat", "file"]).ok().text(), "kept\n");
    daemon.aether(["kill", &id]).ok();
    assert_eq!(copied_out(&daemon, &id), "kept\n");
    daemon.stop();
    eventually("no loop device before the volume", Duration::from_secs(20), || (loop_devices(&image) == 0).then_some(()));
    daemon.restart();
    assert_eq!(copied_out(&daemon, &id), "kept\n");
    daemon.aether(["rm", &id]).ok();
}

/// The file of an agent, live or ended.
fn copied_out(daemon: &Daemon, id: &str) -> String {
    let to = daemon.scratch().join("copied");
    daemon.aether(["cp", &format!("{id}:file"), &to.display().to_string()]).ok();
    let text = std::fs::read_to_string(&to).expect("the copy");
    std::fs::remove_file(to).expect("remove");
    text
}

/// Loop devices before a file, by what `losetup` says of its inode.
fn loop_devices(file: &std::path::Path) -> usize {
    use std::os::unix::fs::MetadataExt as _;
    let inode = std::fs::metadata(file).expect("the volume").ino().to_string();
    let listed = std::process::Command::new("losetup").args(["-l", "-n", "-O", "BACK-INO"]).output().expect("losetup");
    String::from_utf8_lossy(&listed.stdout).lines().filter(|line| line.trim() == inode).count()
}

#[test]
fn without_a_volume_each_home_has_an_image() {
    let daemon = Daemon::with("[storage]\nvolume = \"none\"\n");
    let agent = daemon.agent(&["--disk", "64M"], "dd if=/dev/zero of=big bs=1M count=200 2>&1; echo done; exec sleep 600");
    assert!(is_full(&agent.prints("done")), "{}", agent.logs());
    assert!(!daemon.state().join("volume.img").exists());
    agent.remove();
}
