//! ESC-23: the kernel's log is closed.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-23",
    promise: "the kernel's log is closed",
    probe: "esc_log",
    ground: Ground::Both,
    attempts: &[
        stopped("syslog", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities]),
        stopped("dev-kmsg", &["ENOENT"], &[Layer::Namespaces, Layer::Capabilities]),
        stopped("proc-kmsg", &["EPERM", "EACCES"], &[Layer::Namespaces, Layer::Capabilities]),
    ],
};
