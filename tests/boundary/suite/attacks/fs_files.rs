//! FS-03: links, attributes and sizes stay inside.

use crate::attack::{Attack, Ground, Layer, stopped, works};

pub(super) const ATTACK: Attack = Attack {
    id: "FS-03",
    promise: "links, attributes and sizes stay inside",
    probe: "fs_files",
    ground: Ground::Inside,
    attempts: &[
        stopped("link-etc", &["EXDEV", "EPERM", "EROFS"], &[Layer::Namespaces])
            .without_control("a link cannot lead to another mount; link-own shows that it works"),
        stopped("link-usr", &["EXDEV"], &[Layer::Namespaces]).without_control("a link cannot lead to another mount"),
        stopped("link-exe", &["EXDEV", "EPERM"], &[Layer::Namespaces]).without_control("a link cannot lead to another mount"),
        works("link-own"),
        stopped("trusted-redirect", &["EPERM"], &[Layer::Namespaces])
            .without_control("asks for a capability of the host's namespace"),
        stopped("user-redirect", &["ENOENT", "EPERM"], &[Layer::Namespaces])
            .without_control("the overlay is mounted without userxattr, and with redirect_dir off"),
        stopped("fill-tmp", &["ENOSPC"], &[Layer::Namespaces]).without_control("the size of the mount"),
    ],
};
