//! ESC-20: nobody inside reads, changes, stops or ends PID 1.

use crate::attack::{Attack, Ground, Layer, stopped, works};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-20",
    promise: "nobody inside reads, changes, stops or ends PID 1",
    probe: "esc_init",
    ground: Ground::Inside,
    attempts: &[
        stopped("ptrace", &["EPERM"], &[Layer::Seccomp, Layer::Dumpable]),
        stopped("traceme", &["EPERM"], &[Layer::Seccomp]).note("a debugger of its own processes"),
        stopped("process_vm_readv", &["EPERM"], &[Layer::Seccomp, Layer::Dumpable]),
        stopped("process_vm_writev", &["EPERM"], &[Layer::Seccomp, Layer::Dumpable]),
        stopped("pidfd_getfd", &["EPERM"], &[Layer::Seccomp, Layer::Dumpable]),
        stopped("mem", &["EACCES", "EPERM"], &[Layer::Dumpable])
            .note("only while it has no capability either: PID 1 has the uid of its agent"),
        stopped("maps", &["EACCES", "EPERM"], &[Layer::Dumpable])
            .note("only while it has no capability either: PID 1 has the uid of its agent"),
        stopped("environ", &["EACCES", "EPERM"], &[Layer::Dumpable])
            .note("only while it has no capability either: PID 1 has the uid of its agent"),
        stopped("fd", &["EACCES", "EPERM"], &[Layer::Dumpable])
            .note("only while it has no capability either: PID 1 has the uid of its agent"),
        stopped("root", &["EACCES", "EPERM"], &[Layer::Dumpable])
            .note("only while it has no capability either: PID 1 has the uid of its agent"),
        stopped("exe", &["EACCES", "EPERM"], &[Layer::Dumpable])
            .note("only while it has no capability either: PID 1 has the uid of its agent"),
        stopped("exe-for-writing", &["EACCES"], &[Layer::Namespaces])
            .without_control("the kernel lets nobody write what runs, and it is a sealed copy in memory"),
        stopped("signals", &["EPERM"], &[Layer::Namespaces]).without_control("the kernel keeps a namespace's PID 1 from its own"),
        works("signals-to-others"),
    ],
};
