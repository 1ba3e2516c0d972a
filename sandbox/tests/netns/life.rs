//! The maker of namespaces and the life of what it makes.

use std::{
    fs,
    io::Write,
    os::fd::{AsRawFd, OwnedFd},
};

use aether_sandbox::{
    plan::{
        NetworkPlan::{LoopbackOnly, Relayed},
        PlanLayer,
    },
    sys::task::{kill_pidfd, pidfd_open},
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Host;

/// The child of `pid` of that name, once there is one.
fn child(pid: u32, name: &str) -> u32 {
    let named = |child: &u32| fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|comm| comm.trim_end() == name);
    for _ in 0..3000 {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        if let Some(child) = children.split_whitespace().map(|child| child.parse().unwrap()).find(named) {
            return child;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{pid} has no child {name}")
}

/// Pid of the maker's keeper, a child of the spawner.
fn keeper(host: &Host) -> u32 {
    child(host.spawner.pid, "aether-netkeep")
}

/// Pid of the maker.
fn maker(host: &Host) -> u32 {
    child(keeper(host), "aether-netns")
}

fn kill(pid: u32) {
    let pidfd = pidfd_open(pid).unwrap();
    kill_pidfd(&pidfd).unwrap();
    wait_for_end(&pidfd);
}

fn status(pid: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap().trim().to_owned()
}

fn wait_for_end(pidfd: &OwnedFd) {
    use std::os::fd::AsFd;
    let mut ended = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut ended, PollTimeout::from(30_000_u16)).unwrap(), 1, "it lives on");
}

pub(crate) fn sockets_outlive_whoever_asked(host: &Host) {
    let sandbox = host.launch("life", 33, Relayed);
    drop(sandbox.sockets());
    let listener = sandbox.sockets().tcp4;
    std::thread::scope(|scope| {
        let said = scope.spawn(|| sandbox.says(&["connect", "192.0.2.7:80"]));
        listener.accept().unwrap().0.write_all(b"again").unwrap();
        assert_eq!(said.join().unwrap(), "from 198.18.0.2: again");
    });
}

pub(crate) fn the_maker_can_do_nothing_else(host: &Host) {
    // It waits for requests, so it has all its filters.
    assert_eq!(host.launch("confined", 34, Relayed).says(&["serve", "0.0.0.0:5001", "127.0.0.1:5001"]), "own");
    // The keeper has one descriptor more: that of the maker's life.
    for (pid, filters, descriptors) in [(maker(host), "2", 6), (keeper(host), "1", 7)] {
        is_confined(pid, descriptors);
        assert_eq!(status(pid, "Seccomp_filters"), filters);
    }
}

fn is_confined(pid: u32, descriptors: i32) {
    // SYS_ADMIN, NET_ADMIN, NET_BIND_SERVICE and BPF, as far as this process has them.
    let allowed: u64 = 1 << 21 | 1 << 12 | 1 << 10 | 1 << 39;
    for set in ["CapPrm", "CapEff"] {
        assert_eq!(u64::from_str_radix(&status(pid, set), 16).unwrap() & !allowed, 0, "{set}");
    }
    for set in ["CapInh", "CapBnd", "CapAmb"] {
        assert_eq!(status(pid, set), "0000000000000000", "{set}");
    }
    assert_eq!((status(pid, "NoNewPrivs").as_str(), status(pid, "Seccomp").as_str()), ("1", "2"));
    let mut open: Vec<i32> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|fd| fd.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    open.sort_unstable();
    assert_eq!(open, (0..descriptors).collect::<Vec<_>>());
    // It waits in its own namespace: what it made does not live by it.
    let own = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert_eq!(own(&pid.to_string()), own("self"));
}

/// Killed again and again, also while it is at work: whoever asks for a namespace gets one.
pub(crate) fn a_maker_that_dies_is_started_again(host: &Host) {
    for round in 0..6 {
        let first = maker(host);
        // All that are ready are used up by this, so that the next one begins with requests that wait.
        let busy = std::thread::scope(|scope| {
            let killer = scope.spawn(move || kill(first));
            for kind in [Relayed, LoopbackOnly].repeat(6) {
                drop(host.launch("reborn", 34, kind));
            }
            killer.join()
        });
        busy.unwrap();
        assert_ne!(maker(host), first, "round {round}");
    }
    let sandbox = host.launch("reborn", 34, Relayed);
    let listener = sandbox.sockets().tcp4;
    std::thread::scope(|scope| {
        let said = scope.spawn(|| sandbox.says(&["connect", "192.0.2.7:80"]));
        listener.accept().unwrap().0.write_all(b"again").unwrap();
        assert_eq!(said.join().unwrap(), "from 198.18.0.2: again");
    });
}

/// Takes what is ready; then there is nothing, and it is said which process is missed. A sandbox without a network does without.
pub(crate) fn without_maker_and_keeper_a_network_is_refused_by_name(host: &Host) {
    let maker = maker(host);
    kill(keeper(host));
    drop(host.launch("orphan", 34, Relayed));
    kill(maker);
    let mut refused = None;
    for _ in 0..20 {
        match host.try_launch("orphan", 34, Relayed) {
            Ok(_) => host.kill("orphan"),
            Err(failure) => refused = Some(failure),
        }
    }
    let refused = refused.expect("nothing makes more");
    assert_eq!((refused.layer, refused.step.as_str()), (Some(PlanLayer::Network), "take a network namespace"));
    assert!(refused.cause.contains("aether-netns") && refused.hint.contains("restart aetherd"), "{refused:?}");
    for _ in 0..20 {
        let sandbox = host.launch("orphan", 34, LoopbackOnly);
        drop(sandbox);
    }
    let sandbox = host.launch("orphan", 34, LoopbackOnly);
    assert_eq!(sandbox.says(&["serve", "0.0.0.0:5001", "127.0.0.1:5001"]), "own");
    assert_eq!(sandbox.says(&["connect", "192.0.2.7:80"]), format!("errno {}", libc::ENETUNREACH));
}

pub(crate) fn the_maker_ends_with_the_spawner(host: Host) {
    let other = Host::start();
    let makers = [maker(&other), keeper(&other)].map(|pid| pidfd_open(pid).unwrap());
    let spawner = pidfd_open(other.spawner.pid).unwrap();
    // At once, as a crash would.
    kill_pidfd(&spawner).unwrap();
    for maker in &makers {
        wait_for_end(maker);
    }
    let Host { spawner, directory } = host;
    let ended = pidfd_open(spawner.pid).unwrap();
    assert!(ended.as_raw_fd() >= 0);
    drop(spawner.control);
    wait_for_end(&ended);
    drop(directory);
}
