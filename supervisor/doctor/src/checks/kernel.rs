//! The kernel, and the parts of it that sandboxes are built from.

use aether_protocol::{Finding, FindingGroup, FindingStatus::Failure, FindingStatus::Warning};

use crate::{Host, Measured, finding::Check};

const fn named(name: &'static str, meaning: &'static str) -> Check {
    Check { group: FindingGroup::Kernel, name, meaning }
}

const KERNEL: Check = named("kernel", "every layer of a sandbox; updates close holes that no sandbox can");
const NAMESPACES: Check = named("user-namespaces", "ids, processes, mounts and network of an agent's own");
const NAMESPACE_LIMIT: Check = named("user-namespace-limit", "one user namespace for each agent");
const LANDLOCK: Check = named("landlock", "the second wall around an agent's files");
const SECCOMP: Check = named("seccomp", "the list of system calls an agent may make");
const CALLS: Check = named("system-calls", "how sandboxes are built and files are reached without races");
const RELAY: Check = named("network-relay", "a policed network also for programs that know no proxy");
const IDMAPPED_STATE: Check = named("idmapped-state", "homes whose files carry no ids of the host");
const IDMAPPED_USR: Check = named("idmapped-usr", "names of owners below /usr inside a sandbox");
const OVERLAY: Check = named("overlay", "an agent's home above the read-only base");
const FILE_SYSTEMS: Check = named("file-systems", "what a sandbox mounts");
const KEYRINGS: Check = named("keyrings", "keys of the host that an agent cannot reach");

const NEWER: &str = "install Linux 6.1 or newer from the distribution and boot it (5.19 is the lowest that has everything)";

pub(super) struct Facts {
    /// `uname -r`.
    release: String,
    /// Kinds of file systems the kernel knows now; modules may add more.
    file_systems: Vec<String>,
    /// `user.max_user_namespaces`; `None` when the kernel has none.
    max_user_namespaces: Option<i64>,
    /// Actions of seccomp filters.
    seccomp_actions: Vec<String>,
    keyrings: bool,
}

impl Facts {
    pub(super) fn read(host: &Host) -> Self {
        let words = |text: Option<String>| text.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        Self {
            release: host.sysctl("kernel.osrelease").unwrap_or_default(),
            file_systems: words(host.text("/proc/filesystems")),
            max_user_namespaces: host.number("/proc/sys/user/max_user_namespaces"),
            seccomp_actions: words(host.sysctl("kernel.seccomp.actions_avail")),
            keyrings: host.exists("/proc/sys/kernel/keys"),
        }
    }
}

pub(super) fn judge(facts: &Facts, measured: &Measured) -> Vec<Finding> {
    vec![
        kernel(facts, measured),
        NAMESPACES.measured(measured.user_namespaces.as_ref(), Failure),
        namespace_limit(facts),
        landlock(measured),
        seccomp(facts, measured),
        CALLS.measured(measured.system_calls.as_ref(), Failure),
        RELAY.measured(measured.relay.as_ref(), Warning),
        IDMAPPED_STATE.measured(measured.idmapped_state.as_ref(), Failure),
        IDMAPPED_USR.measured(measured.idmapped_usr.as_ref(), Warning),
        OVERLAY.measured(measured.overlay.as_ref(), Failure),
        file_systems(facts),
        if facts.keyrings {
            KEYRINGS.ok("each agent gets an empty session keyring")
        } else {
            KEYRINGS.warning("this kernel has no keyrings, so there is none to share", "use a kernel with CONFIG_KEYS")
        },
    ]
}

/// `major.minor` of a release such as `6.1.0-28-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn kernel(facts: &Facts, measured: &Measured) -> Finding {
    let said = format!("Linux {}", facts.release);
    let builds_homes = measured.overlay.as_ref().map(|overlay| overlay.works);
    match version(&facts.release) {
        None => KERNEL.warning(format!("cannot tell the version from {:?}", facts.release), "uname -r"),
        Some(version) if version >= (5, 19) => KERNEL.ok(said),
        // Distributions put newer features into older kernels: what was tried counts.
        Some(version) if version >= (5, 14) && builds_homes == Some(true) => {
            KERNEL.ok(format!("{said}, with the newer parts that are needed"))
        }
        Some(version) if version >= (5, 14) && builds_homes.is_none() => {
            KERNEL.warning(format!("{said}; 5.19 is needed, unless the distribution added its parts"), "sudo aether doctor")
        }
        Some(version) if version >= (5, 14) => KERNEL.failure(format!("{said}; idmapped overlays are Linux 5.19"), NEWER),
        Some(_) => KERNEL.failure(format!("{said}; cgroup.kill is Linux 5.14, idmapped overlays are 5.19"), NEWER),
    }
}

fn namespace_limit(facts: &Facts) -> Finding {
    let fix = "sysctl -w user.max_user_namespaces=65536";
    match facts.max_user_namespaces {
        None => NAMESPACE_LIMIT.failure("this kernel has no user namespaces", "use a kernel with CONFIG_USER_NS"),
        Some(0) => NAMESPACE_LIMIT.failure("user.max_user_namespaces = 0: nobody may make one", fix),
        Some(limit) if limit < 256 => NAMESPACE_LIMIT.warning(format!("user.max_user_namespaces = {limit}: few agents"), fix),
        Some(limit) => NAMESPACE_LIMIT.ok(format!("user.max_user_namespaces = {limit}")),
    }
}

