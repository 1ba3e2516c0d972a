//! TTY-01: nobody types into a terminal but its user.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "TTY-01",
    promise: "nobody types into a terminal but its user",
    probe: "tty_inject",
    ground: Ground::Terminal,
    attempts: &[
        stopped("TIOCSTI", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("TIOCSTI-high-bits", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("TIOCLINUX", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("TIOCLINUX-high-bits", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("other-terminal", &["ENOENT"], &[Layer::Namespaces]).without_control("the devpts is its own"),
    ],
};
