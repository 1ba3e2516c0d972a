//! ESC-14: read-only stays read-only.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-14",
    promise: "read-only stays read-only",
    probe: "esc_remount",
    ground: Ground::Inside,
    attempts: &[
        stopped("remount-root", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("remount-etc", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("bind-proc-sys", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("unbindable", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("move", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("umount-etc", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("mount_setattr", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
    ],
};
