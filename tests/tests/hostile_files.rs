//! Files of an agent that works against whoever reads them: names that change while they are read, things that are no files,
//! trees without end, and copies that try to leave the directory they are copied to.
#![forbid(unsafe_code)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use aether_tests::{Agent, Daemon, cli, http};

/// How long one call may take, with much to spare.
const PROMPT: Duration = Duration::from_secs(5);

/// An agent that runs a Python program; answers when it printed `ready`.
#[track_caller]
fn python<'d>(daemon: &'d Daemon, name: &str, program: &str) -> Agent<'d> {
    let args = ["run", "-d", "--name", name, "--", "python3", "-uc", program];
    let id = daemon.aether(args).ok().text().trim().to_owned();
    let agent = Agent::new(daemon, id);
    agent.prints("ready");
    agent
}

fn file(agent: &str, path: &str) -> String {
    format!("/api/v1/agents/{agent}/files?path={path}")
}

#[test]
fn names_that_change_under_three_hundred_calls_lead_nowhere() {
    let daemon = Daemon::start();
    let canary = daemon.scratch().join("canary");
    fs::write(&canary, "of the host").expect("canary");
    let program = format!(
        r#"
import os
os.chdir('/home/agent')
os.mkdir('good')
for name in ('leaf', 'good/leaf'):
    open(name, 'w').write('inside')
os.symlink('good', 'way')
print('ready')
def swap(make, name):
    make()
    os.rename('.new', name)
while True:
    swap(lambda: os.symlink('{host}', '.new'), 'way')
    swap(lambda: os.symlink('good', '.new'), 'way')
    swap(lambda: os.symlink('{host}/canary', '.new'), 'leaf')
    swap(lambda: os.mkfifo('.new'), 'leaf')
    swap(lambda: os.symlink('/proc/1/root{host}/canary', '.new'), 'leaf')
    swap(lambda: open('.new', 'w').write('inside'), 'leaf')
"#,
        host = daemon.scratch().display()
    );
    python(&daemon, "racer", &program);
    let (mut inside, mut refused, mut slowest) = (0, 0, Duration::ZERO);
    for round in 0..60 {
        let calls = [
            http::unix(&daemon.socket(), "GET", &file("racer", "way/leaf")),
            http::unix(&daemon.socket(), "GET", &file("racer", "leaf")),
            http::unix(&daemon.socket(), "PUT", &file("racer", "leaf")).body(format!("written {round}")),
            http::unix(&daemon.socket(), "GET", "/api/v1/agents/racer/entries?path=way"),
            http::unix(&daemon.socket(), "GET", "/api/v1/agents/racer/stat?path=way/canary"),
        ];
        for call in calls {
            let start = Instant::now();
            let answer = call.send();
            slowest = slowest.max(start.elapsed());
            assert!(answer.status < 500, "{answer}");
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!text.contains("of the host"), "{answer}");
            inside += u32::from(answer.status == 200 && text == "inside");
            refused += u32::from(answer.status >= 400);
        }
    }
    assert!(slowest < PROMPT, "a call took {slowest:?}");
    assert!(inside > 0 && refused > 0, "the race met both sides: {inside} inside, {refused} refused");
    assert_eq!(fs::read_to_string(&canary).expect("canary"), "of the host");
}

#[test]
fn what_is_no_file_is_refused_at_once_and_holds_nobody_up() {
    let daemon = Daemon::start();
    let program = r"
import os, socket
os.chdir('/home/agent')
os.mkfifo('fifo')
listener = socket.socket(socket.AF_UNIX); listener.bind('socket')
os.symlink('/dev/zero', 'endless'); os.symlink('/dev/tty', 'terminal')
open('sparse', 'w').truncate(1 << 40)
open('plain', 'w').write('plain')
print('ready')
import time; time.sleep(600)
";
    python(&daemon, "odd", program);
    let get = |name: &str| http::unix(&daemon.socket(), "GET", &file("odd", name));
    for round in 0..8 {
        for name in ["fifo", "socket", "endless", "terminal"] {
            let start = Instant::now();
            let answer = get(name).send();
            assert!((400..500).contains(&answer.status), "{name}: {answer}");
            assert!(start.elapsed() < PROMPT, "{name} in round {round}: {:?}", start.elapsed());
        }
    }
    let put = http::unix(&daemon.socket(), "PUT", &file("odd", "endless")).body("x").send();
    assert!(put.status < 500, "{put}");
    let start = Instant::now();
    let part = get("sparse").header("range", "bytes=1099511627770-").send();
    assert_eq!((part.status, part.body.len()), (206, 6), "{part}");
    assert!(start.elapsed() < PROMPT, "{:?}", start.elapsed());
    assert_eq!(get("plain").send().body, b"plain");
    // The whole of it would fill this disk: the copy says so before it writes a byte.
    let copy = daemon.scratch().join("sparse");
    daemon.aether(["cp", "odd:sparse", copy.to_str().expect("UTF-8")]).refused(1, "free there");
    assert!(!copy.exists());
}

