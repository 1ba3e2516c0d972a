//! ESC-10: no descriptor of the host comes along.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-10",
    promise: "no descriptor of the host comes along",
    probe: "esc_descriptors",
    ground: Ground::Inside,
    attempts: &[
        stopped("reached-init", &["ENOENT"], &[Layer::Descriptors]).note("the first of three closings").step(),
        stopped("beyond-stdio", &["EBADF"], &[Layer::Descriptors, Layer::Init])
            .without_control("reached-init shows what close_range does; without it aether-init still closes at its start and before each exec what it did not open"),
        stopped("leads-out", &["EBADF"], &[Layer::Descriptors, Layer::Init])
            .without_control("the same; reached-init shows that the descriptor is there to lead out"),
        stopped("unreachable-cwd", &["ENOENT"], &[Layer::Namespaces, Layer::Init])
            .without_control("the directory is entered by name after the root was changed, and again by aether-init before each exec"),
    ],
};
