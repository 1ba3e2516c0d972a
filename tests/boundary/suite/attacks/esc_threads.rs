//! ESC-25: what one thread may not do, none may.

use super::esc_sockets::HOSTS;
use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-25",
    promise: "what one thread may not do, none may",
    probe: "esc_threads",
    ground: Ground::Both,
    attempts: &[
        stopped(
            "AF_PACKET-in-50-threads",
            &["EPERM"],
            &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities],
        )
        .note(HOSTS),
        stopped("fsopen-in-25-threads", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
    ],
};
