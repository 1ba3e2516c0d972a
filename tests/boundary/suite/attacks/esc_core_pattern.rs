//! ESC-06: core_pattern belongs to the host, and so does the program that it names.

use crate::attack::{Attack, Attempt, Ground, Layer, stopped, works};

/// With a limit of 0 a crash would start the host's program; only the filters keep it at 1.
const fn lowered(name: &'static str) -> Attempt {
    stopped(name, &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter])
}

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-06",
    promise: "core_pattern belongs to the host, and so does the program that it names",
    probe: "esc_core_pattern",
    ground: Ground::Both,
    attempts: &[
        stopped("open-for-writing", &["EACCES", "EROFS"], &[Layer::Namespaces, Layer::Mounts])
            .note("the id map is left in place even in the control; outside, root opens it"),
        stopped("raise-core-limit", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter])
            .note("the limit is hard; more asks for a capability on the host"),
        lowered("lower-core-limit"),
        lowered("lower-high-bits"),
        lowered("lower-by-prlimit"),
        lowered("lower-and-ask"),
        works("ulimit-looks-done"),
        stopped("crash-leaves-a-file", &["EPERM"], &[Layer::Namespaces])
            .note("an agent's file in its own tree at most; below one page the kernel writes none, and the limit is hard")
            .step(),
    ],
};
