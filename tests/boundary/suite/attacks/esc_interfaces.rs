//! ESC-18: the kernel's dangerous interfaces are closed.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-18",
    promise: "the kernel's dangerous interfaces are closed",
    probe: "esc_interfaces",
    ground: Ground::Both,
    attempts: &[
        stopped("bpf", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities]),
        stopped("perf_event_open", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities]),
        stopped("userfaultfd", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("io_uring", &["ENOSYS", "EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("swapon", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities]),
        stopped("acct", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities]),
        stopped("kexec_load", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("init_module", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("finit_module", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("delete_module", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("quotactl", &["EPERM"], &[Layer::Seccomp])
            .note("only to write back what is due; the rest asks for a capability; the spawner may need it for limits of disks")
            .step(),
        stopped("reboot", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities]),
    ],
};
