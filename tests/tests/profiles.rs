//! The profiles that are weaker than the standard one: what each is for works, and what it does not name still holds.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use aether_tests::{Daemon, Outcome, cli};

const LIMIT: Duration = Duration::from_secs(120);
/// First id on disk of what a sandbox of the profile `packages` writes.
const DISK_IDS: u32 = 0x2fff_0000;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).expect("a fixture")
}

/// Runs a script in a sandbox of that profile, with `input` on its standard input.
fn run(daemon: &Daemon, options: &[&str], script: &str, input: &[u8]) -> Outcome {
    let args = [&["run", "--rm", "-i"], options, &["--", "sh", "-c", script]].concat();
    daemon.aether_with(args, input, LIMIT)
}

fn table(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once(' ')).map(|(name, result)| (name.to_owned(), result.to_owned())).collect()
}

/// Size, time and inode of what installing a package would change on the host.
fn host_packages() -> Vec<(PathBuf, u64, i64, u64)> {
    let known = ["/var/lib/dpkg", "/var/lib/dpkg/status", "/var/lib/dpkg/info", "/var/lib/apt/extended_states"];
    let trees = ["/usr/bin", "/usr/sbin", "/usr/lib", "/etc", "/etc/passwd", "/etc/ld.so.cache", "/usr/lib/sysusers.d", "/opt"];
    let paths = known.into_iter().chain(trees).map(PathBuf::from);
    let described = |path: PathBuf| {
        let of = path.symlink_metadata().ok()?;
        Some((path, of.size(), of.mtime_nsec() ^ of.mtime(), of.ino()))
    };
    paths.filter_map(described).collect()
}

/// What was asked for is there: packages with maintainer scripts, a conffile, users and a set-id file, from a repository of the
/// agent's own, without a network.
#[test]
fn packages_are_installed_into_the_agents_own_system() {
    let daemon = Daemon::start();
    let before = host_packages();
    let agent = daemon.agent(&["--profile", "packages", "--name", "packer"], "echo up; exec sleep 600");
    agent.prints("up");
    let exec = ["exec", "-i", "packer", "--", "sh"];
    let installed = daemon.aether_with(exec, &fixture("packages.sh"), LIMIT).ok().text();
    let says = installed.split_once("== says\n").unwrap_or_else(|| panic!("{installed}")).1;
    assert_eq!(
        says,
        "Status: install ok installed\nplain program runs\nfullpkg-user\nfullpkg-second\nfullpkg-third\nfullpkg-user 755\n\
         root 4755\nsetting=1\nverified\nfullpkg-user\n"
    );
    assert_eq!(daemon.aether(["exec", "packer", "--", "plainpkg"]).ok().text(), "plain program runs\n");

    // To the host it belongs to the range, never to root.
    let start = agent.info()["uidRange"]["start"].as_u64().expect("uidRange.start");
    let file = PathBuf::from(format!("/proc/{}/root/usr/bin/fullpkg", agent.pid())).metadata().expect("the file");
    assert_eq!((u64::from(file.uid()), file.mode() & 0o7777), (start, 0o4755));
    // On disk under ids that nobody has, the set-id file as well. The stage shows homes wherever they lie, but one in an image of
    // its own only while it is being launched: then nobody but root can open the image.
    let homes = PathBuf::from(format!("/proc/{}/root/state/homes", daemon.spawner()));
    let image = homes.join(&agent.id).join("image");
    if let Ok(image) = image.metadata() {
        assert_eq!((image.uid(), image.mode() & 0o777), (0, 0o600));
    } else {
        let upper = homes.join(&agent.id).join("system/usr/upper/bin/fullpkg");
        let file = upper.metadata().expect("the file in the upper layer");
        assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (DISK_IDS, DISK_IDS, 0o4755));
    }
    assert_eq!(homes.metadata().expect("homes").mode() & 0o777, 0o700);

    let other = "plainpkg; dpkg -s plainpkg; getent passwd fullpkg-user";
    for profile in ["packages", "standard"] {
        let outcome = run(&daemon, &["--profile", profile], other, b"");
        assert!(outcome.code != 0 && outcome.text().is_empty(), "another agent sees it: {outcome}");
    }
    assert_eq!(host_packages(), before, "the host was changed");
    agent.remove();
    assert!(!homes.join(&agent.id).exists(), "it went with its home");
}

