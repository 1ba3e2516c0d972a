//! ESC-26: no abstract socket of the host can be reached.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-26",
    promise: "no abstract socket of the host can be reached",
    probe: "esc_abstract",
    ground: Ground::Both,
    attempts: &[
        stopped("connect", &["ECONNREFUSED"], &[Layer::Namespaces, Layer::Landlock])
            .note("a network namespace of its own; the service has no abstract socket"),
        stopped("list", &["ENOENT"], &[Layer::Namespaces]).note("a network namespace of its own").information(),
    ],
};
