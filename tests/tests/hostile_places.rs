//! Where an agent's names lead: to no other agent, to no door of the service, and to nothing that the service would run.
#![forbid(unsafe_code)]

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
};

use aether_tests::{Agent, Daemon, http, proc};

fn python<'d>(daemon: &'d Daemon, name: &str, options: &[&str], program: &str) -> Agent<'d> {
    let args = [&["run", "-d", "--name", name], options, &["--", "python3", "-uc", program]].concat();
    let id = daemon.aether(args).ok().text().trim().to_owned();
    Agent::new(daemon, id)
}

#[test]
fn no_path_leads_to_the_files_of_another_agent() {
    let daemon = Daemon::start();
    let script = "for d in ~ /tmp /dev/shm /run/user/1000; do echo secret >$d/marked-4711; done; echo planted; exec sleep 600";
    let victim = daemon.agent(&["--name", "victim"], script);
    victim.prints("planted");
    daemon.agent(&["--name", "seeker"], "exec sleep 600");
    let own = daemon.stage().join("homes").join(&victim.id);
    let search = format!(
        "find / -name marked-4711 2>/dev/null; for p in /proc/[0-9]*; do find $p/root/home $p/root/tmp $p/cwd/ $p/fd/ -name marked-4711 2>/dev/null; done; \
         cat {own}/upper/marked-4711 /proc/1/root{own}/upper/marked-4711 2>/dev/null; ls -a /run/user /home; grep -l secret /tmp/* ~/* 2>/dev/null; true",
        own = own.display()
    );
    let look = |agent: &str| daemon.aether(["exec", agent, "--", "sh", "-c", &search]).ok().text();
    let (seen, control) = (look("seeker"), look("victim"));
    assert!(control.matches("marked-4711").count() >= 4, "the search finds what is there: {control}");
    assert!(!seen.contains("marked-4711") && !seen.contains("secret"), "{seen}");
    let kept = format!("/proc/{}/root/home/agent/marked-4711", victim.pid());
    assert!(fs::exists(kept).expect("root of the host sees it"));
}

#[test]
fn no_door_of_the_service_opens_from_inside() {
    let daemon = Daemon::start();
    let own = daemon.agent(&["--name", "victim"], "exec sleep 600");
    let control = daemon.run_dir().join("agents").join(&own.id);
    let program = format!(
        r"
import glob, os, socket
def attempt(name, family, address):
    client = socket.socket(family); client.settimeout(5)
    try: client.connect(address); print(name, 'through')
    except OSError as error: print(name, 'refused')
for name in ['{socket}'] + glob.glob('{run}/**', recursive=True) + glob.glob('/run/**/*.sock', recursive=True) + glob.glob('/proc/1/fd/*'):
    attempt('path', socket.AF_UNIX, name)
attempt('abstract', socket.AF_UNIX, '\0{socket}')
for host in ('127.0.0.1', '127.1.2.3'): attempt('tcp', socket.AF_INET, (host, {port}))
attempt('tcp', socket.AF_INET6, ('::1', {port}))
listener = socket.socket(socket.AF_UNIX); listener.bind('/tmp/own'); listener.listen(); attempt('own', socket.AF_UNIX, '/tmp/own')
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen(); attempt('own', socket.AF_INET, listener.getsockname())
print('over')
",
        socket = daemon.socket().display(),
        run = daemon.run_dir().display(),
        port = daemon.port()
    );
    let said = python(&daemon, "caller", &[], &program).prints("over");
    assert_eq!(said.matches("own through").count(), 2, "the calls themselves work: {said}");
    for door in ["path", "abstract", "tcp"] {
        assert!(said.contains(&format!("{door} refused")) && !said.contains(&format!("{door} through")), "{said}");
    }
    UnixStream::connect(daemon.socket()).expect("from outside the door opens");
    assert!(http::tcp(daemon.port(), "GET", "/health").try_send().is_some());
    assert!(fs::exists(daemon.run_dir()).expect("run") && control.parent().is_some_and(std::path::Path::exists));
}