#[test]
fn files_terminals_and_lent_directories_belong_to_the_root_inside() {
    let daemon = Daemon::start();
    let lent = daemon.scratch().join("lent");
    fs::create_dir(&lent).expect("a directory");
    let mount = format!("{}:/mnt/lent", lent.display());
    let agent = daemon.agent(&["--profile", "packages", "--name", "files", "--mount", &mount], "echo up; exec sleep 600");
    agent.prints("up");
    let note = daemon.scratch().join("note");
    fs::write(&note, "from outside").expect("write");
    for target in ["/etc/note", "note"] {
        daemon.aether(["cp", note.to_str().expect("UTF-8"), &format!("files:{target}")]).ok();
    }
    let script = "id -u; pwd; stat -c %u ~ /etc/note ~/note; cat ~/note; tty; echo x >/mnt/lent/made; chmod 4755 /mnt/lent/made";
    let outcome = daemon.aether(["exec", "files", "--", "sh", "-c", script]);
    assert_eq!(outcome.text(), "0\n/home/agent\n0\n0\n0\nfrom outsidenot a tty\n", "{outcome}");
    assert_ne!(outcome.code, 0, "a set-id bit would reach the host with the lender's id");
    let made = lent.join("made").metadata().expect("made in the lent directory");
    assert_eq!((made.uid(), made.mode() & 0o6000), (lent.metadata().expect("lent").uid(), 0));
    let terminal = daemon.agent(&["--profile", "packages", "-t"], "tty; echo owner $(stat -c %u $(tty)); exec sleep 600");
    assert!(terminal.prints("owner").contains("owner 0"), "its terminal is its own");
}

/// A directory on the host's `/usr` with a file for everybody and one for root.
struct Planted(PathBuf);

