//! Real sandboxes from the real spawner, without the daemon: layers, failures that leave nothing, kill and adoption.
//!
//! The spawner is this very executable, as in `aetherd`; hence no libtest harness. Needs root, cgroup2, Landlock, overlayfs.

use std::{
    fs,
    os::fd::{AsFd, OwnedFd},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::{Duration, Instant},
};

use aether_sandbox::{
    plan::{CgroupLimits, IdRange, LentMount, Profile, SandboxId, SandboxPlan},
    spawner::SPAWNER_ARGUMENT,
    sys::packet::{recv_packet, send_packet},
    wire::spawner::{MAX_PACKET, SpawnerReply, SpawnerRequest},
};

mod spawner_client;
mod spawner_config;

use spawner_client::{Client, plan, status};

type Test = fn(&Client);

fn shows_every_layer(client: &Client) {
    let launched = client.launch(&plan("layers", 7));
    let start = IdRange::new(7).expect("slot").start();
    let (init, id) = (start + 65_533, start + 1000);
    assert_eq!(status(launched.pid, "Uid"), format!("{init} {init} {id} {id}"));
    assert_eq!(status(launched.pid, "Gid"), format!("{init} {init} {id} {id}"));
    assert_eq!(status(launched.pid, "Groups"), id.to_string());
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(launched.pid, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(launched.pid, "NoNewPrivs"), "1");
    assert_eq!(status(launched.pid, "Seccomp"), "2");
    // The spawner's, which refuses; the sandbox's, which allows. Filters of whoever started the spawner may add to them.
    let filters = |pid| status(pid, "Seccomp_filters").parse::<u32>().expect("a number");
    let own = filters(std::process::id());
    assert_eq!((filters(client.child.pid), filters(launched.pid)), (own + 1, own + 2));
    assert!(launched.layers.iter().all(|layer| layer.active), "{:?}", launched.layers);
    for ns in ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] {
        let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{ns}")).expect("namespace");
        assert_ne!(of(&launched.pid.to_string()), of("self"), "{ns}");
    }
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", launched.pid)).expect("mountinfo");
    let points: Vec<&str> = mounts.lines().filter_map(|l| l.split(' ').nth(4)).collect();
    for point in ["/", "/usr", "/etc", "/home/agent", "/dev", "/dev/pts", "/dev/shm", "/tmp", "/run", "/proc", "/proc/sys"] {
        assert!(points.contains(&point), "{point} in {points:?}");
    }
    // Nothing shows where the state directory is, another agent, or a home.
    let host_path = client.dir.path().to_string_lossy().into_owned();
    let leaks: Vec<&str> = mounts.lines().filter(|l| l.contains(&host_path)).collect();
    assert!(leaks.is_empty(), "{leaks:?}");
    let limit = fs::read_to_string(format!("/proc/{}/root/proc/sys/user/max_user_namespaces", launched.pid));
    assert!(limit.is_ok(), "{limit:?}");
    client.kill("layers");
    assert!(!Path::new(&format!("/proc/{}", launched.pid)).exists());
}

/// Requests that do not wait for each other: each reply says whose it is, and what is about one sandbox keeps its order.
/// Sends them all at once; the answers as they came, with the place of their requests.
fn at_once(client: &Client, asked: &[SpawnerRequest]) -> Vec<(u8, SpawnerReply)> {
    for (number, request) in asked.iter().enumerate() {
        let mut packet = postcard::to_stdvec(request).expect("encode");
        packet.push(u8::try_from(number).expect("few"));
        send_packet(client.child.control.as_fd(), &packet, &[]).expect("send");
    }
    let mut buffer = vec![0; MAX_PACKET];
    let mut answer = || {
        let (length, _) = recv_packet(client.child.control.as_fd(), &mut buffer).expect("receive");
        let (reply, tail) = postcard::take_from_bytes::<SpawnerReply>(&buffer[..length]).expect("decode");
        (tail[0], reply)
    };
    asked.iter().map(|_| answer()).collect()
}

