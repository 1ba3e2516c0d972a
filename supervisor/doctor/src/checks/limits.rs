//! What the host allows all of its programs together, and this one.

use aether_protocol::{Finding, FindingGroup};
use nix::sys::resource::{Resource, getrlimit};

use crate::{Host, finding::Check};

const fn named(name: &'static str, meaning: &'static str) -> Check {
    Check { group: FindingGroup::Limits, name, meaning }
}

const FILES: Check = named("open-files", "each agent and each viewer takes a few descriptors of the daemon");

/// A limit of the host, the lowest good value, and the one to set.
const LIMITS: &[(&str, &str, i64, i64)] = &[
    (
        "kernel.pid_max",
        "20 agents with 2048 processes each use up fewer: then nobody on the host can start one",
        65_536,
        4_194_304,
    ),
    ("kernel.threads-max", "processes and threads of all agents together", 32_768, 262_144),
    ("kernel.pty.max", "a terminal for each program that wants one", 1024, 4096),
    ("fs.inotify.max_user_instances", "programs in agents that watch files: editors, build tools, dev servers", 128, 1024),
    ("fs.inotify.max_user_watches", "how many files they may watch", 8192, 524_288),
];

pub(super) struct Facts {
    /// Soft limit of `RLIMIT_NOFILE`.
    files: Option<u64>,
    /// Each of [`LIMITS`].
    values: Vec<Option<i64>>,
}

impl Facts {
    pub(super) fn read(host: &Host) -> Self {
        let value = |(name, ..): &(&str, &str, i64, i64)| host.sysctl(name)?.parse().ok();
        Self { files: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft), values: LIMITS.iter().map(value).collect() }
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let files = match facts.files {
        Some(files) if files < 1024 => {
            FILES.warning(format!("{files} at a time"), "ulimit -n 65536 # in a unit: LimitNOFILE=65536")
        }
        Some(files) => FILES.ok(format!("{files} at a time")),
        None => FILES.warning("the limit cannot be read", "ulimit -n"),
    };
    let one = |((name, meaning, least, set), value): (&(&'static str, &'static str, i64, i64), &Option<i64>)| {
        let check = named(name, meaning);
        match value {
            Some(value) if value < least => check.warning(value.to_string(), format!("sysctl -w {name}={set}")),
            Some(value) => check.ok(value.to_string()),
            None => check.ok("absent: this kernel has no such limit"),
        }
    };
    std::iter::once(files).chain(LIMITS.iter().zip(&facts.values).map(one)).collect()
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::{Ok, Warning};

    use super::*;
    use crate::host::Laid;

    #[test]
    fn limits_have_a_lowest_good_value() {
        let laid = Laid::with(&[("/proc/sys/kernel/pid_max", "32768\n"), ("/proc/sys/fs/inotify/max_user_watches", "524288\n")]);
        let findings = judge(&Facts::read(&laid.host()));
        let of = |name: &str| findings.iter().find(|finding| finding.name == name).expect("the check");
        assert_eq!(
            (of("kernel.pid_max").status, of("kernel.pid_max").fix.as_str()),
            (Warning, "sysctl -w kernel.pid_max=4194304")
        );
        assert_eq!(of("fs.inotify.max_user_watches").status, Ok);
        assert_eq!(of("kernel.pty.max").status, Ok);
        for (files, status) in [(Some(256), Warning), (Some(1024), Ok), (None, Warning)] {
            assert_eq!(judge(&Facts { files, values: Vec::new() })[0].status, status, "{files:?}");
        }
    }
}
