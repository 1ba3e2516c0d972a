//! ESC-02: the x32 numbers reach nothing.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-02",
    promise: "the x32 numbers reach nothing",
    probe: "esc_x32",
    ground: Ground::Inside,
    attempts: &[
        stopped("socket", &["ENOSYS"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter])
            .without_control("few kernels have x32; a unit test of the filter shows that it refuses the numbers itself"),
        stopped("mount", &["ENOSYS"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter])
            .without_control("few kernels have x32; a unit test of the filter shows that it refuses the numbers itself"),
        stopped("getpid", &["ENOSYS"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter])
            .without_control("few kernels have x32; a unit test of the filter shows that it refuses the numbers itself"),
    ],
};
