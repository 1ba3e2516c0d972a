//! What the service itself could do if somebody took it over: read back from the kernel.
#![forbid(unsafe_code)]

use std::fs;

use aether_tests::{Daemon, proc};

/// SYS_ADMIN, SETUID, SETGID, SYS_PTRACE, CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, MKNOD, KILL, SYS_CHROOT, SETPCAP.
const SPAWNER: u64 =
    1 << 21 | 1 << 7 | 1 << 6 | 1 << 19 | 1 << 1 | 1 << 2 | 1 | 1 << 3 | 1 << 4 | 1 << 27 | 1 << 5 | 1 << 18 | 1 << 8;

#[test]
fn the_service_has_no_privilege_in_any_thread() {
    let daemon = Daemon::start();
    let threads: Vec<String> = fs::read_dir(format!("/proc/{}/task", daemon.pid()))
        .expect("threads")
        .flatten()
        .map(|entry| fs::read_to_string(entry.path().join("status")).expect("status"))
        .collect();
    assert!(threads.len() > 1, "a runtime has threads");
    for thread in threads {
        let status = proc::parse_status(&thread);
        assert_eq!(status["NoNewPrivs"], "1");
        assert_eq!(status["Seccomp"], "2");
        assert_eq!(status["Groups"], "", "no group but its own");
        assert!(status["Uid"].split(' ').all(|uid| uid != "0"), "{}", status["Uid"]);
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status[set].trim_start_matches('0'), "", "{set} is not empty");
        }
    }
}

#[test]
fn the_spawner_keeps_what_it_uses_and_nothing_else() {
    let daemon = Daemon::start();
    let status = proc::status(daemon.spawner()).expect("the spawner runs");
    assert_eq!(status["NoNewPrivs"], "1");
    assert_eq!(status["Threads"], "1", "forking is only sound with one thread");
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        let held = u64::from_str_radix(&status[set], 16).expect("hexadecimal");
        assert_eq!(held & !SPAWNER, 0, "{set} holds {held:x}");
    }
    assert_eq!(status["CapInh"].trim_start_matches('0'), "");
    assert_eq!(status["CapAmb"].trim_start_matches('0'), "");
}
