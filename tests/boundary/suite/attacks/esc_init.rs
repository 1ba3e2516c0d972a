//! ESC-20: nobody inside reads, changes, stops or ends PID 1.

use crate::attack::{Attack, Attempt, Ground, Layer, stopped, works};

/// Reading it is refused for its user and because it is not dumpable.
const fn closed(name: &'static str) -> Attempt {
    stopped(name, &["EACCES", "EPERM"], &[Layer::Dumpable, Layer::InitUser]).note("both only while it has no capability")
}

/// Changing it is refused for its user and by the filter.
const fn unchangeable(name: &'static str) -> Attempt {
    stopped(name, &["EPERM"], &[Layer::Seccomp, Layer::InitUser])
}

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-20",
    promise: "nobody inside reads, changes, stops or ends PID 1",
    probe: "esc_init",
    ground: Ground::Inside,
    attempts: &[
        stopped("ptrace", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter, Layer::Dumpable, Layer::InitUser]),
        stopped("traceme", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("process_vm_readv", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter, Layer::Dumpable, Layer::InitUser]),
        stopped("process_vm_writev", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter, Layer::Dumpable, Layer::InitUser]),
        stopped("pidfd_getfd", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter, Layer::Dumpable, Layer::InitUser]),
        closed("mem"),
        closed("maps"),
        closed("environ"),
        closed("fd"),
        closed("root"),
        closed("cwd"),
        closed("ns"),
        closed("exe"),
        stopped("exe-for-writing", &["EACCES"], &[Layer::Namespaces, Layer::Sealed])
            .without_control("it is not the agent's, and a sealed copy in memory that nobody can write"),
        unchangeable("prlimit"),
        unchangeable("sched_setaffinity"),
        unchangeable("setpriority"),
        unchangeable("ioprio_set"),
        stopped("signal-0", &["EPERM"], &[Layer::Seccomp])
            .note("whether it is there, which everybody knows; what a signal would do is tried below")
            .information(),
        stopped("signals", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp]).without_control(
            "the kernel keeps a namespace's PID 1 from its own; signal-0 shows that the filter refuses by itself",
        ),
        works("signals-to-others"),
    ],
};
