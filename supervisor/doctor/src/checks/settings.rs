//! Settings of the kernel (sysctl) that protect a host from what runs on it. Sandboxes stop each of these attacks by themselves as well.

use std::collections::BTreeMap;

use aether_protocol::{Finding, FindingGroup};

use crate::{Host, finding::Check};

/// Which values are good.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    AtLeast(i64),
    Exactly(i64),
    /// Anything but this; then the value to set.
    Not(i64, i64),
    /// A name of a file, not a program or a socket that gets the memory of what crashed.
    NoHandler,
}

/// What it means that the kernel has no such setting.
#[derive(Debug, Clone, Copy)]
enum Absent {
    /// There is nothing to protect from, or nothing that could.
    Fine(&'static str),
    /// A protection is missing; how to get it.
    Weaker(&'static str),
}

type Setting = (&'static str, Wanted, Absent, &'static str);

const SETTINGS: &[Setting] = &[
    ("fs.protected_symlinks", Wanted::AtLeast(1), OLD, "links planted in /tmp lead root's programs astray"),
    ("fs.protected_hardlinks", Wanted::AtLeast(1), OLD, "hard links to files of others keep them, and their holes, alive"),
    ("fs.protected_regular", Wanted::AtLeast(1), OLD, "files planted in /tmp are written to by programs of others"),
    ("fs.protected_fifos", Wanted::AtLeast(1), OLD, "pipes planted in /tmp are written to by programs of others"),
    ("fs.suid_dumpable", Wanted::Not(1, 0), Absent::Fine("no core dumps"), "core files of setuid programs show their secrets"),
    ("kernel.kptr_restrict", Wanted::AtLeast(1), OLD, "addresses of the kernel help to exploit it"),
    ("kernel.dmesg_restrict", Wanted::AtLeast(1), OLD, "the kernel's log shows addresses and hardware"),
    (
        "kernel.yama.ptrace_scope",
        Wanted::AtLeast(1),
        Absent::Weaker("boot a kernel with Yama in its lsm= list (CONFIG_SECURITY_YAMA)"),
        "programs of one user read each other's memory; agents have users of their own",
    ),
    (
        "dev.tty.legacy_tiocsti",
        Wanted::Exactly(0),
        Absent::Fine("older than Linux 6.2; the filter of every agent refuses TIOCSTI"),
        "a program types into a terminal that it shares",
    ),
    (
        "kernel.io_uring_disabled",
        Wanted::AtLeast(1),
        Absent::Fine("older than Linux 6.6; the filter of every agent refuses io_uring"),
        "io_uring is a large part of the kernel's attack surface",
    ),
    ("kernel.unprivileged_bpf_disabled", Wanted::AtLeast(1), Absent::Fine("no BPF"), "programs of users run in the kernel"),
    ("kernel.perf_event_paranoid", Wanted::AtLeast(2), Absent::Fine("no perf events"), "users measure the kernel and each other"),
    ("vm.unprivileged_userfaultfd", Wanted::Exactly(0), Absent::Fine("no userfaultfd"), "races in the kernel become easy to win"),
    ("vm.mmap_min_addr", Wanted::AtLeast(4096), OLD, "null pointers of the kernel lead into a user's memory"),
    ("kernel.randomize_va_space", Wanted::AtLeast(2), OLD, "addresses of programs can be guessed"),
    (
        "kernel.core_pattern",
        Wanted::NoHandler,
        Absent::Fine("no core dumps"),
        "the memory of a crashed agent goes to a program of the host, which may have holes of its own",
    ),
];

const OLD: Absent = Absent::Weaker("install a newer kernel of the distribution");

/// A setting that the kernel has. Some may be read by root only (`fs.protected_*`).
#[derive(Debug)]
pub(super) enum Value {
    Read(String),
    Hidden,
}

/// Each setting that the kernel has.
pub(super) fn read(host: &Host) -> BTreeMap<&'static str, Value> {
    let value = |name: &str| match host.sysctl(name) {
        Some(value) => Some(Value::Read(value)),
        None => host.has_sysctl(name).then_some(Value::Hidden),
    };
    SETTINGS.iter().filter_map(|(name, ..)| Some((*name, value(name)?))).collect()
}

pub(super) fn judge(values: &BTreeMap<&'static str, Value>) -> Vec<Finding> {
    SETTINGS.iter().map(|setting| one(setting, values.get(setting.0))).collect()
}

fn one((name, wanted, absent, meaning): &Setting, value: Option<&Value>) -> Finding {
    let check = Check { group: FindingGroup::Settings, name, meaning };
    let value = match (value, absent) {
        (Some(Value::Read(value)), _) => value.as_str(),
        (Some(Value::Hidden), _) => return check.skipped("only root can read it", "sudo aether doctor"),
        (None, Absent::Fine(why)) => return check.ok(format!("absent: {why}")),
        (None, Absent::Weaker(fix)) => return check.warning("this kernel has no such setting", *fix),
    };
    let number = value.parse::<i64>();
    let (fine, set) = match (*wanted, number) {
        (Wanted::AtLeast(least), Ok(number)) => (number >= least, least.to_string()),
        (Wanted::Exactly(exactly), Ok(number)) => (number == exactly, exactly.to_string()),
        (Wanted::Not(bad, good), Ok(number)) => (number != bad, good.to_string()),
        (Wanted::NoHandler, _) => (!value.starts_with(['|', '@']), "core".to_owned()),
        (Wanted::AtLeast(good) | Wanted::Exactly(good) | Wanted::Not(_, good), Err(_)) => (false, good.to_string()),
    };
    if fine { check.ok(value) } else { check.warning(value, format!("sysctl -w {name}={set}")) }
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::{Ok, Skipped, Warning};

    use super::*;
    use crate::host::Laid;

    #[test]
    fn settings_are_judged_by_their_value() {
        for (name, value, status, fix) in [
            ("fs.protected_symlinks", "0", Warning, "sysctl -w fs.protected_symlinks=1"),
            ("fs.protected_symlinks", "1", Ok, ""),
            ("fs.protected_regular", "2", Ok, ""),
            ("fs.suid_dumpable", "1", Warning, "sysctl -w fs.suid_dumpable=0"),
            ("fs.suid_dumpable", "2", Ok, ""),
            ("dev.tty.legacy_tiocsti", "1", Warning, "sysctl -w dev.tty.legacy_tiocsti=0"),
            ("dev.tty.legacy_tiocsti", "0", Ok, ""),
            ("kernel.perf_event_paranoid", "-1", Warning, "sysctl -w kernel.perf_event_paranoid=2"),
            ("kernel.perf_event_paranoid", "4", Ok, ""),
            ("kernel.core_pattern", "|/usr/share/apport/apport -p%p", Warning, "sysctl -w kernel.core_pattern=core"),
            ("kernel.core_pattern", "@@/run/coredump.sock", Warning, "sysctl -w kernel.core_pattern=core"),
            ("kernel.core_pattern", "core.%p", Ok, ""),
            ("kernel.kptr_restrict", "what", Warning, "sysctl -w kernel.kptr_restrict=1"),
        ] {
            let laid = Laid::with(&[(&format!("/proc/sys/{}", name.replace('.', "/")), &format!("{value}\n"))]);
            let findings = judge(&read(&laid.host()));
            let finding = findings.iter().find(|finding| finding.name == name).expect("the check");
            assert_eq!((finding.status, finding.fix.as_str()), (status, fix), "{name}={value}");
            assert!(finding.detail.contains(value));
        }
    }

    #[test]
    fn what_a_kernel_lacks_is_said() {
        let findings = judge(&BTreeMap::new());
        let of = |name| findings.iter().find(|finding| finding.name == name).expect("the check").status;
        assert_eq!(of("kernel.yama.ptrace_scope"), Warning);
        assert_eq!(of("kernel.io_uring_disabled"), Ok);
        assert_eq!(findings.len(), SETTINGS.len());
        // A directory cannot be read as a file by anybody, as a file of root's cannot by others.
        let hidden = judge(&read(&Laid::with(&[("/proc/sys/fs/protected_fifos/x", "")]).host()));
        let of = |name| hidden.iter().find(|finding| finding.name == name).expect("the check").status;
        assert_eq!((of("fs.protected_fifos"), of("fs.protected_regular")), (Skipped, Warning));
    }
}