fn answers_many_at_once_and_keeps_the_order_of_each(client: &Client) {
    let launch = |name: &str, slot| SpawnerRequest::Launch(Box::new(plan(name, slot)));
    let kill = |name: &str| SpawnerRequest::Kill(name.parse().expect("id"));
    let mut asked = Vec::new();
    for (name, slot) in [("a", 60), ("b", 61), ("c", 62)] {
        asked.extend([launch(name, slot), kill(name), launch(name, slot), launch(name, slot), kill(name)]);
    }
    let mut replies = at_once(client, &asked);
    replies.sort_by_key(|(number, _)| *number);
    assert!(replies.iter().map(|(number, _)| usize::from(*number)).eq(0..asked.len()), "one answer to each: {replies:?}");
    for of_one in replies.chunks(5) {
        let said = |place: usize| &of_one[place].1;
        for place in [0, 2] {
            assert!(matches!(said(place), SpawnerReply::Launched(_)), "{:?}", said(place));
        }
        assert_eq!([said(1), said(4)], [&SpawnerReply::Done; 2]);
        assert!(matches!(said(3), SpawnerReply::Failed(failure) if failure.cause.contains("exists already")), "{:?}", said(3));
    }
}

fn answers_others_while_the_host_is_looked_through(client: &Client) {
    let packages = |name: &str, slot| SandboxPlan { profile: Profile::Packages, ..plan(name, slot) };
    let [first, second] = [packages("walker", 70), packages("walker2", 71)].map(|plan| SpawnerRequest::Launch(Box::new(plan)));
    // Nothing was prepared for that profile here: what counts is that everybody is told, and when.
    let order: Vec<u8> = at_once(client, &[first, second, SpawnerRequest::Host]).into_iter().map(|(number, _)| number).collect();
    assert_eq!(order[0], 2, "who asked something else was answered meanwhile: {order:?}");
    ["walker", "walker2"].into_iter().for_each(|name| client.kill(name));
}

fn homes_carry_unshifted_ids(client: &Client) {
    let launched = client.launch(&plan("ids", 8));
    let inside = format!("/proc/{}/root/home/agent", launched.pid);
    let shown = fs::metadata(format!("{inside}/Documents")).expect("skeleton").uid();
    assert_eq!(shown, IdRange::new(8).expect("slot").agent(), "the mount shifts");
    let upper = client.dir.path().join("state/homes/ids/upper");
    assert_eq!(fs::metadata(&upper).expect("upper").uid(), 1000, "the disk does not");
    let homes = fs::metadata(client.dir.path().join("state/homes")).expect("homes");
    assert_eq!(homes.permissions().mode() & 0o777, 0o700);
    client.kill("ids");
}

fn refuses_bad_plans_and_leaves_nothing(client: &Client) {
    let before = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let dir: OwnedFd = fs::File::open(client.dir.path()).expect("dir").into();
    let file: OwnedFd = fs::File::open("/etc/passwd").expect("file").into();
    let lent = |target: &str| LentMount { target: target.into(), read_only: false, lender_uid: 0, lender_gid: 0 };
    for (target, fd) in
        [("/proc/x", &dir), ("/usr/lib", &dir), ("relative", &dir), ("/mnt/../etc", &dir), ("/mnt/x", &file), ("/", &dir)]
    {
        let mut plan = plan("bad", 9);
        plan.mounts = vec![lent(target)];
        let (reply, _) = client.ask(&SpawnerRequest::Launch(Box::new(plan)), &[fd]);
        assert!(matches!(&reply, SpawnerReply::Failed(failure) if failure.step == "check the plan"), "{target}: {reply:?}");
    }
    let (reply, _) =
        client.ask(&SpawnerRequest::Launch(Box::new(SandboxPlan { mounts: vec![lent("/mnt/x")], ..plan("bad", 9) })), &[]);
    assert!(matches!(reply, SpawnerReply::Failed(_)));
    let after = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert_eq!(before, after);
    assert!(!client.dir.path().join("sockets/bad.sock").exists());
}

