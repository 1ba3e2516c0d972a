//! ESC-21: no program gives more than its caller has.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-21",
    promise: "no program gives more than its caller has",
    probe: "esc_setuid",
    ground: Ground::Inside,
    attempts: &[
        stopped("planted-setuid", &["EPERM"], &[Layer::NoNewPrivs, Layer::Mounts]),
        stopped("chmod-setuid", &["EPERM"], &[Layer::Seccomp]).note("had it the bit, no_new_privs and nosuid would ignore it"),
        stopped("create-setuid", &["EPERM"], &[Layer::Seccomp]).note("had it the bit, no_new_privs and nosuid would ignore it"),
        stopped("file-capability", &["EPERM"], &[Layer::Capabilities])
            .note("had it one, no_new_privs and nosuid would ignore it"),
        stopped("CapEff", &["EPERM"], &[Layer::Capabilities]).note("inside its own user namespace only"),
        stopped("CapBnd", &["EPERM"], &[Layer::Capabilities]).note("inside its own user namespace only"),
        stopped("setuid-0", &["EPERM"], &[Layer::Capabilities]).note("inside its own user namespace only"),
    ],
};
