//! ESC-19: no key of the host can be found, no key made.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-19",
    promise: "no key of the host can be found, no key made",
    probe: "esc_keyrings",
    ground: Ground::Inside,
    attempts: &[
        stopped("add_key", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("session-keyring", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("search-canary", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter, Layer::Keyring]),
        stopped("request-canary", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter, Layer::Keyring]),
        stopped("proc-keys", &["ENODATA"], &[Layer::Mounts]).note("shows only keys it may view"),
    ],
};
