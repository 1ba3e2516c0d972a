//! The mount table, proc_pid_mountinfo(5).

use std::path::{Path, PathBuf};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) at: PathBuf,
    pub(crate) kind: String,
    pub(crate) source: String,
    /// Options of the mount and of its file system.
    pub(crate) options: Vec<String>,
}

impl Mount {
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }
}

/// Every mount, in the kernel's order. Lines that are not understood are left out.
pub(crate) fn parse(mountinfo: &str) -> Vec<Mount> {
    let line = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(4);
        let (at, own) = (unescape(left.next()?), left.next()?);
        let mut right = right.split(' ');
        let (kind, source, options) = (right.next()?, unescape(right.next()?), right.next().unwrap_or(""));
        let options = own.split(',').chain(options.split(',')).map(str::to_owned).collect();
        Some(Mount { at: PathBuf::from(at), kind: kind.to_owned(), source, options })
    };
    mountinfo.lines().filter_map(line).collect()
}

/// The mount that `path` lies on: the deepest, and of those the one mounted last.
pub(crate) fn of<'m>(mounts: &'m [Mount], path: &Path) -> Option<&'m Mount> {
    mounts.iter().filter(|mount| path.starts_with(&mount.at)).max_by_key(|mount| mount.at.components().count())
}

/// Undoes `\040` and its like.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        match part.get(..3).and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            Some(byte) => {
                out.push(char::from(byte));
                out.push_str(&part[3..]);
            }
            None => {
                out.push('\\');
                out.push_str(part);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_deepest_and_last_mount() {
        let mounts = parse(
            "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,prjquota\n\
             30 21 0:30 / /var/lib/my\\040state rw - tmpfs none rw\n\
             31 30 0:31 / /var/lib/my\\040state ro,nosuid master:1 - nfs4 server:/x rw,vers=4.2\n\
             nonsense\n",
        );
        assert_eq!(mounts.len(), 3);
        let deepest = of(&mounts, Path::new("/var/lib/my state/homes")).expect("a mount");
        assert_eq!((deepest.kind.as_str(), deepest.source.as_str(), deepest.has("ro")), ("nfs4", "server:/x", true));
        assert!(of(&mounts, Path::new("/var/lib/mystery")).expect("the root").has("prjquota"));
    }
}
