//! XA-06: names, time and mounts tell nothing and change nothing.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "XA-06",
    promise: "names, time and mounts tell nothing and change nothing",
    probe: "xa_identity",
    ground: Ground::Both,
    attempts: &[
        stopped("sethostname", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("setdomainname", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("settimeofday", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities]),
        stopped("home-in-mountinfo", &["ENOENT"], &[Layer::Namespaces]).without_control("layers are named by relative paths"),
    ],
};
