//! ESC-07: no setting of the kernel can be opened for writing.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-07",
    promise: "no setting of the kernel can be opened for writing",
    probe: "esc_knobs",
    ground: Ground::Both,
    attempts: &[
        stopped("any-sysctl", &["EACCES"], &[Layer::Mounts])
            .note("only settings of its own namespaces open without it, and ask for a capability when written")
            .step(),
        stopped("any-sysfs", &["EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Landlock]).note("there is no sysfs inside"),
        stopped("any-irq", &["EACCES"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("ns_last_pid", &["EROFS"], &[Layer::Mounts])
            .note("a setting of its own pid namespace that everybody may open; shows that the read-only mount alone refuses")
            .step(),
        stopped("panic", &["EACCES", "EROFS"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("suid_dumpable", &["EACCES", "EROFS"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("drop_caches", &["EACCES", "EROFS"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("any-known", &["EACCES", "EROFS"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("sys-kernel-mm", &["ENOENT"], &[Layer::Namespaces, Layer::Landlock]).note("there is no sysfs inside"),
        stopped("usr", &["EACCES", "EROFS"], &[Layer::Namespaces, Layer::Landlock])
            .note("read-only and of another id; not left out, since it is the host's"),
    ],
};
