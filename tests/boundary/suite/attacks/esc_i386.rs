//! ESC-03: i386 system calls end the process.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-03",
    promise: "i386 system calls end the process",
    probe: "esc_i386",
    ground: Ground::Inside,
    attempts: &[
        stopped("getpid", &["signal 31"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("socketcall", &["signal 31"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("execve", &["signal 31"], &[Layer::Seccomp, Layer::SpawnerFilter]),
    ],
};
