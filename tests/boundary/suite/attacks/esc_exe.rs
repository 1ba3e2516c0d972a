//! ESC-09: no program of the product or of the base can be written through a process.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-09",
    promise: "no program of the product or of the base can be written through a process",
    probe: "esc_exe",
    ground: Ground::Both,
    attempts: &[
        stopped("any-exe-for-writing", &["EACCES"], &[Layer::Namespaces])
            .without_control("the kernel lets nobody write what runs, and aether-init runs from a sealed copy in memory"),
        stopped("usr-bin-for-writing", &["EACCES", "EROFS"], &[Layer::Namespaces])
            .note("read-only and of another id; not left out, since it is the host's"),
    ],
};