impl Planted {
    fn new() -> Self {
        let dir = PathBuf::from(format!("/usr/local/share/aether-test-{}", std::process::id()));
        fs::create_dir_all(dir.join("closed-dir")).expect("a directory below /usr");
        for (name, mode) in [("open", 0o644), ("closed", 0o600), ("closed-dir/file", 0o644)] {
            fs::write(dir.join(name), "told").expect("write");
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).expect("chmod");
        }
        fs::set_permissions(dir.join("closed-dir"), fs::Permissions::from_mode(0o700)).expect("chmod");
        Self(dir)
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn root_inside_reads_nothing_that_only_root_outside_may_read() {
    let planted = Planted::new();
    let daemon = Daemon::start();
    let dir = planted.0.display();
    let script = format!("cat {dir}/open; cat {dir}/closed; cat {dir}/closed-dir/file; ls -A {dir}");
    let outcome = run(&daemon, &["--profile", "packages"], &script, b"");
    assert_eq!(outcome.text(), "toldopen\n", "{outcome}");

    let secrets = "cat /etc/shadow /etc/gshadow | cut -d: -f2 | sort -u; ls /etc/ssl/private /etc/sudoers 2>/dev/null; ls -A /root; \
                   cat /var/cache/debconf/passwords.dat /proc/kmsg /proc/1/environ /proc/1/mem 2>/dev/null | wc -c";
    assert_eq!(run(&daemon, &["--profile", "packages"], secrets, b"").text(), "*\n0\n");
}

/// Everything that the standard profile refuses is refused to the root of a user namespace as well.
#[test]
fn root_inside_is_refused_what_the_standard_profile_refuses() {
    let daemon = Daemon::start();
    let script = "cat >probe.c && gcc -o probe probe.c && ./probe";
    let refused = table(&run(&daemon, &["--profile", "packages"], script, &fixture("probe.c")).ok().text());
    let allowed: Vec<_> = refused.iter().filter(|(_, result)| *result == "ok").collect();
    assert!(refused.len() > 30 && allowed.is_empty(), "possible inside: {allowed:?}");

    let more = "for t in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/user/max_user_namespaces \
                /proc/sysrq-trigger /dev/x /x; do (echo x >$t) 2>/dev/null && echo wrote $t; done; \
                mknod /root/sda b 8 0 2>/dev/null && echo mknod; mount -o remount,rw / 2>/dev/null && echo remount; \
                chroot / true 2>/dev/null && echo chroot; kill -9 1 2>/dev/null && echo killed; \
                cp /bin/id /root/id; chown 1000 /root/id; chmod 6755 /root/id; su -s /bin/sh nobody -c /root/id 2>/dev/null; \
                cp /bin/id /usr/local/bin/own-id; chmod 6755 /usr/local/bin/own-id; su -s /bin/sh nobody -c own-id; \
                grep -E 'Cap(Bnd|Eff)|NoNewPrivs' /proc/self/status | tr -d '\\t'";
    let outcome = run(&daemon, &["--profile", "packages"], more, b"");
    assert_eq!(
        outcome.text(),
        "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\nCapEff:00000000000000fb\nCapBnd:00000000000000fb\n\
         NoNewPrivs:1\n",
        "a set-id bit does nothing, nothing else was possible: {outcome}"
    );
}

/// The root of a user namespace made inside reaches nothing of the kernel that the profile does not name. The same probe reaches
/// nearly all of it in such a namespace on the host.
#[test]
fn a_namespace_made_inside_opens_nothing_else() {
    let daemon = Daemon::start();
    let source = fixture("nested.c");
    let script = "cat >nested.c && gcc -o nested nested.c && unshare -Urn ./nested";
    let inside = table(&run(&daemon, &["--profile", "browser"], script, &source).ok().text());
    let mut control = Command::new("sh");
    let on_host = "d=$(mktemp -d) && cd $d && cat >nested.c && gcc -o nested nested.c && unshare -Urnm ./nested; rm -rf $d";
    control.args(["-c", on_host]);
    let outside = table(&cli::spawn(control, &source).end(LIMIT).text());
    let count = outside.values().filter(|result| *result == "reached").count();
    assert!(count >= 20, "the probe proves little here, only {count} attempts reach the kernel on the host: {outside:?}");
    let reached: Vec<_> = inside.iter().filter(|(_, result)| *result == "reached").collect();
    assert_eq!(inside.len(), outside.len());
    assert!(reached.is_empty(), "reached inside: {reached:?}");

    let many = "i=0; while unshare -U true 2>/dev/null && [ $i -lt 20 ]; do i=$((i+1)); done; echo $i; \
                grep -c . /proc/sys/user/max_mnt_namespaces; (echo 9 >/proc/sys/user/max_mnt_namespaces) 2>/dev/null; \
                cat /proc/sys/user/max_user_namespaces /proc/sys/user/max_mnt_namespaces; grep NoNewPrivs /proc/self/status";
    let outcome = run(&daemon, &["--profile", "browser"], many, b"");
    assert_eq!(outcome.text(), "20\n1\n64\n0\nNoNewPrivs:\t1\n", "{outcome}");
    let probe = "cat >probe.c && gcc -o probe probe.c && ./probe";
    let refused = table(&run(&daemon, &["--profile", "browser"], probe, &fixture("probe.c")).ok().text());
    let allowed: Vec<_> = refused.iter().filter(|(_, result)| *result == "ok").map(|(name, _)| name.as_str()).collect();
    assert_eq!(allowed, ["clone-user", "unshare-user"], "only what the profile is for");
}

const PAGE: &[u8] = b"<body style='background:#36c'><h1 id=x>static</h1>\
    <script>document.getElementById('x').textContent = 'scripted ' + 6 * 7</script>";

/// Needs the package chromium, as the browser tests do.
#[test]
fn chromium_renders_with_its_own_sandbox() {
    assert!(Path::new("/usr/bin/chromium").exists(), "install chromium: scripts/test.sh names what the tests need");
    let daemon = Daemon::start();
    let options = ["--profile", "browser", "--memory", "2G"];
    let script = "cat >p.html; chromium --headless --disable-gpu --dump-dom file://$PWD/p.html 2>/dev/null && \
                  chromium --headless --disable-gpu --screenshot --window-size=200,100 file://$PWD/p.html 2>/dev/null && \
                  head -c 8 screenshot.png | od -An -tx1";
    let shown = run(&daemon, &options, script, PAGE).ok().text();
    assert!(shown.contains("<h1 id=\"x\">scripted 42</h1>"), "{shown}");
    assert!(shown.contains("89 50 4e 47 0d 0a 1a 0a"), "a picture: {shown}");

    // What holds its renderer: a user, pid and network namespace below the sandbox's, and a filter more than the sandbox's.
    let script = "cat >p.html; chromium --headless --disable-gpu --remote-debugging-port=0 \
                  file://$PWD/p.html 2>/dev/null & \
                  i=0; while [ $i -lt 200 ]; do i=$((i+1)); sleep 0.1; \
                  for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q -- --[t]ype=renderer && break 2; done; done; \
                  sleep 1; grep -E '^(NSpid|Seccomp|Seccomp_filters|NoNewPrivs):' $p/status; echo base; \
                  grep -E '^(NSpid|Seccomp_filters):' /proc/self/status";
    let shown = run(&daemon, &options, script, PAGE).text();
    let (renderer, base) = shown.split_once("base\n").unwrap_or_else(|| panic!("{shown}"));
    let field = |text: &str, name: &str| -> Vec<u32> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    assert!(field(renderer, "NSpid").len() > field(base, "NSpid").len(), "a pid namespace of its own: {shown}");
    assert!(field(renderer, "Seccomp_filters") > field(base, "Seccomp_filters"), "a filter of its own: {shown}");
}

#[test]
fn a_profile_is_shown_and_on_record() {
    let daemon = Daemon::start();
    for (profile, weaker) in [("standard", 0), ("packages", 6), ("browser", 3)] {
        let agent = daemon.agent(&["--profile", profile], "exec sleep 600");
        assert_eq!(agent.info()["spec"]["profile"], profile);
        let signed = daemon.aether(["--json", "inspect", "--isolation", &agent.id]).ok().json();
        let report = &signed["report"];
        assert_eq!((report["profile"].as_str(), report["full"].as_bool()), (Some(profile), Some(true)), "{report}");
        let layers = report["layers"].as_array().expect("layers");
        let points = layers.iter().flat_map(|layer| layer["reducedByProfile"].as_array().expect("points"));
        let points: Vec<_> = points.map(|point| point.as_str().expect("a sentence").to_owned()).collect();
        assert_eq!(points.len(), weaker, "{points:?}");
        let text = daemon.aether(["inspect", "--isolation", &agent.id]).ok().text();
        assert_eq!(text.matches(&format!("reduced by the profile {profile}: ")).count(), weaker, "{text}");
        let documented = include_str!("../../docs/PROFILES.md").split_whitespace().collect::<Vec<_>>().join(" ");
        for point in &points {
            assert!(documented.contains(point), "docs/PROFILES.md does not name: {point}");
        }
        let audit = daemon.aether(["audit", "--json"]).ok().text();
        let recorded = audit.lines().any(|line| line.contains("agent.launch.profile") && line.contains(&agent.id));
        assert_eq!(recorded, profile != "standard", "{audit}");
    }
}