#[test]
fn homes_are_closed_to_other_people_of_the_host() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "tool"], "cp /bin/sh ~/shell; chmod 6755 ~/shell; echo done; exec sleep 600");
    agent.prints("done");
    // A home on a file system of its own is an image, which holds what the agent wrote.
    let home = daemon.stage().join("homes").join(&agent.id);
    let image = home.join("image");
    let shell = if image.exists() { image } else { home.join("upper/shell") };
    let mode =
        |path: &Path| fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode();
    assert_eq!(mode(&shell) & 0o6000, 0, "no set-id bit gets onto the disk");
    assert_eq!(mode(Path::new(&format!("/proc/{}/root/home/agent/shell", agent.pid()))) & 0o6000, 0);
    let shell = daemon.state().join("homes").join(&agent.id).join(shell.strip_prefix(&home).expect("below the home"));
    for program in [vec!["stat".into()], vec!["ls".into(), "-d".into()], vec!["cat".into()]] {
        let as_nobody = |path: &Path| {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).args::<&[String], _>(&program).arg(path);
            cli::spawn(command, b"").end(Duration::from_secs(30))
        };
        let refused = as_nobody(&shell);
        assert!(refused.code != 0 && refused.stderr.contains("Permission denied"), "{refused}");
        as_nobody(Path::new("/etc/passwd")).ok();
    }
}

