//! ESC-16: no file can be opened by a handle.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-16",
    promise: "no file can be opened by a handle",
    probe: "esc_handles",
    ground: Ground::Both,
    attempts: &[
        stopped("open_by_handle_at", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities]),
        stopped("name_to_handle_at", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
    ],
};
