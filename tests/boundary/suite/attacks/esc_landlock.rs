//! ESC-24: nothing outside the agent's own trees can be changed.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-24",
    promise: "nothing outside the agent's own trees can be changed",
    probe: "esc_landlock",
    ground: Ground::Inside,
    attempts: &[
        stopped("write-etc", &["EACCES", "EROFS", "EPERM"], &[Layer::Landlock, Layer::Mounts, Layer::Capabilities]),
        stopped("create-in-etc", &["EACCES", "EROFS", "EPERM"], &[Layer::Landlock, Layer::Mounts, Layer::Capabilities]),
        stopped("mkdir-in-root", &["EACCES", "EROFS", "EPERM"], &[Layer::Landlock, Layer::Mounts, Layer::Capabilities]),
        stopped("truncate-etc", &["EACCES", "EROFS", "EPERM"], &[Layer::Landlock, Layer::Mounts, Layer::Capabilities]),
        stopped("rename-in-etc", &["EACCES", "EROFS", "EPERM", "EXDEV"], &[Layer::Landlock, Layer::Mounts]),
        stopped("read-shadow", &["ENOENT"], &[Layer::Namespaces]).without_control("there is none inside").information(),
    ],
};
