//! ESC-12: no cgroup v1 hierarchy can be mounted.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-12",
    promise: "no cgroup v1 hierarchy can be mounted",
    probe: "esc_release_agent",
    ground: Ground::Inside,
    attempts: &[
        stopped("mount-pids", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities, Layer::Landlock]),
        stopped("release_agent", &["ENOENT"], &[Layer::Namespaces])
            .without_control("there is no sysfs and no cgroup file system inside; mount-pids shows that none can be had")
            .step(),
    ],
};
