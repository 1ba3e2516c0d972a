//! ESC-04: only local, TCP, UDP and route sockets can be made.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-04",
    promise: "only local, TCP, UDP and route sockets can be made",
    probe: "esc_sockets",
    ground: Ground::Inside,
    attempts: &[
        stopped("AF_PACKET", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("raw-IPv4", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("raw-IPv6", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("AF_ALG", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("AF_RXRPC", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("AF_KEY", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("AF_VSOCK", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("AF_XDP", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("NETLINK_XFRM", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("NETLINK_NETFILTER", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("NETLINK_KOBJECT_UEVENT", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("NETLINK_AUDIT", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("any-other-family", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
        stopped("socketpair", &["EPERM"], &[Layer::Seccomp])
            .note("the kernel lets anybody ask for this family, and may load a module for it"),
    ],
};
