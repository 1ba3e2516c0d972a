//! ESC-22: no page of the shared base can be changed in memory.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-22",
    promise: "no page of the shared base can be changed in memory",
    probe: "esc_page_cache",
    ground: Ground::Inside,
    attempts: &[
        stopped("vmsplice", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("dirty-pipe", &["EROFS"], &[Layer::Namespaces])
            .without_control("a test for an old defect of the kernel, below every layer; one without it refuses it by itself; the base is compared after every attack").step(),
    ],
};
