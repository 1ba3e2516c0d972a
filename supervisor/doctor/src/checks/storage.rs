//! Where the state directory lies: its file system, what is free on it, and how an agent's share of it can be limited.

use std::path::{Path, PathBuf};

use aether_protocol::{Finding, FindingGroup};
use nix::sys::statvfs::statvfs;

use crate::{
    Host, Measured,
    finding::Check,
    mounts::{self, Mount},
};

const fn named(name: &'static str, meaning: &'static str) -> Check {
    Check { group: FindingGroup::Storage, name, meaning }
}

const STATE: Check = named("state-directory", "the database, and the homes of agents");
const SPACE: Check = named("space", "homes and the database; without space nothing can be recorded, and no agent starts");
const INODES: Check = named("inodes", "files and directories of homes");
const QUOTA: Check = named("disk-limits", "space and files an agent may use up, before it is the host's");

/// The database needs locks and shared memory of this host's kernel, homes need id maps: neither goes over a network.
const NETWORK: &[&str] =
    &["nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "lustre", "gfs2", "ocfs2", "glusterfs", "beegfs", "virtiofs"];
/// Idmapped mounts work on these, and files survive a restart of the host.
const FITTING: &[&str] = &["ext4", "xfs", "btrfs", "f2fs"];
const MOVE: &str = "start aetherd with --state on a local ext4, xfs or btrfs (state in aether.toml)";

const MIB: u64 = 1 << 20;

pub(super) struct Facts {
    /// The state directory, or what exists of the way to it.
    dir: PathBuf,
    mount: Option<Mount>,
    /// Free and total, for others than root; `None` when it cannot be asked.
    bytes: Option<(u64, u64)>,
    /// The same; file systems without a table of inodes have a total of 0.
    inodes: Option<(u64, u64)>,
    mke2fs: Option<String>,
    loop_devices: bool,
}

impl Facts {
    pub(super) fn read(host: &Host, state: &Path) -> Self {
        let dir = state.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let mounts = mounts::parse(&host.text("/proc/self/mountinfo").unwrap_or_default());
        let fs = statvfs(&dir).ok();
        Self {
            mount: mounts::of(&mounts, &dir).cloned(),
            bytes: fs.map(|fs| (fs.blocks_available() * fs.fragment_size(), fs.blocks() * fs.fragment_size())),
            inodes: fs.map(|fs| (fs.files_available(), fs.files())),
            mke2fs: host.program("mke2fs"),
            loop_devices: host.exists("/dev/loop-control"),
            dir,
        }
    }
}

pub(super) fn judge(facts: &Facts, measured: &Measured) -> Vec<Finding> {
    vec![state(facts, measured), space(facts), inodes(facts), quota(facts, measured)]
}

fn state(facts: &Facts, measured: &Measured) -> Finding {
    let dir = facts.dir.display();
    let Some(mount) = &facts.mount else {
        return STATE.warning(format!("{dir}: its mount is not in the mount table"), MOVE);
    };
    let kind = mount.kind.as_str();
    let said = format!("{dir} on {kind}");
    let remote = NETWORK.contains(&kind) || kind.starts_with("fuse");
    if remote {
        return STATE.failure(format!("{said}, which is not a local file system"), MOVE);
    }
    if mount.has("ro") {
        return STATE.failure(format!("{said}, read-only"), format!("mount -o remount,rw {}", mount.at.display()));
    }
    match kind {
        kind if FITTING.contains(&kind) => STATE.ok(said),
        "tmpfs" | "ramfs" => STATE.warning(format!("{said}: everything is gone when the host restarts"), MOVE),
        "overlay" => STATE.failure(format!("{said}: a home cannot be an overlay on an overlay with ids mapped"), OVERLAY_FIX),
        _ if measured.overlay.as_ref().is_some_and(|feature| feature.works) => STATE.ok(said),
        _ => STATE.warning(format!("{said}: not one that is known to fit"), MOVE),
    }
}

const OVERLAY_FIX: &str = "in a container, give it a volume: docker run -v aether:/var/lib/aether";

fn space(facts: &Facts) -> Finding {
    let Some((free, total)) = facts.bytes else { return SPACE.skipped("cannot be asked", "sudo aether doctor") };
    let said = format!("{} of {} free", size(free), size(total));
    let fix = format!(
        "du -xh --max-depth=2 {} | sort -h | tail # aether rm removes ended agents with their homes",
        facts.dir.display()
    );
    match free {
        free if free < 256 * MIB => SPACE.failure(said, fix),
        free if free < 2048 * MIB => SPACE.warning(said, fix),
        _ => SPACE.ok(said),
    }
}

fn inodes(facts: &Facts) -> Finding {
    let fix = "aether rm removes ended agents with their homes; mkfs.ext4 -i 8192 makes a file system with more";
    match facts.inodes {
        None => INODES.skipped("cannot be asked", "sudo aether doctor"),
        Some((_, 0)) => INODES.ok("made as they are needed"),
        Some((free, _)) if free < 2_000 => INODES.failure(format!("{free} free"), fix),
        Some((free, _)) if free < 100_000 => INODES.warning(format!("{free} free"), fix),
        Some((free, _)) => INODES.ok(format!("{free} free")),
    }
}

fn quota(facts: &Facts, measured: &Measured) -> Finding {
    // What a running service found is what its agents have.
    match &measured.disk {
        Some(feature) if feature.works => return QUOTA.ok(format!("by {}", feature.detail)),
        Some(feature) => return QUOTA.warning(feature.detail.clone(), feature.fix.clone()),
        None => {}
    }
    let Some(mount) = &facts.mount else { return QUOTA.warning("the file system of the state is not known", MOVE) };
    let means = match mount.kind.as_str() {
        "ext4" | "xfs" | "f2fs" if mount.has("prjquota") || mount.has("pquota") => Some("project quota"),
        "btrfs" => Some("btrfs subvolumes"),
        _ if facts.mke2fs.is_some() && facts.loop_devices => Some("a file system in an image (mke2fs, loop device)"),
        _ => None,
    };
    match (means, facts.mke2fs.is_some()) {
        (Some(means), _) => QUOTA.ok(format!("possible by {means}")),
        (None, false) => QUOTA.warning("no project quota, no btrfs, and no mke2fs for an image", "apt-get install e2fsprogs"),
        (None, true) => QUOTA.warning("no project quota, no btrfs, and no loop devices for an image", "modprobe loop"),
    }
}

fn size(bytes: u64) -> String {
    match bytes / MIB {
        mib if mib < 10 * 1024 => format!("{mib} MiB"),
        mib => format!("{} GiB", mib / 1024),
    }
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::{Failure, Ok, Skipped, Warning};
    use aether_sandbox::host::Feature;

    use super::*;

    const PLENTY: Option<(u64, u64)> = Some((1 << 40, 1 << 41));

    fn on(kind: &str, options: &str) -> Facts {
        let mount = Mount {
            at: "/".into(),
            kind: kind.to_owned(),
            source: "x".to_owned(),
            options: options.split(',').map(str::to_owned).collect(),
        };
        Facts {
            dir: "/var/lib/aether".into(),
            mount: Some(mount),
            bytes: PLENTY,
            inodes: PLENTY,
            mke2fs: None,
            loop_devices: false,
        }
    }

    #[test]
    fn file_systems_are_judged() {
        for (kind, options, status) in [
            ("ext4", "rw", Ok),
            ("xfs", "rw,nosuid,nodev", Ok),
            ("ext4", "ro", Failure),
            ("nfs4", "rw", Failure),
            ("fuse.sshfs", "rw", Failure),
            ("cifs", "rw", Failure),
            ("overlay", "rw", Failure),
            ("tmpfs", "rw", Warning),
            ("zfs", "rw", Warning),
        ] {
            let findings = judge(&on(kind, options), &Measured::default());
            assert_eq!(findings[0].status, status, "{kind} {options}");
        }
        let tried = Measured { overlay: Some(Feature::yes("made")), ..Measured::default() };
        assert_eq!(judge(&on("zfs", "rw"), &tried)[0].status, Ok, "what was tried counts");
        assert_eq!(judge(&on("nfs", "rw"), &tried)[0].status, Failure, "a database on it loses data all the same");
    }

    #[test]
    fn space_and_inodes_run_out() {
        for (bytes, inodes, expected) in [
            (PLENTY, PLENTY, (Ok, Ok)),
            (Some((MIB, 1 << 40)), Some((10, 1 << 20)), (Failure, Failure)),
            (Some((1024 * MIB, 1 << 40)), Some((50_000, 1 << 20)), (Warning, Warning)),
            (PLENTY, Some((0, 0)), (Ok, Ok)),
            (None, None, (Skipped, Skipped)),
        ] {
            let findings = judge(&Facts { bytes, inodes, ..on("btrfs", "rw") }, &Measured::default());
            assert_eq!((findings[1].status, findings[2].status), expected, "{bytes:?} {inodes:?}");
        }
    }

    #[test]
    fn disk_limits_need_a_means() {
        let mke2fs = || Some("/usr/sbin/mke2fs".to_owned());
        for (facts, status) in [
            (on("ext4", "rw,prjquota"), Ok),
            (on("ext4", "rw"), Warning),
            (Facts { mke2fs: mke2fs(), ..on("ext4", "rw") }, Warning),
            (Facts { mke2fs: mke2fs(), loop_devices: true, ..on("ext4", "rw") }, Ok),
            (on("btrfs", "rw"), Ok),
            (on("tmpfs", "rw"), Warning),
        ] {
            let finding = &judge(&facts, &Measured::default())[3];
            assert_eq!(finding.status, status, "{finding:?}");
        }
        let tried = |disk| Measured { disk: Some(disk), ..Measured::default() };
        let (found, lacking) = (Feature::yes("quota groups, btrfs volume"), Feature::no("nothing limits the space", "mend it"));
        assert_eq!(judge(&on("ext4", "rw"), &tried(found))[3].status, Ok, "what the service found counts");
        let finding = &judge(&on("btrfs", "rw"), &tried(lacking))[3];
        assert_eq!((finding.status, finding.fix.as_str()), (Warning, "mend it"));
    }
}
