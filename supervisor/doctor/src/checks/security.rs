//! Security modules of the host that may refuse what a sandbox is built with: AppArmor and SELinux.

use aether_protocol::{Finding, FindingGroup};

use crate::{Host, Measured, finding::Check};

const fn named(name: &'static str, meaning: &'static str) -> Check {
    Check { group: FindingGroup::Modules, name, meaning }
}

const APPARMOR: Check = named("apparmor", "may refuse user namespaces, and with them every agent");
const SELINUX: Check = named("selinux", "may refuse what the spawner mounts");
const UNRESTRICT: &str =
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 # or load a profile for aetherd that says: userns,";

pub(super) struct Facts {
    apparmor: bool,
    /// `kernel.apparmor_restrict_unprivileged_userns`, Ubuntu 23.10 and newer.
    restricts_namespaces: bool,
    /// Whether a profile for aetherd is loaded; only root may know.
    profile: Option<bool>,
    selinux: Option<Mode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Permissive,
    Enforcing,
}

impl Facts {
    pub(super) fn read(host: &Host) -> Self {
        let profiles = host.text("/sys/kernel/security/apparmor/profiles");
        let names = |text: String| text.lines().any(|line| line.split(" (").next().is_some_and(|name| name.contains("aetherd")));
        Self {
            apparmor: host.text("/sys/module/apparmor/parameters/enabled").is_some_and(|value| value == "Y"),
            restricts_namespaces: host.sysctl("kernel.apparmor_restrict_unprivileged_userns").is_some_and(|value| value == "1"),
            profile: profiles.map(names),
            selinux: match host.text("/sys/fs/selinux/enforce").as_deref() {
                Some("1") => Some(Mode::Enforcing),
                Some(_) => Some(Mode::Permissive),
                None => None,
            },
        }
    }
}

pub(super) fn judge(facts: &Facts, measured: &Measured) -> Vec<Finding> {
    vec![apparmor(facts, measured), selinux(facts, measured)]
}

fn apparmor(facts: &Facts, measured: &Measured) -> Finding {
    let profile = match facts.profile {
        Some(true) => "a profile for aetherd is loaded",
        Some(false) => "no profile for aetherd is loaded",
        None => "whether a profile for aetherd is loaded, only root can see",
    };
    let works = measured.user_namespaces.as_ref().map(|feature| feature.works);
    match (facts.apparmor, facts.restricts_namespaces, works) {
        (false, ..) => APPARMOR.ok("not in use"),
        (true, true, Some(false)) => {
            APPARMOR.failure(format!("restricts user namespaces, and refused them; {profile}"), UNRESTRICT)
        }
        (true, true, Some(true)) => {
            APPARMOR.ok(format!("restricts user namespaces of ordinary programs, not the spawner's; {profile}"))
        }
        (true, true, None) => APPARMOR.skipped(format!("restricts user namespaces; {profile}"), "sudo aether doctor"),
        (true, false, _) => APPARMOR.ok(format!("in use, leaves user namespaces alone; {profile}")),
    }
}

fn selinux(facts: &Facts, measured: &Measured) -> Finding {
    let tried = [&measured.user_namespaces, &measured.idmapped_state, &measured.overlay];
    match facts.selinux {
        None => SELINUX.ok("not in use"),
        Some(Mode::Permissive) => SELINUX.ok("permissive: refuses nothing"),
        Some(Mode::Enforcing) if tried.iter().any(|feature| feature.as_ref().is_some_and(|feature| !feature.works)) => SELINUX
            .failure(
                "enforcing, and something that was tried was refused",
                "ausearch -m avc -ts recent | audit2allow -M aetherd",
            ),
        Some(Mode::Enforcing) if tried.iter().all(|feature| feature.is_some()) => {
            SELINUX.ok("enforcing; refused nothing that was tried")
        }
        Some(Mode::Enforcing) => SELINUX.skipped("enforcing", "sudo aether doctor"),
    }
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::{self, Failure, Ok, Skipped};
    use aether_sandbox::host::Feature;

    use super::*;
    use crate::host::Laid;

    fn tried(works: Option<bool>) -> Measured {
        let feature = works.map(|works| if works { Feature::yes("") } else { Feature::no("EACCES", "x") });
        Measured { user_namespaces: feature.clone(), idmapped_state: feature.clone(), overlay: feature, ..Measured::default() }
    }

    fn verdicts(files: &[(&str, &str)], works: Option<bool>) -> (FindingStatus, FindingStatus) {
        let findings = judge(&Facts::read(&Laid::with(files).host()), &tried(works));
        (findings[0].status, findings[1].status)
    }

    #[test]
    fn ubuntu_24_04_restricts_namespaces() {
        let ubuntu = [
            ("/sys/module/apparmor/parameters/enabled", "Y\n"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n"),
            ("/sys/kernel/security/apparmor/profiles", "firefox (unconfined)\n/usr/bin/man (enforce)\n"),
        ];
        assert_eq!(verdicts(&ubuntu, Some(true)), (Ok, Ok));
        assert_eq!(verdicts(&ubuntu, Some(false)).0, Failure);
        assert_eq!(verdicts(&ubuntu, None).0, Skipped);
        assert_eq!(verdicts(&ubuntu[..1], Some(false)).0, Ok, "without the restriction it is not AppArmor");
        let facts = Facts::read(&Laid::with(&[("/sys/kernel/security/apparmor/profiles", "aetherd (unconfined)\n")]).host());
        assert_eq!(facts.profile, Some(true));
    }

    #[test]
    fn rhel_enforces_selinux() {
        for (enforce, works, status) in
            [("1\n", Some(true), Ok), ("1\n", Some(false), Failure), ("1\n", None, Skipped), ("0\n", Some(false), Ok)]
        {
            assert_eq!(verdicts(&[("/sys/fs/selinux/enforce", enforce)], works).1, status, "{enforce} {works:?}");
        }
        assert_eq!(verdicts(&[], Some(false)).1, Ok);
    }
}
