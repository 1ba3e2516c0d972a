//! ESC-06: core_pattern belongs to the host.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-06",
    promise: "core_pattern belongs to the host",
    probe: "esc_core_pattern",
    ground: Ground::Both,
    attempts: &[
        stopped("open-for-writing", &["EACCES", "EROFS"], &[Layer::Namespaces, Layer::Mounts])
            .note("the id map is left in place even in the control; outside, root opens it"),
        stopped("raise-core-limit", &["EPERM"], &[Layer::Namespaces])
            .note("the limit is 0 before the capabilities are gone, and core_pattern is not theirs"),
    ],
};