#[test]
fn trees_without_end_are_listed_copied_and_removed_within_bounds() {
    let daemon = Daemon::start();
    let program = r"
import os
os.chdir('/home/agent')
os.mkdir('names')
for name in (b'line\nbreak', b'\x1b]0;title\x07', b'\xff\xfe', b'-rf', b'--checkpoint-action=exec=sh', b'x' * 255, b'\xe2\x80\xaeback'):
    open(b'names/' + name, 'w').write('odd')
os.mkdir('many')
for number in range(12000):
    os.close(os.open(f'many/{number}', os.O_CREAT | os.O_WRONLY))
for depth in range(4096):
    os.mkdir('d'); os.symlink('/', 'up'); os.chdir('d')
print('ready')
import time; time.sleep(600)
";
    let args = ["run", "-d", "--name", "endless", "--", "python3", "-uc", program];
    let id = daemon.aether(args).ok().text().trim().to_owned();
    let agent = Agent::new(&daemon, id);
    aether_tests::eventually("the trees", Duration::from_secs(90), || agent.logs().contains("ready").then_some(()));

    let shown = daemon.aether(["ls", "endless:names"]).ok().text();
    assert!(shown.contains("-rf") && !shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
    let start = Instant::now();
    let many = http::unix(&daemon.socket(), "GET", "/api/v1/agents/endless/entries?path=many").send();
    let (page, meta) = (many.json()["data"].as_array().map_or(0, Vec::len), many.json()["meta"].clone());
    assert!(page == 10_000 && meta["total"] == 12_000 && meta["next"].is_string(), "{page} {meta}");
    assert!(start.elapsed() < PROMPT, "a list took {:?}", start.elapsed());
    for wrong in ["", "zz", "6"] {
        let path = format!("/api/v1/agents/endless/entries?path=many&after={wrong}");
        http::unix(&daemon.socket(), "GET", &path).send().refused(400, "INVALID");
    }
    let all = daemon.aether(["ls", "endless:many"]).ok().text();
    assert_eq!(all.lines().collect::<std::collections::BTreeSet<_>>().len(), 12_000);

    let to = daemon.scratch().join("copy");
    fs::create_dir(&to).expect("mkdir");
    let copied = daemon.aether(["cp", "endless:names", to.to_str().expect("UTF-8")]);
    assert!(copied.code != 0, "the name that is no text is left out and said: {copied}");
    assert_eq!(fs::read_dir(to.join("names")).expect("names").count(), 6, "{copied}");
    daemon.aether(["cp", "endless:many", to.to_str().expect("UTF-8")]).ok();
    assert_eq!(fs::read_dir(to.join("many")).expect("many").count(), 12_000, "every file is copied, or the copy fails");
    let deep = daemon.aether(["cp", "endless:d", to.to_str().expect("UTF-8")]);
    deep.refused(1, "directories deep");

    let start = Instant::now();
    agent.remove();
    // Other homes there are those of sandboxes built ahead.
    let home = daemon.stage().join("homes").join(&agent.id);
    let trash = || {
        let places = ["trash", "../volume/trash"];
        places.into_iter().map(|place| fs::read_dir(daemon.stage().join(place)).map_or(0, Iterator::count)).sum::<usize>()
    };
    aether_tests::eventually("the home to be gone", Duration::from_secs(60), || {
        (!fs::exists(&home).expect("homes") && trash() == 0).then_some(())
    });
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    // By descriptors: the path of the deepest directory is longer than any path may be.
    Command::new("rm").arg("-rf").arg(&to).status().expect("rm");
}

#[test]
fn a_copy_does_not_leave_the_directory_it_goes_to() {
    let daemon = Daemon::start();
    let (outside, to) = (daemon.scratch().join("outside"), daemon.scratch().join("to"));
    fs::create_dir(&outside).expect("mkdir");
    fs::create_dir(&to).expect("mkdir");
    let keys = outside.join("keys");
    fs::write(&keys, "of the person").expect("write");
    let script = format!(
        "mkdir -p tree plain/tree-link; ln -s {o}/keys tree/note; ln -s {o} tree/sub; ln -s ../outside tree/up; echo evil >note; \
         mkdir sub up; echo evil >sub/keys; echo evil >up/keys; ln -s {o}/new tree/new; echo evil >new; echo done; exec sleep 600",
        o = outside.display()
    );
    daemon.agent(&["--name", "sly"], &format!("cd ~; {script}")).prints("done");
    let into = |from: &str, to: &Path| daemon.aether(["cp", &format!("sly:{from}"), to.to_str().expect("UTF-8")]);
    let tree = to.join("tree");
    into("tree", &to).ok();
    assert_eq!(fs::read_link(tree.join("note")).expect("links stay links"), keys);
    // Second copies, over what the first left: a file through a link, a directory through a link, a file that is not there yet.
    into("note", &tree).ok();
    into("new", &tree).ok();
    assert_eq!(fs::read_to_string(tree.join("note")).expect("note"), "evil\n", "the link was replaced");
    assert!(!tree.join("note").is_symlink());
    into("sub", &tree).refused(1, "is a link");
    into("up", &tree).refused(1, "is a link");
    // The control: what the person names in full is followed.
    into("sub", &tree.join("sub/")).ok();
    assert_eq!(fs::read_to_string(outside.join("sub/keys")).expect("where it was sent"), "evil\n");
    assert_eq!(fs::read_to_string(&keys).expect("keys"), "of the person");
    assert!(!outside.join("new").exists());
}

#[test]
fn a_copy_into_an_agent_stays_inside_whatever_lies_in_the_way() {
    let daemon = Daemon::start();
    let outside = daemon.scratch().join("outside");
    let tree = daemon.scratch().join("tree");
    fs::create_dir_all(tree.join("sub")).expect("mkdir");
    fs::create_dir(&outside).expect("mkdir");
    fs::write(tree.join("file"), "new").expect("write");
    fs::write(tree.join("sub/file"), "new").expect("write");
    fs::write(outside.join("file"), "kept").expect("write");
    symlink("/etc/passwd", tree.join("link")).expect("symlink");
    let script = format!("cd ~; mkdir in; ln -s {o} in/sub; ln -s {o}/file in/file; ln -s /etc in/link", o = outside.display());
    daemon.agent(&["--name", "trap"], &format!("{script}; echo done; exec sleep 600")).prints("done");
    let passwd = fs::read("/etc/passwd").expect("passwd");
    let copied = daemon.aether(["cp", &format!("{}/.", tree.display()), "trap:in"]);
    assert!(copied.code == 5, "{copied}");
    assert_eq!(fs::read_to_string(outside.join("file")).expect("file"), "kept");
    assert_eq!(fs::read_dir(&outside).expect("outside").count(), 1);
    assert_eq!(fs::read("/etc/passwd").expect("passwd"), passwd);
    let free = daemon.aether(["cp", tree.to_str().expect("UTF-8"), "trap:free"]).ok();
    assert_eq!(daemon.aether(["exec", "trap", "--", "cat", "free/sub/file"]).ok().text(), "new", "{free}");
}
