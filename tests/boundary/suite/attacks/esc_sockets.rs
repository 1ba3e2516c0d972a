//! ESC-04: only local, TCP, UDP and route sockets can be made.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const HOSTS: &str =
    "the network namespace belongs to the host's user namespace, in which no capability of a sandbox counts";

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-04",
    promise: "only local, TCP, UDP and route sockets can be made",
    probe: "esc_sockets",
    ground: Ground::Both,
    attempts: &[
        stopped("AF_PACKET", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities])
            .note(HOSTS),
        stopped("raw-IPv4", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities])
            .note(HOSTS),
        stopped("raw-IPv6", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities])
            .note(HOSTS),
        stopped("AF_ALG", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("AF_RXRPC", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("AF_KEY", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("AF_VSOCK", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("AF_XDP", &["EPERM"], &[Layer::Namespaces, Layer::Seccomp, Layer::SpawnerFilter, Layer::Capabilities])
            .note(HOSTS),
        stopped("NETLINK_XFRM", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("NETLINK_NETFILTER", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("NETLINK_KOBJECT_UEVENT", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("NETLINK_AUDIT", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("any-other-family", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
        stopped("socketpair", &["EPERM"], &[Layer::Seccomp, Layer::SpawnerFilter]),
    ],
};
