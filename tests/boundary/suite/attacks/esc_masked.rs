//! ESC-08: nothing about the host can be read from /proc and /sys.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-08",
    promise: "nothing about the host can be read from /proc and /sys",
    probe: "esc_masked",
    ground: Ground::Both,
    attempts: &[
        stopped("kallsyms", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("information only; mode or kptr_restrict of the host may add to it"),
        stopped("key-users", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("information only; mode or kptr_restrict of the host may add to it"),
        stopped("interrupts", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("information only; mode or kptr_restrict of the host may add to it"),
        stopped("iomem", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("information only; mode or kptr_restrict of the host may add to it"),
        stopped("ioports", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("information only; mode or kptr_restrict of the host may add to it"),
        stopped("any-known", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("timer_list", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("vmallocinfo", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("slabinfo", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("kpageflags", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]),
        stopped("sysfs", &["ENOENT", "EACCES"], &[Layer::Namespaces]).note("there is no sysfs inside"),
    ],
};
