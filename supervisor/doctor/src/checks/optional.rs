//! Programs and devices that no sandbox needs. Only information: none of them is ever a warning.

use aether_protocol::{Finding, FindingGroup};

use crate::{Host, finding::Check};

const fn named(name: &'static str, meaning: &'static str) -> Check {
    Check { group: FindingGroup::Optional, name, meaning }
}

const PROGRAMS: [Check; 2] =
    [named("Xvfb", "a screen for programs with windows"), named("x11vnc", "such a screen shown elsewhere")];
const NVIDIA: Check = named("nvidia", "GPUs, shown in figures");
const NF_TABLES: Check = named("nf_tables", "nothing yet: agents have loopback only, and no firewall of the host is touched");

pub(super) struct Facts {
    programs: Vec<Option<String>>,
    nvidia: Option<String>,
    nf_tables: bool,
}

impl Facts {
    pub(super) fn read(host: &Host) -> Self {
        let driver = host.text("/proc/driver/nvidia/version");
        Self {
            programs: PROGRAMS.iter().map(|check| host.program(check.name)).collect(),
            nvidia: driver.map(|text| text.lines().next().unwrap_or("").trim_start_matches("NVRM version:").trim().to_owned()),
            nf_tables: host.exists("/proc/sys/net/netfilter/nf_log") || host.exists("/sys/module/nf_tables"),
        }
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let program = |(check, found): (&Check, &Option<String>)| match found {
        Some(path) => check.ok(path.clone()),
        None => check.ok("not installed; no feature of this version needs it"),
    };
    let mut findings: Vec<Finding> = PROGRAMS.iter().zip(&facts.programs).map(program).collect();
    findings.push(match &facts.nvidia {
        Some(version) => NVIDIA.ok(version.clone()),
        None => NVIDIA.ok("no driver loaded; agents need none"),
    });
    findings.push(NF_TABLES.ok(if facts.nf_tables { "in this kernel" } else { "not loaded" }));
    findings
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::Ok;

    use super::*;
    use crate::host::Laid;

    #[test]
    fn what_is_optional_is_told_and_never_warned_about() {
        let version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.1\nGCC version: 12\n";
        let laid = Laid::with(&[("/usr/bin/Xvfb", ""), ("/proc/driver/nvidia/version", version)]);
        let findings = judge(&Facts::read(&laid.host()));
        assert!(findings.iter().all(|finding| finding.status == Ok));
        assert_eq!(findings[0].detail, "/usr/bin/Xvfb");
        assert!(findings[1].detail.starts_with("not installed"));
        assert_eq!(findings[2].detail, "NVIDIA UNIX x86_64 Kernel Module  550.1");
    }
}
