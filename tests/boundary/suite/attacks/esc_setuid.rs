//! ESC-21: no program gives more than its caller has.

use crate::attack::{Attack, Ground, Layer, stopped};

pub(super) const ATTACK: Attack = Attack {
    id: "ESC-21",
    promise: "no program gives more than its caller has",
    probe: "esc_setuid",
    ground: Ground::Inside,
    attempts: &[
        stopped("planted-setuid", &["EPERM"], &[Layer::NoNewPrivs, Layer::Mounts]),
        stopped("chmod-setuid", &["EPERM"], &[Layer::Seccomp])
            .note("gives nothing inside, see made-setuid; homes are closed to everybody on the host; a directory lent for writing has a second filter, see ESC-28")
            .step(),
        stopped("create-setuid", &["EPERM"], &[Layer::Seccomp]).note("as chmod-setuid").step(),
        stopped("made-setuid", &["EPERM"], &[Layer::Capabilities, Layer::NoNewPrivs, Layer::Mounts])
            .note("a program of its own, given to uid 0 with the bit, and run; seccomp refuses the bit as well, and rests on no_new_privs here"),
        stopped("file-capability", &["EPERM"], &[Layer::Capabilities])
            .note("had it one, no_new_privs and nosuid would ignore it, as made-setuid shows")
            .step(),
        stopped("CapEff", &["EPERM"], &[Layer::Capabilities]).note("what a capability would do is tried elsewhere; inside its own user namespace only").step(),
        stopped("CapBnd", &["EPERM"], &[Layer::Capabilities]).note("what a capability would do is tried elsewhere; inside its own user namespace only").step(),
        stopped("setuid-0", &["EPERM"], &[Layer::Capabilities]).note("an id of its own range; without capabilities it opens nothing").step(),
    ],
};
