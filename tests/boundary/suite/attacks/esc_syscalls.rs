//! ESC-01: a system call on no list never reaches the kernel.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-01",
    promise: "a system call on no list never reaches the kernel",
    probe: "esc_syscalls",
    ground: Ground::Inside,
    attempts: &[
        stopped("on-no-list", &["EPERM"], &[Layer::Seccomp])
            .note("the filter itself; what the calls would do is tried below")
            .step(),
        stopped("unknown-newer", &["ENOSYS"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("clone3", &["ENOSYS"], &[Layer::Seccomp])
            .note("C libraries fall back to clone, whose flags the filter sees")
            .step(),
        stopped("openat2", &["ENOSYS"], &[Layer::Seccomp])
            .note("absent for want of a filter that can read its arguments; it reaches no more than openat")
            .step(),
    ],
};