fn lends_directories_with_ownership(client: &Client) {
    let shared = client.dir.path().join("shared");
    fs::create_dir(&shared).expect("dir");
    fs::write(shared.join("hello"), "x").expect("file");
    let fd: OwnedFd = fs::File::open(&shared).expect("open").into();
    let mut plan = plan("lend", 10);
    for target in ["/work", "/home/agent/deep/er", "/mnt/data"] {
        plan.mounts.push(LentMount { target: target.into(), read_only: target == "/mnt/data", lender_uid: 0, lender_gid: 0 });
    }
    let (reply, _) = client.ask(&SpawnerRequest::Launch(Box::new(plan.clone())), &[&fd, &fd, &fd]);
    let SpawnerReply::Launched(launched) = reply else { panic!("{reply:?}") };
    for target in ["work", "home/agent/deep/er", "mnt/data"] {
        let inside = fs::metadata(format!("/proc/{}/root/{target}/hello", launched.pid)).expect(target);
        assert_eq!(inside.uid(), plan.ids.agent(), "{target}");
    }
    client.kill("lend");
}

fn lists_kills_and_forgets(client: &Client) {
    let launched = client.launch(&plan("first", 11));
    let again = client.ask(&SpawnerRequest::Launch(Box::new(plan("first", 12))), &[]).0;
    assert!(matches!(again, SpawnerReply::Failed(_)), "a name is given once");
    let (reply, pidfds) = client.ask(&SpawnerRequest::List(None), &[]);
    let SpawnerReply::Live(live) = reply else { panic!("{reply:?}") };
    assert_eq!((live.len(), pidfds.len()), (1, 1));
    assert_eq!((live[0].id.as_str(), live[0].pid, live[0].frozen), ("first", launched.pid, false));
    assert_eq!(client.ask(&SpawnerRequest::Freeze("first".parse().expect("id")), &[]).0, SpawnerReply::Done);
    let SpawnerReply::Live(live) = client.ask(&SpawnerRequest::List(None), &[]).0 else { panic!("list") };
    assert!(live[0].frozen);
    let busy = client.ask(&SpawnerRequest::RemoveHome("first".parse().expect("id")), &[]).0;
    assert!(matches!(busy, SpawnerReply::Failed(_)), "a home in use stays");
    client.kill("first");
    client.kill("first");
    assert_eq!(client.ask(&SpawnerRequest::RemoveHome("first".parse().expect("id")), &[]).0, SpawnerReply::Done);
    assert!(!client.dir.path().join("state/homes/first").exists());
    let SpawnerReply::Live(live) = client.ask(&SpawnerRequest::List(None), &[]).0 else { panic!("list") };
    assert!(live.is_empty());
}

/// Nobody waits for what was written to a home that goes, and nothing of it stays.
fn a_home_that_is_forgotten_is_not_waited_for(client: &Client) {
    let spawner = client.child.pid;
    let namespaces = || {
        let fds = fs::read_dir(format!("/proc/{spawner}/fd")).expect("descriptors").flatten();
        let links = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("mnt:[")).count()
    };
    let before = namespaces();
    let state = client.dir.path().join("state");
    for (name, forget) in [("kept", false), ("dropped", true)] {
        let launched = client.launch(&plan(name, 80));
        let mounts = fs::read_link(format!("/proc/{}/ns/mnt", launched.pid)).expect("namespace");
        let home = state.join("homes").join(name);
        fs::write(home.join("upper/written"), vec![7; 4 << 20]).expect("written below the home");
        let id: SandboxId = name.parse().expect("id");
        let request = if forget { SpawnerRequest::Forget { id: id.clone(), home: id } } else { SpawnerRequest::Kill(id) };
        assert_eq!(client.ask(&request, &[]).0, SpawnerReply::Done);
        assert!(!Path::new(&format!("/proc/{}", launched.pid)).exists());
        assert_eq!(home.exists(), !forget);
        let patience = Instant::now();
        let lives = || processes_of(&mounts).next().is_some() || namespaces() != before || !is_empty(&state.join("trash"));
        while lives() {
            assert!(patience.elapsed() < Duration::from_secs(20), "something of {name} stays");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let [id, home] = ["nobody", "nothing"].map(|name| name.parse().expect("id"));
    assert_eq!(client.ask(&SpawnerRequest::Forget { id, home }, &[]).0, SpawnerReply::Done, "there was nothing");
    assert_eq!(client.ask(&SpawnerRequest::RemoveHome("kept".parse().expect("id")), &[]).0, SpawnerReply::Done);
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

/// Processes in that mount namespace, or with it open.
fn processes_of(mounts: &Path) -> impl Iterator<Item = String> {
    let all = fs::read_dir("/proc").expect("processes").flatten();
    all.filter_map(move |entry| {
        let uses = fs::read_link(entry.path().join("ns/mnt")).is_ok_and(|link| link == mounts)
            || fs::read_dir(entry.path().join("fd"))
                .is_ok_and(|fds| fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|link| link == mounts)));
        uses.then(|| entry.file_name().to_string_lossy().into_owned())
    })
}

