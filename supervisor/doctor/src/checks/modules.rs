//! Modules of the kernel that broke page caches before, and that the kernel loads by itself when somebody opens a socket.

use aether_protocol::{Finding, FindingGroup};

use crate::{Host, finding::Check};

/// Each with what it is and what else uses it.
const MODULES: &[(&str, &str, &str)] = &[
    ("algif_aead", "module-algif_aead", "AF_ALG ciphers wrote to files that were only read (CVE-2026-31431)"),
    ("esp4", "module-esp4", "IPsec wrote to files that were only read (CVE-2026-43284); VPNs with IPsec need it"),
    ("esp6", "module-esp6", "IPsec wrote to files that were only read (CVE-2026-43284); VPNs with IPsec need it"),
    ("rxrpc", "module-rxrpc", "AF_RXRPC wrote to files that were only read (CVE-2026-43500); only AFS needs it"),
];

/// Where modprobe(8) is configured.
const CONFIGURATION: [&str; 4] = ["/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"];

/// What the kernel can do with a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Loaded,
    BuiltIn,
    Loadable,
    Blocked,
    Absent,
    /// Not loaded; whether it can be is not to be seen from here.
    Hidden,
}

pub(super) struct Facts {
    states: Vec<State>,
}

impl Facts {
    pub(super) fn read(host: &Host) -> Self {
        let table = host.text("/proc/modules");
        let loaded: Vec<&str> = table.as_deref().unwrap_or("").lines().filter_map(|line| line.split(' ').next()).collect();
        let release = host.sysctl("kernel.osrelease").unwrap_or_default();
        let files = |list: &str| {
            ["/lib/modules", "/usr/lib/modules"].iter().find_map(|dir| host.text(&format!("{dir}/{release}/{list}")))
        };
        let (built_in, loadable) = (files("modules.builtin"), files("modules.dep"));
        let no_more = host.sysctl("kernel.modules_disabled").is_some_and(|value| value == "1");
        let configuration = configuration(host);
        let state = |name: &str| {
            let lists =
                |list: &Option<String>| list.as_deref().is_some_and(|text| text.lines().any(|line| is_module(line, name)));
            if loaded.contains(&name) {
                State::Loaded
            } else if lists(&built_in) || host.exists(&format!("/sys/module/{name}")) {
                State::BuiltIn
            } else if table.is_none() || no_more {
                State::Absent
            } else if blocks(&configuration, name) {
                State::Blocked
            } else if loadable.is_none() {
                State::Hidden
            } else if lists(&loadable) {
                State::Loadable
            } else {
                State::Absent
            }
        };
        Self { states: MODULES.iter().map(|(name, ..)| state(name)).collect() }
    }
}

fn configuration(host: &Host) -> String {
    let mut text = String::new();
    for dir in CONFIGURATION {
        for name in host.names(dir).iter().filter(|name| name.ends_with(".conf")) {
            text.push_str(&host.text(&format!("{dir}/{name}")).unwrap_or_default());
            text.push('\n');
        }
    }
    text
}

/// `kernel/net/ipv4/esp4.ko.zst: ...` is of `esp4`; dashes and underscores are one.
fn is_module(line: &str, name: &str) -> bool {
    let path = line.split(':').next().unwrap_or("");
    let file = path.rsplit('/').next().unwrap_or("");
    file.split(".ko").next().is_some_and(|stem| stem.replace('-', "_") == name)
}

/// `blacklist` stops the kernel from loading it for a socket, `install` with a program that does nothing also a person. modprobe.d(5)
fn blocks(configuration: &str, name: &str) -> bool {
    configuration.lines().any(|line| {
        let mut words = line.split_whitespace();
        let (verb, module, program) = (words.next(), words.next(), words.next());
        let this = module.is_some_and(|module| module.replace('-', "_") == name);
        let nothing = program.is_some_and(|p| ["false", "true"].contains(&p.rsplit('/').next().unwrap_or("")));
        this && (verb == Some("blacklist") || (verb == Some("install") && nothing))
    })
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let one = |((module, name, meaning), state): (&(&str, &'static str, &'static str), &State)| {
        let check = Check { group: FindingGroup::Modules, name, meaning };
        let block = format!("echo 'install {module} /bin/false' | sudo tee /etc/modprobe.d/aether-{module}.conf");
        match state {
            State::Absent => check.ok("not in this kernel"),
            State::Blocked => check.ok("blocked"),
            State::BuiltIn => {
                check.warning("built into the kernel", "keep the kernel up to date; agents cannot open its sockets")
            }
            State::Loaded => check.warning("loaded", format!("{block} && sudo modprobe -r {module}")),
            State::Loadable => check.warning("any user's socket loads it", block),
            State::Hidden => check.skipped("not loaded; its files are not visible here", "run aether doctor on the host itself"),
        }
    };
    MODULES.iter().zip(&facts.states).map(one).collect()
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::{Ok, Skipped, Warning};

    use super::*;
    use crate::host::Laid;

    #[test]
    fn a_module_is_found_wherever_it_is() {
        let release = ("/proc/sys/kernel/osrelease", "6.8.0-48-generic\n");
        let laid = Laid::with(&[
            release,
            ("/proc/modules", "esp4 32768 0 - Live 0x0\nxfrm_algo 16384 1 esp4, Live 0x0\n"),
            ("/lib/modules/6.8.0-48-generic/modules.builtin", "kernel/crypto/algif_aead.ko\n"),
            (
                "/lib/modules/6.8.0-48-generic/modules.dep",
                "kernel/net/ipv6/esp6.ko.zst: kernel/net/x.ko\nkernel/net/rxrpc/rxrpc.ko:\n",
            ),
            ("/etc/modprobe.d/a.conf", "# no\ninstall rxrpc /bin/false\n"),
            ("/etc/modprobe.d/a.conf.old", "blacklist esp6\n"),
        ]);
        let facts = Facts::read(&laid.host());
        assert_eq!(facts.states, [State::BuiltIn, State::Loaded, State::Loadable, State::Blocked]);
        let statuses: Vec<_> = judge(&facts).iter().map(|finding| finding.status).collect();
        assert_eq!(statuses, [Warning, Warning, Warning, Ok]);
    }

    #[test]
    fn a_container_cannot_see_and_a_kernel_without_modules_has_none() {
        let all = |files: &[(&str, &str)]| judge(&Facts::read(&Laid::with(files).host()));
        assert!(all(&[("/proc/modules", "ext4 1 0 - Live 0x0\n")]).iter().all(|finding| finding.status == Skipped));
        assert!(all(&[]).iter().all(|finding| finding.status == Ok));
        let locked = [("/proc/modules", ""), ("/proc/sys/kernel/modules_disabled", "1\n")];
        assert!(all(&locked).iter().all(|finding| finding.status == Ok));
    }

    #[test]
    fn only_real_blocks_count() {
        for (line, blocked) in [
            ("blacklist esp4", true),
            ("install esp4 /usr/bin/false", true),
            ("install esp4 /sbin/modprobe --ignore-install esp4", false),
            ("# blacklist esp4", false),
            ("options esp4 x=1", false),
            ("blacklist esp4_offload", false),
        ] {
            assert_eq!(blocks(line, "esp4"), blocked, "{line}");
        }
    }
}
