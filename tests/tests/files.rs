//! Files in and out, and directories lent.
#![forbid(unsafe_code)]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    process::Command,
    time::Duration,
};

use aether_tests::{Daemon, cli, daemon::bin_dir, http};

#[test]
fn binaries_and_trees_survive_the_way_in_and_out() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "box"], "exec sleep 600");
    let tree = daemon.scratch().join("tree");
    fs::create_dir_all(tree.join("deep/er")).expect("mkdir");
    let bytes: Vec<u8> =
        (0..2_500_000u32).map(|i| u8::try_from((i.wrapping_mul(2_654_435_761) >> 11) & 0xff).expect("a byte")).collect();
    fs::write(tree.join("binary"), &bytes).expect("write");
    fs::write(tree.join("deep/er/script"), "#!/bin/sh\necho it runs\n").expect("write");
    fs::set_permissions(tree.join("deep/er/script"), fs::Permissions::from_mode(0o755)).expect("chmod");
    fs::write(tree.join("empty"), "").expect("write");
    symlink("deep/er/script", tree.join("link")).expect("symlink");
    fs::write(tree.join("naïve name"), "x").expect("write");

    daemon.aether(["cp", tree.to_str().expect("UTF-8"), "box:/home/agent/Projects/tree"]).ok();
    assert_eq!(daemon.aether(["exec", "box", "--", "Projects/tree/link"]).ok().text(), "it runs\n");
    assert_eq!(daemon.aether(["exec", "box", "--", "stat", "-c", "%U", "Projects/tree/binary"]).ok().text(), "agent\n");
    let listing = daemon.aether(["ls", "box:/home/agent/Projects/tree"]).ok().text();
    for name in ["binary", "deep", "empty", "link", "naïve name"] {
        assert!(listing.contains(name), "{name} in {listing}");
    }

    let back = daemon.scratch().join("back");
    let to = back.to_str().expect("UTF-8");
    daemon.aether(["cp", "box:/home/agent/Projects/tree", to]).ok();
    assert!(fs::read(back.join("binary")).expect("binary") == bytes);
    assert_eq!(fs::read_link(back.join("link")).expect("link"), Path::new("deep/er/script"));
    assert_eq!(fs::metadata(back.join("deep/er/script")).expect("script").permissions().mode() & 0o777, 0o755);
    assert_eq!(fs::read(back.join("empty")).expect("empty"), b"");

    daemon.aether(["cp", "box:/home/agent/nowhere", to]).refused(3, "nowhere");
}

#[test]
fn files_of_an_ended_agent_can_be_read() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "past"], "echo 'what remains' >~/result.txt");
    agent.reaches("dead");
    let copy = daemon.scratch().join("result.txt");
    daemon.aether(["cp", "past:/home/agent/result.txt", copy.to_str().expect("UTF-8")]).ok();
    assert_eq!(fs::read_to_string(copy).expect("the copy"), "what remains\n");
    assert!(daemon.aether(["ls", "past:/home/agent"]).ok().text().contains("result.txt"));
    daemon.aether(["rm", "past"]).ok();
}

#[test]
fn http_gives_ranges_and_takes_files() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "box"], "exec sleep 600");
    let path = "/api/v1/agents/box/files?path=/home/agent/data.bin";
    let put = http::unix(&daemon.socket(), "PUT", path).body("0123456789").send();
    assert!((200..300).contains(&put.status), "{put}");
    let part = http::unix(&daemon.socket(), "GET", path).header("range", "bytes=2-4").send();
    assert_eq!((part.status, part.body.as_slice()), (206, b"234".as_slice()), "{part}");
    let whole = http::unix(&daemon.socket(), "GET", path).send();
    assert_eq!(whole.body, b"0123456789");
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(whole.header("content-disposition").is_some_and(|value| value.starts_with("attachment")));
    assert_eq!(http::unix(&daemon.socket(), "GET", path).header("range", "bytes=50-60").send().status, 416);
    let outside = "/api/v1/agents/box/files?path=/etc/shadow";
    assert!(http::unix(&daemon.socket(), "GET", outside).send().status >= 400);
}

