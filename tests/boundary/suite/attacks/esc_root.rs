//! ESC-15: the root is the root.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-15",
    promise: "the root is the root",
    probe: "esc_root",
    ground: Ground::Inside,
    attempts: &[
        stopped("chroot", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("pivot_root", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("chroot-and-climb", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::Capabilities])
            .without_control("nothing lies above the root: with everything left out it ends where it began"),
        stopped("climb", &["EXDEV"], &[Layer::Namespaces]).without_control("nothing lies above the root").step(),
    ],
};
