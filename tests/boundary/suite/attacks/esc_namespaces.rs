//! ESC-05: no namespace and no mount context can be made inside.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-05",
    promise: "no namespace and no mount context can be made inside",
    probe: "esc_namespaces",
    ground: Ground::Inside,
    attempts: &[
        stopped("unshare-user", &["EPERM"], &[Layer::Seccomp, Layer::UserNamespaceLimit]),
        stopped("clone-user", &["EPERM"], &[Layer::Seccomp, Layer::UserNamespaceLimit]),
        stopped("unshare-mount", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("unshare-net", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("clone-pid", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("setns", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("fsopen", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("fsconfig-long-key", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
        stopped("open_tree", &["EPERM"], &[Layer::Seccomp, Layer::Capabilities]),
    ],
};
