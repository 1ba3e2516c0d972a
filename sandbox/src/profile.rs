//! What each profile is, and every point in which it is weaker than the standard one.

use crate::plan::{AGENT_ID, LentMount, PlanLayer, Profile, RANGE_FLOOR, RANGE_SIZE, SandboxPlan};

/// First id on disk of what a sandbox of the profile `packages` writes: its id 0 is this one. No range and no user of the host
/// has it, so a set-id bit on such a file gives nobody anything.
pub const DISK_IDS: u32 = RANGE_FLOOR - RANGE_SIZE;

/// User namespaces that a sandbox of the profile `browser` may have at a time. A browser takes one for each kind of process.
pub const BROWSER_USER_NAMESPACES: u32 = 64;

/// Capabilities of the profile `packages` by their numbers (linux/capability.h), each with its reason. They count in the
/// sandbox's own user namespace only.
pub const PACKAGES_CAPABILITIES: [(u8, &str); 7] = [
    (0, "CHOWN: files of a package belong to its users"),
    (1, "DAC_OVERRIDE: files of other users are replaced and their directories filled"),
    (3, "FOWNER: modes and times of files of other users are set"),
    (4, "FSETID: a set-group-ID bit survives a change of a file whose group is another one"),
    (5, "KILL: apt ends its downloaders, which run as _apt"),
    (6, "SETGID: apt, su and maintainer scripts become other users"),
    (7, "SETUID: as SETGID"),
];

/// A point in which a profile is weaker than the standard one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weaker {
    /// Whose layer it takes from.
    pub layer: PlanLayer,
    /// What is weaker, and what still holds, in a sentence or two.
    pub point: &'static str,
}

const fn weaker(layer: PlanLayer, point: &'static str) -> Weaker {
    Weaker { layer, point }
}

const PACKAGES: [Weaker; 6] = [
    weaker(
        PlanLayer::UserNamespace,
        "the agent is uid 0 of its own user namespace; outside it is the first id of its range, never the host's root",
    ),
    weaker(
        PlanLayer::Filesystem,
        "/usr, /etc, /var, /opt, /root and /srv can be written: overlays of the agent's own, the host's files are beneath and \
         unchanged; what not everybody on the host may read is left out",
    ),
    weaker(
        PlanLayer::Filesystem,
        "the host's package database (/var/lib/dpkg, /var/lib/apt) can be read: the agent learns what is installed",
    ),
    weaker(PlanLayer::Landlock, "writing below /usr, /etc, /var, /opt, /root and /srv is allowed as well"),
    weaker(
        PlanLayer::Seccomp,
        "chmod may set set-id bits, unless a directory is lent writable; they do nothing, every mount is nosuid and the ids on \
         disk are nobody's",
    ),
    weaker(
        PlanLayer::Capabilities,
        "CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID and SETUID in the agent's own user namespace; no other, no way to \
         more",
    ),
];

const BROWSER: [Weaker; 3] = [
    weaker(
        PlanLayer::UserNamespace,
        "up to 64 user namespaces can be made inside: code of the kernel that asks for capabilities of a namespace only can be \
         reached (a class of holes, for example CVE-2022-0185 and CVE-2023-32233); mounts, netlink and packet filters stay \
         closed by seccomp, Landlock and the limits of the namespace",
    ),
    weaker(PlanLayer::Namespaces, "pid and network namespaces can be made inside a user namespace made inside"),
    weaker(
        PlanLayer::Seccomp,
        "clone and unshare take the flags of user, pid and network namespaces, and chroot is allowed; netlink sockets, options \
         of packet filters and requests that change an interface, which the standard profile leaves to the capabilities, are \
         refused instead",
    ),
];

impl Profile {
    /// Name, as `--profile` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Packages => "packages",
            Self::Browser => "browser",
        }
    }

    /// Uid and gid of the agent inside.
    pub const fn agent_id(self) -> u32 {
        match self {
            Self::Standard | Self::Browser => AGENT_ID,
            Self::Packages => 0,
        }
    }

    /// Capabilities of the agent in its own user namespace, one bit each.
    pub const fn capabilities(self) -> u64 {
        let Self::Packages = self else { return 0 };
        let (mut set, mut n) = (0, 0);
        while n < PACKAGES_CAPABILITIES.len() {
            set |= 1 << PACKAGES_CAPABILITIES[n].0;
            n += 1;
        }
        set
    }

    /// May a file get a set-id bit? Not where it could carry a person's id to the host.
    pub fn may_set_id(self, mounts: &[LentMount]) -> bool {
        self == Self::Packages && mounts.iter().all(|mount| mount.read_only)
    }

    /// Every point in which it is weaker than the standard one.
    pub const fn weaker(self) -> &'static [Weaker] {
        match self {
            Self::Standard => &[],
            Self::Packages => &PACKAGES,
            Self::Browser => &BROWSER,
        }
    }
}

impl SandboxPlan {
    /// Uid and gid of the agent on the host.
    pub const fn agent(&self) -> u32 {
        self.ids.start() + self.profile.agent_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_is_told_of_and_none_is_more() {
        assert_eq!(Profile::Packages.capabilities(), 0b1111_1011);
        assert_eq!((Profile::Standard.capabilities(), Profile::Browser.capabilities()), (0, 0));
        let told = PACKAGES.iter().find(|weaker| weaker.layer == PlanLayer::Capabilities).map_or("", |weaker| weaker.point);
        for (_, reason) in PACKAGES_CAPABILITIES {
            let name = reason.split(':').next().unwrap_or_default();
            assert!(told.contains(name), "{name}");
        }
        assert!(
            told.split([',', ' '])
                .filter(|word| word.len() > 3 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
                .count()
                == 7
        );
        assert!(Profile::Standard.weaker().is_empty());
    }
}