fn landlock(measured: &Measured) -> Finding {
    let abi = measured.landlock.as_ref().and_then(|feature| feature.detail.strip_prefix("ABI ")?.parse::<u32>().ok());
    match abi {
        Some(abi) if abi < 3 => {
            LANDLOCK.warning(format!("ABI {abi} does not know truncate(2); ABI 3 is Linux 6.2"), "install Linux 6.2 or newer")
        }
        _ => LANDLOCK.measured(measured.landlock.as_ref(), Failure),
    }
}

fn seccomp(facts: &Facts, measured: &Measured) -> Finding {
    let missing: Vec<&str> = ["kill_process", "errno", "log"]
        .into_iter()
        .filter(|wanted| !facts.seccomp_actions.iter().any(|a| a == wanted))
        .collect();
    match &measured.seccomp {
        Some(feature) if feature.works && !missing.is_empty() => {
            SECCOMP.failure(format!("filters lack the actions {}", missing.join(", ")), "install Linux 4.14 or newer")
        }
        other => SECCOMP.measured(other.as_ref(), Failure),
    }
}

fn file_systems(facts: &Facts) -> Finding {
    let missing: Vec<&str> = ["proc", "tmpfs", "devpts", "overlay", "cgroup2"]
        .into_iter()
        .filter(|wanted| !facts.file_systems.iter().any(|kind| kind == wanted))
        .collect();
    match missing.as_slice() {
        [] => FILE_SYSTEMS.ok("proc, tmpfs, devpts, overlay, cgroup2"),
        ["overlay"] => {
            FILE_SYSTEMS.warning("overlay is not loaded; mounting one loads it where modules may be", "modprobe overlay")
        }
        missing => FILE_SYSTEMS.failure(format!("the kernel does not know {}", missing.join(", ")), NEWER),
    }
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::{self, Ok, Skipped};
    use aether_sandbox::host::Feature;

    use super::*;
    use crate::host::Laid;

    fn status_of(findings: &[Finding], name: &str) -> FindingStatus {
        let found = findings.iter().find(|finding| finding.name == name);
        found.unwrap_or_else(|| panic!("no check {name}")).status
    }

    #[test]
    fn old_kernels_are_refused_and_patched_ones_are_tried() {
        let yes = || Some(Feature::yes("made"));
        let no = || Some(Feature::no("EINVAL", "x"));
        for (release, overlay, status) in [
            ("6.8.0-48-generic", None, Ok),
            ("5.19.0", no(), Ok),
            ("5.14.0-503.el9.x86_64", yes(), Ok),
            ("5.14.0-503.el9.x86_64", None, Warning),
            ("5.15.0-1-generic", no(), Failure),
            ("5.10.0-33-amd64", None, Failure),
            ("4.18.0-553.el8", yes(), Failure),
            ("", None, Warning),
        ] {
            let laid = Laid::with(&[("/proc/sys/kernel/osrelease", &format!("{release}\n"))]);
            let findings = judge(&Facts::read(&laid.host()), &Measured { overlay, ..Measured::default() });
            assert_eq!(status_of(&findings, "kernel"), status, "{release}");
        }
    }

    #[test]
    fn a_container_that_may_not_make_namespaces_fails() {
        let laid = Laid::with(&[("/proc/sys/user/max_user_namespaces", "0\n")]);
        let measured = Measured {
            user_namespaces: Some(Feature::no("clone3 into new namespaces: EPERM", "x")),
            system_calls: Some(Feature::no("clone3: ENOSYS", "y")),
            ..Measured::default()
        };
        let findings = judge(&Facts::read(&laid.host()), &measured);
        for name in ["user-namespaces", "user-namespace-limit", "system-calls", "file-systems"] {
            assert_eq!(status_of(&findings, name), Failure, "{name}");
        }
        for name in ["landlock", "seccomp", "overlay", "idmapped-state"] {
            assert_eq!(status_of(&findings, name), Skipped, "{name}");
        }
    }

    #[test]
    fn features_are_judged_by_what_they_must_do() {
        let laid = Laid::with(&[
            ("/proc/filesystems", "nodev\tproc\nnodev\ttmpfs\nnodev\tdevpts\nnodev\tcgroup2\n\text4\n"),
            ("/proc/sys/kernel/seccomp/actions_avail", "kill_thread trap errno trace allow\n"),
            ("/proc/sys/user/max_user_namespaces", "100\n"),
            ("/proc/sys/kernel/keys/maxkeys", "200\n"),
        ]);
        let measured = Measured {
            landlock: Some(Feature::yes("ABI 2")),
            seccomp: Some(Feature::yes("allowlist")),
            idmapped_usr: Some(Feature::no("EINVAL", "z")),
            relay: Some(Feature::no("EINVAL", "z")),
            ..Measured::default()
        };
        let findings = judge(&Facts::read(&laid.host()), &measured);
        for (name, status) in [
            ("landlock", Warning),
            ("seccomp", Failure),
            ("idmapped-usr", Warning),
            ("network-relay", Warning),
            ("user-namespace-limit", Warning),
            ("file-systems", Warning),
            ("keyrings", Ok),
        ] {
            assert_eq!(status_of(&findings, name), status, "{name}");
        }
    }
}