/// What an earlier run left below another cgroup is ended; nobody else's cgroup is touched.
fn kills_strays_of_this_service_only(client: &Client) {
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    let mount =
        mounts.lines().find(|l| l.split(' ').nth(2) == Some("cgroup2")).expect("cgroup2").split(' ').nth(1).expect("path");
    let own = fs::read_to_string("/proc/self/cgroup").expect("cgroup");
    let own = own.lines().find_map(|l| l.strip_prefix("0::")).expect("cgroup2").trim_end_matches('/').to_owned();
    let name = format!("aether-test-{}", std::process::id());
    for (parent, dies) in
        [(format!("{own}/aether-elsewhere/{name}"), true), (format!("{own}/aether-elsewhere/not-{name}"), false)]
    {
        let cgroup = format!("{parent}/stray");
        let dir = format!("{mount}{cgroup}");
        fs::create_dir_all(&dir).expect("cgroup");
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
        fs::write(format!("{dir}/cgroup.procs"), child.id().to_string()).expect("move");
        let id = "stray".parse().expect("id");
        let reply = client.ask(&SpawnerRequest::KillStray { id, cgroup }, &[]).0;
        assert_eq!(reply, SpawnerReply::Done);
        assert_eq!(child.try_wait().expect("wait").is_some(), dies, "{parent}");
        assert_eq!(!Path::new(&dir).exists(), dies, "{parent}");
        if !dies {
            child.kill().and_then(|()| child.wait()).expect("end");
            fs::remove_dir(&dir).and_then(|()| fs::remove_dir(format!("{mount}{parent}"))).expect("tidy");
        }
    }
    fs::remove_dir(format!("{mount}{own}/aether-elsewhere")).expect("tidy");
}

/// The process that lets in whatever a launch lets in, under the name and limits of an agent that came later.
fn prepared_sandboxes_are_claimed_once_and_are_like_others(client: &Client) {
    let ahead = plan("ahead", 20);
    let prepare = || client.ask(&SpawnerRequest::Prepare(Box::new(ahead.clone())), &[]).0;
    assert_eq!(prepare(), SpawnerReply::Done);
    assert!(matches!(prepare(), SpawnerReply::Failed(failure) if failure.cause.contains("exists already")));
    let limits = CgroupLimits { memory_bytes: 512 << 20, pids: 99, cpu_quota_usec: 50_000 };
    let wanted = SandboxPlan { hostname: "claimed".into(), limits, ..ahead.clone() };
    let claim = |plan: &SandboxPlan| client.ask(&SpawnerRequest::Claim(Box::new(plan.clone())), &[]);
    let (SpawnerReply::Launched(claimed), fds) = claim(&wanted) else { panic!("claim") };
    assert_eq!(fds.len(), 1, "its pidfd");
    let cold =
        client.launch(&SandboxPlan { id: "cold".parse().expect("id"), home: "cold".parse().expect("id"), ..wanted.clone() });
    assert_eq!(claimed.layers, cold.layers);
    assert_eq!((&claimed.filters, &claimed.ruleset), (&cold.filters, &cold.ruleset));
    for field in
        ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters"]
    {
        assert_eq!(status(claimed.pid, field), status(cold.pid, field), "{field}");
    }
    let mounts = |pid: u32| {
        let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("mountinfo");
        let fields = |line: &str| line.replace("/ahead/", "/cold/").split(' ').skip(3).map(str::to_owned).collect::<Vec<_>>();
        table.lines().map(fields).collect::<Vec<_>>()
    };
    assert_eq!(mounts(claimed.pid), mounts(cold.pid));
    let name = std::process::Command::new("nsenter")
        .args(["--uts", "--target", &claimed.pid.to_string(), "hostname"])
        .output()
        .expect("nsenter");
    assert_eq!(String::from_utf8_lossy(&name.stdout).trim(), "claimed");
    let own = fs::read_link(format!("/proc/{}/ns/uts", client.child.pid)).expect("the spawner's");
    assert_eq!(own, fs::read_link("/proc/self/ns/uts").expect("ours"), "the spawner is back in its own");
    assert!(matches!(claim(&wanted).0, SpawnerReply::Failed(_)), "once");
    for id in ["ahead", "cold"] {
        client.kill(id);
    }
}

