//! ESC-17: no device but the six of /dev.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-17",
    promise: "no device but the six of /dev",
    probe: "esc_devices",
    ground: Ground::Both,
    attempts: &[
        stopped("mknod-mem", &["EPERM"], &[Layer::Namespaces, Layer::Capabilities]),
        stopped("mknod-kvm", &["EPERM"], &[Layer::Namespaces, Layer::Capabilities]),
        stopped("mknod-disk", &["EPERM"], &[Layer::Namespaces, Layer::Capabilities]),
        stopped("mknod-gpu", &["EPERM"], &[Layer::Namespaces, Layer::Capabilities]),
        stopped("planted-node", &["EACCES"], &[Layer::Mounts])
            .note("a node that only the host can have made, as the attempts above show")
            .step(),
        stopped("other-node-in-dev", &["ENOENT"], &[Layer::Namespaces])
            .note("a /dev of its own; what it could not make itself (above) would have to be there")
            .step(),
    ],
};
