//! ESC-09: no program of the product or of the base can be written through a process.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-09",
    promise: "no program of the product or of the base can be written through a process",
    probe: "esc_exe",
    ground: Ground::Both,
    attempts: &[
        stopped("any-exe-for-writing", &["EACCES"], &[Layer::Namespaces, Layer::Sealed]).without_control(
            "the programs are not the agent's; the copy is sealed: even root of the host cannot open it, see below",
        ),
        stopped("usr-bin-for-writing", &["EACCES", "EROFS"], &[Layer::Namespaces, Layer::Landlock])
            .note("read-only and of another id; not left out, since it is the host's"),
    ],
};
