//! ESC-27: no weaker address space, no ports.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-27",
    promise: "no weaker address space, no ports",
    probe: "esc_personality",
    ground: Ground::Both,
    attempts: &[
        stopped("READ_IMPLIES_EXEC", &["EPERM"], &[Layer::Seccomp]).note("the kernel lets anybody weaken their own process"),
        stopped("ADDR_NO_RANDOMIZE", &["EPERM"], &[Layer::Seccomp]).note("the kernel lets anybody weaken their own process"),
        stopped("modify_ldt", &["EPERM"], &[Layer::Seccomp]).note("the kernel lets anybody weaken their own process"),
        stopped("iopl", &["EPERM"], &[Layer::Seccomp]).note("where the kernel has the call, ids and capabilities refuse it too"),
        stopped("ioperm", &["EPERM"], &[Layer::Seccomp])
            .note("where the kernel has the call, ids and capabilities refuse it too"),
    ],
};
