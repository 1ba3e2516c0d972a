//! `/etc` of every sandbox: ours where it says who and where one is, the host's where tools look up what `/usr` left there.

use std::{fs, path::Path};

use super::{
    BaseError, at,
    copy::{Copier, Links},
    write_file,
};

/// Copied from the host. Left out on purpose: `npmrc`, `pip.conf`, `gitconfig`, `wgetrc`, `environment`, Maven's settings (may
/// hold passwords of registries and proxies); `machine-id` (says which host it is); `pam.d`, `sudoers`, `ssh` (nobody logs in).
const COPIED: [&str; 39] = [
    "alternatives",
    "ca-certificates.conf",
    "chromium.d",
    "crypto-policies",
    "debian_version",
    "emacs",
    "fonts",
    "gai.conf",
    "groff",
    "host.conf",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "magic",
    "magic.mime",
    "mailcap",
    "maven/logging",
    "maven/m2.conf",
    "mime.types",
    "networks",
    "nodejs",
    "os-release",
    "papersize",
    "perl",
    "pki/tls/openssl.cnf",
    "protocols",
    "R",
    "rpc",
    "services",
    "shells",
    "ssl/openssl.cnf",
    "terminfo",
    "texmf",
    "timezone",
    "vim",
    "xattr.conf",
];
/// Copied with what their links lead to.
pub(super) const CERTIFICATES: [&str; 3] = ["ssl/certs", "pki/ca-trust/extracted", "pki/tls/certs"];
/// Copied directories with a version in their name.
const VERSIONED: [&str; 3] = ["python3", "java-", "ImageMagick-"];

const GROUP: &str = "root:x:0:
daemon:x:1:
bin:x:2:
tty:x:5:
users:x:100:
agent:x:1000:
aether-init:x:65533:
nogroup:x:65534:
";
const HOSTS: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
127.0.1.1\taether
";
const RESOLV: &str = "# The resolver of a sandbox with a network. Where there is none, nobody answers at this address.
nameserver 198.18.0.1
options timeout:2 attempts:2
";
// A service that is not installed is passed over (nsswitch.conf(5)); myhostname resolves the sandbox's own name.
const NSSWITCH: &str = "passwd: files
group: files
hosts: files myhostname dns
networks: files
protocols: files
services: files
ethers: files
rpc: files
";
const ENVIRONMENT: &str = "PATH=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\"\n";
const PROFILE: &str = r#"# For login shells.
PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
export PATH
if [ -n "${BASH_VERSION-}" ] && [ -r /etc/bash.bashrc ]; then
    . /etc/bash.bashrc
fi
"#;
const BASHRC: &str = r#"# For interactive shells.
case $- in *i*) ;; *) return ;; esac
shopt -s checkwinsize
PS1='\u@\h:\w\$ '
"#;

/// Builds `/etc` in the empty directory `tree`.
pub(super) fn build(host: &Path, tree: &Path) -> Result<(), BaseError> {
    let from = host.join("etc");
    let mut copier = Copier::new(&from, tree);
    for name in COPIED {
        copier.copy(name, Links::Keep)?;
    }
    for name in CERTIFICATES {
        copier.copy(name, Links::Follow)?;
    }
    for entry in fs::read_dir(&from).map_err(at("list", &from))? {
        let name = entry.map_err(at("list", &from))?.file_name();
        if let Some(name) = name.to_str().filter(|name| VERSIONED.iter().any(|start| name.starts_with(start))) {
            copier.copy(name, Links::Keep)?;
        }
    }
    let shell = if host.join("usr/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    let passwd = format!(
        "root:x:0:0:root:/root:/usr/sbin/nologin
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
agent:x:1000:1000:agent:/home/agent:{shell}
aether-init:x:65533:65533:first process of the sandbox:/nonexistent:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"
    );
    let written: [(&str, &str); 9] = [
        ("passwd", &passwd),
        ("group", GROUP),
        ("hosts", HOSTS),
        ("hostname", "aether\n"),
        ("resolv.conf", RESOLV),
        ("nsswitch.conf", NSSWITCH),
        ("environment", ENVIRONMENT),
        ("profile", PROFILE),
        ("bash.bashrc", BASHRC),
    ];
    written.into_iter().try_for_each(|(name, content)| write_file(&tree.join(name), content))
}
