//! ESC-27: no weaker address space, no ports.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-27",
    promise: "no weaker address space, no ports",
    probe: "esc_personality",
    ground: Ground::Both,
    attempts: &[
        stopped("READ_IMPLIES_EXEC", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("ADDR_NO_RANDOMIZE", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("modify_ldt", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("iopl", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("ioperm", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
    ],
};
