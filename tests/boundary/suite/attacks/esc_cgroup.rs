//! ESC-13: no cgroup can be seen or changed.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-13",
    promise: "no cgroup can be seen or changed",
    probe: "esc_cgroup",
    ground: Ground::Both,
    attempts: &[
        stopped("any-hierarchy", &["ENOENT"], &[Layer::Namespaces]).note("there is no cgroup file system inside").information(),
        stopped("mount-cgroup2", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("write-mounted", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::Capabilities]),
        stopped("path-shown", &["ENOENT"], &[Layer::Namespaces]).note("a cgroup namespace of its own").information(),
    ],
};
