//! ESC-08: nothing about the host can be read from /proc and /sys.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-08",
    promise: "nothing about the host can be read from /proc and /sys",
    probe: "esc_masked",
    ground: Ground::Both,
    attempts: &[
        stopped("kallsyms", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("mode or kptr_restrict of the host may add to it")
            .information(),
        stopped("key-users", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("mode or kptr_restrict of the host may add to it")
            .information(),
        stopped("interrupts", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("mode or kptr_restrict of the host may add to it")
            .information(),
        stopped("iomem", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("mode or kptr_restrict of the host may add to it")
            .information(),
        stopped("ioports", &["ENODATA", "EACCES"], &[Layer::Mounts])
            .note("mode or kptr_restrict of the host may add to it")
            .information(),
        stopped("any-known", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]).information(),
        stopped("timer_list", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]).information(),
        stopped("vmallocinfo", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]).information(),
        stopped("slabinfo", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]).information(),
        stopped("kpageflags", &["ENODATA", "EACCES", "ENOENT"], &[Layer::Namespaces, Layer::Mounts]).information(),
        stopped("sysfs", &["ENOENT", "EACCES"], &[Layer::Namespaces]).note("there is no sysfs inside").information(),
    ],
};