fn a_sandbox_built_for_another_plan_is_not_given_away(client: &Client) {
    let ahead = plan("other", 21);
    let others: [fn(&mut SandboxPlan); 5] = [
        |plan| plan.profile = Profile::Browser,
        |plan| plan.ids = IdRange::new(22).expect("slot"),
        |plan| plan.home = "cold".parse().expect("id"),
        |plan| plan.tmp_bytes += 1,
        |plan| plan.may_miss = vec![aether_sandbox::plan::PlanLayer::Landlock],
    ];
    for other in others {
        let mut wanted = ahead.clone();
        other(&mut wanted);
        assert_eq!(client.ask(&SpawnerRequest::Prepare(Box::new(ahead.clone())), &[]).0, SpawnerReply::Done);
        let SpawnerReply::Failed(failure) = client.ask(&SpawnerRequest::Claim(Box::new(wanted)), &[]).0 else {
            panic!("claimed")
        };
        assert_eq!(failure.cause, "it was built for another plan");
        let SpawnerReply::Live(live) = client.ask(&SpawnerRequest::List(None), &[]).0 else { panic!("list") };
        assert!(live.is_empty(), "it is gone: {live:?}");
    }
}

fn costs(client: &Client) {
    let mut launches = Vec::new();
    for _ in 0..50 {
        let at = Instant::now();
        client.launch(&plan("cost", 13));
        launches.push(at.elapsed().as_micros());
        client.kill("cost");
    }
    launches.sort_unstable();
    println!("launch to init, 50 runs: median {} us, p90 {} us (shown, not judged)", launches[25], launches[45]);
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some(SPAWNER_ARGUMENT) {
        std::process::exit(aether_sandbox::spawner::main());
    }
    if std::env::args().any(|argument| argument == "--list") {
        println!("launch: test");
        return;
    }
    let client = Client::start().expect("the spawner starts (root needed)");
    let SpawnerReply::Host(host) = client.ask(&SpawnerRequest::Host, &[]).0 else { panic!("host") };
    println!("{host:#?}");
    let tests: [(&str, Test); 12] = [
        ("shows_every_layer", shows_every_layer),
        ("answers_others_while_the_host_is_looked_through", answers_others_while_the_host_is_looked_through),
        ("answers_many_at_once_and_keeps_the_order_of_each", answers_many_at_once_and_keeps_the_order_of_each),
        ("homes_carry_unshifted_ids", homes_carry_unshifted_ids),
        ("refuses_bad_plans_and_leaves_nothing", refuses_bad_plans_and_leaves_nothing),
        ("lends_directories_with_ownership", lends_directories_with_ownership),
        ("lists_kills_and_forgets", lists_kills_and_forgets),
        ("a_home_that_is_forgotten_is_not_waited_for", a_home_that_is_forgotten_is_not_waited_for),
        ("kills_strays_of_this_service_only", kills_strays_of_this_service_only),
        ("prepared_sandboxes_are_claimed_once_and_are_like_others", prepared_sandboxes_are_claimed_once_and_are_like_others),
        ("a_sandbox_built_for_another_plan_is_not_given_away", a_sandbox_built_for_another_plan_is_not_given_away),
        ("costs", costs),
    ];
    for (name, test) in tests {
        test(&client);
        println!("test {name} ... ok");
    }
    // What nobody claims goes with the spawner, its home as well.
    assert_eq!(client.ask(&SpawnerRequest::Prepare(Box::new(plan("unclaimed", 23))), &[]).0, SpawnerReply::Done);
    let home = client.dir.path().join("state/homes/unclaimed");
    assert!(home.exists());
    let Client { child, dir } = client;
    drop(child.control);
    let gone = format!("/proc/{}", child.pid);
    while fs::read_to_string(format!("{gone}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
    assert!(!home.exists(), "the home of a sandbox that nobody claimed");
    drop(dir);
    println!("\ntest result: ok. {} passed; 0 failed", tests.len());
}