#[test]
fn nothing_in_a_workspace_is_run_by_the_service_or_the_command() {
    let daemon = Daemon::start();
    let lent = daemon.scratch().join("lent");
    fs::create_dir(&lent).expect("mkdir");
    fs::set_permissions(&lent, fs::Permissions::from_mode(0o777)).expect("chmod");
    let mount = format!("{}:/home/agent/work", lent.display());
    // A trap in each name that some tool runs by itself; a sprung one leaves a file.
    let script = r#"cd ~/work && git init -q . && mkdir -p bin node_modules/.bin sub && printf '#!/bin/sh\ntouch "%s/sprung"\nexit 1\n' "$PWD" >trap \
        && chmod 755 trap && git config core.fsmonitor "$PWD/trap" && git config core.pager "$PWD/trap" && git config core.sshCommand "$PWD/trap" \
        && for n in .git/hooks/pre-commit .git/hooks/post-checkout .envrc bin/git bin/ls bin/tar node_modules/.bin/cp sub/rm ls tar git sh; do cp trap $n; done; \
        echo 'export BASH_ENV=./trap' >.profile; echo planted; exec sleep 600"#;
    daemon.agent(&["--name", "trapper", "--mount", &mount], script).prints("planted");
    let sprung = lent.join("sprung");
    let children = || proc::children(daemon.pid()).len() + proc::children(daemon.spawner()).len();
    let before = children();
    let to = daemon.scratch().join("copy");
    let to = to.to_str().expect("UTF-8");
    for call in [
        vec!["ls", "-l", "trapper:work"],
        vec!["cp", "trapper:work", to],
        vec!["cp", to, "trapper:work/sub/copy"],
        vec!["inspect", "trapper"],
        vec!["logs", "trapper"],
    ] {
        let mut command = daemon.command(call);
        // From inside the workspace, as a person would.
        command.current_dir(&lent);
        aether_tests::cli::spawn(command, b"").end(std::time::Duration::from_secs(30)).ok();
        assert!(!sprung.exists());
    }
    for (method, path, body) in [
        ("POST", "mkdir", r#"{"path":"work/new","recursive":true}"#),
        ("POST", "cp", r#"{"from":"work/.git","to":"work/new/.git"}"#),
        ("POST", "mv", r#"{"from":"work/new","to":"work/moved"}"#),
        ("DELETE", "files?path=work/moved&recursive=true", ""),
        ("GET", "entries?path=work/.git/hooks", ""),
    ] {
        let answer = http::unix(&daemon.socket(), method, &format!("/api/v1/agents/trapper/{path}")).body(body).send();
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer}");
    }
    assert!(!sprung.exists(), "a trap was sprung");
    assert!(children() <= before, "the service started something");
    // The control: the agent's own git springs it.
    daemon.aether(["exec", "trapper", "--", "sh", "-c", "cd work && git status >/dev/null 2>&1; true"]).ok();
    assert!(sprung.exists(), "the traps work");
    assert!(fs::metadata(&sprung).expect("sprung").uid() != 0 || fs::metadata(&lent).expect("lent").uid() == 0);
}

#[test]
fn links_to_what_was_lent_leave_it_as_it_was() {
    let daemon = Daemon::start();
    let lent = daemon.scratch().join("lent");
    fs::create_dir(&lent).expect("mkdir");
    let file = lent.join("file");
    fs::write(&file, "of the person").expect("write");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("chmod");
    let mount = format!("{}:/home/agent/lent", lent.display());
    let program = r"
import os
def attempt(name, work):
    try: work(); print(name, 'through')
    except OSError as error: print(name, 'refused')
attempt('home', lambda: os.link('/home/agent/lent/file', '/home/agent/taken'))
attempt('usr', lambda: os.link('/usr/bin/env', '/home/agent/env'))
attempt('shadow', lambda: os.link('/etc/passwd', '/home/agent/passwd'))
open('/home/agent/own', 'w').close()
attempt('own', lambda: os.link('/home/agent/own', '/home/agent/own-too'))
try: os.link('/home/agent/lent/file', '/home/agent/lent/beside')
except OSError: pass
print('over')
import time; time.sleep(600)
";
    let agent = python(&daemon, "linker", &["--mount", &mount], program);
    let said = agent.prints("over");
    for name in ["home", "usr", "shadow"] {
        assert!(said.contains(&format!("{name} refused")), "{said}");
    }
    assert!(said.contains("own through"), "{said}");
    let before = fs::metadata(&file).expect("file");
    agent.remove();
    let after = fs::metadata(&file).expect("it is still there");
    let of = |data: &fs::Metadata| (data.uid(), data.gid(), data.mode(), data.nlink(), data.len());
    assert_eq!(of(&before), of(&after), "nothing is given another owner or mode when an agent goes");
    assert_eq!(after.mode() & 0o777, 0o640);
}

#[test]
fn marks_of_an_overlay_mean_nothing_when_the_home_is_mounted_again() {
    let daemon = Daemon::start();
    let program = r"
import os
os.chdir('/home/agent')
def attempt(name, work):
    try: work(); print(name, 'through')
    except OSError as error: print(name, 'refused')
for name in ('redirect', 'opaque', 'metacopy', 'origin', 'impure', 'whiteout'):
    for value in (b'/', b'/etc', b'y'):
        where = f'dir-{name}-{len(value)}'
        os.makedirs(where, exist_ok=True); open(where + '/own', 'w').write('own')
        attempt('trusted', lambda: os.setxattr(where, 'trusted.overlay.' + name, value))
        attempt('user', lambda: os.setxattr(where, 'user.overlay.' + name, value))
        open('file-' + name, 'w').write('own'); os.setxattr('file-' + name, 'user.overlay.' + name, value)
attempt('device', lambda: os.mknod('whiteout', 0o020000, os.makedev(1, 3)))
print('over')
";
    let agent = python(&daemon, "marker", &[], program);
    let said = agent.prints("over");
    assert!(said.contains("trusted refused") && !said.contains("trusted through"), "{said}");
    assert!(said.contains("user through") && said.contains("device refused"), "{said}");
    agent.reaches("dead");
    // A visit of an ended agent mounts its home again.
    for name in ["redirect", "opaque", "metacopy", "origin", "impure", "whiteout"] {
        for length in [1, 4] {
            let listed = daemon.aether(["ls", &format!("marker:dir-{name}-{length}")]).ok().text();
            assert_eq!(listed.trim(), "own", "{name}");
        }
        let read = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/marker/files?path=file-{name}")).send();
        assert_eq!(read.body, b"own", "{name}: {read}");
    }
}
