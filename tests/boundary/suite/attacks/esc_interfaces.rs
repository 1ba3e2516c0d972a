//! ESC-18: the kernel's dangerous interfaces are closed.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-18",
    promise: "the kernel's dangerous interfaces are closed",
    probe: "esc_interfaces",
    ground: Ground::Both,
    attempts: &[
        stopped("bpf", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::Capabilities]),
        stopped("perf_event_open", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::Capabilities]),
        stopped("userfaultfd", &["EPERM"], &[Layer::Seccomp]).note("the kernel lets anybody have it in user mode"),
        stopped("io_uring", &["ENOSYS", "EPERM"], &[Layer::Seccomp]).note("the kernel lets anybody have it"),
        stopped("swapon", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::Capabilities]),
        stopped("acct", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::Capabilities]),
        stopped("kexec_load", &["EPERM"], &[Layer::Seccomp])
            .note("where the kernel has the call, ids and capabilities refuse it too"),
        stopped("init_module", &["EPERM"], &[Layer::Seccomp])
            .note("where the kernel has the call, ids and capabilities refuse it too"),
        stopped("finit_module", &["EPERM"], &[Layer::Seccomp])
            .note("where the kernel has the call, ids and capabilities refuse it too"),
        stopped("delete_module", &["EPERM"], &[Layer::Seccomp])
            .note("where the kernel has the call, ids and capabilities refuse it too"),
        stopped("quotactl", &["EPERM"], &[Layer::Seccomp])
            .note("only to write back what is due; what quotas say asks for a capability"),
        stopped("reboot", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
    ],
};