#[test]
fn nothing_outside_is_reached_through_links_made_inside() {
    let daemon = Daemon::start();
    let secret = daemon.scratch().join("secret");
    fs::write(&secret, "of the host").expect("write");
    let script = format!("ln -s {} ~/trap; ln -s / ~/root; echo done; exec sleep 600", secret.display());
    let agent = daemon.agent(&["--name", "trickster"], &script);
    agent.prints("done");
    for path in ["/home/agent/trap", &format!("/home/agent/root{}", secret.display())] {
        let answer = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/trickster/files?path={path}")).send();
        assert!(answer.status >= 400, "{path}: {answer}");
    }
    let put =
        http::unix(&daemon.socket(), "PUT", "/api/v1/agents/trickster/files?path=/home/agent/trap").body("overwritten").send();
    assert_eq!(fs::read_to_string(&secret).expect("the secret"), "of the host", "{put}");
}

#[test]
fn lent_directories_belong_to_both_sides() {
    let daemon = Daemon::start();
    let lent = daemon.scratch().join("lent");
    fs::create_dir(&lent).expect("mkdir");
    fs::write(lent.join("given"), "from outside").expect("write");
    let mount = format!("{}:/home/agent/lent", lent.display());
    let script = "cat lent/given && stat -c ' %U' lent/given && echo made >lent/made && echo more >>lent/given";
    let shown = daemon.aether(["run", "--rm", "--mount", &mount, "--", "sh", "-c", script]).ok().text();
    assert_eq!(shown, "from outside agent\n");
    let made = fs::metadata(lent.join("made")).expect("made outside");
    assert_eq!((made.uid(), made.gid()), (0, 0), "belongs to the lender");
    assert_eq!(fs::read_to_string(lent.join("given")).expect("given"), "from outsidemore\n");

    let read_only = format!("{mount}:ro");
    let refused = daemon.aether(["run", "--rm", "--mount", &read_only, "--", "sh", "-c", "cat lent/given && echo x >lent/x"]);
    assert!(refused.code != 0 && refused.text().starts_with("from outside"), "{refused}");
    assert!(!lent.join("x").exists());
    let setuid = "cp /bin/true lent/tool && chmod 4755 lent/tool; grep lent /proc/self/mountinfo";
    let options = daemon.aether(["run", "--rm", "--mount", &mount, "--", "sh", "-c", setuid]).ok().text();
    assert!(options.contains("nosuid") && options.contains("nodev"), "{options}");
}

/// Debian's `games` group, gid 60 everywhere: stands for the group that may use the socket.
const GROUP: &str = "[service]\ngroup = \"games\"\n";

#[test]
fn a_person_lends_only_what_they_can_open() {
    let daemon = Daemon::with(GROUP);
    let as_person = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=12345", "--regid=60", "--clear-groups", "--"]).arg(bin_dir().join("aether")).args(args);
        command.env("AETHER_SOCKET", daemon.socket()).env("HOME", "/tmp");
        cli::spawn(command, b"").end(Duration::from_secs(30))
    };
    let own = daemon.scratch().join("own");
    fs::create_dir(&own).expect("mkdir");
    std::os::unix::fs::chown(&own, Some(12345), Some(60)).expect("chown");
    let mount = format!("{}:/home/agent/own", own.display());
    as_person(&["run", "--rm", "--mount", &mount, "--", "sh", "-c", "echo made >own/made"]).ok();
    let made = fs::metadata(own.join("made")).expect("made outside");
    assert_eq!((made.uid(), made.gid()), (12345, 60));

    let closed = daemon.scratch().join("closed");
    fs::create_dir(&closed).expect("mkdir");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("chmod");
    let mount = format!("{}:/home/agent/closed", closed.display());
    let refused = as_person(&["run", "--rm", "--mount", &mount, "--", "true"]);
    assert!(refused.code != 0 && refused.stderr.to_lowercase().contains("permission denied"), "{refused}");

    let mut stranger = Command::new("setpriv");
    stranger.args(["--reuid=12346", "--regid=12346", "--clear-groups", "--"]).arg(bin_dir().join("aether")).args(["ps"]);
    stranger.env("AETHER_SOCKET", daemon.socket());
    let refused = cli::spawn(stranger, b"").end(Duration::from_secs(30));
    assert!([4, 69].contains(&refused.code) && !refused.stderr.is_empty(), "{refused}");
}
