//! What this host can do, found out by doing it once.

use std::{fs, io, os::fd::AsFd, path::Path};

use nix::{
    fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2},
    sched::CloneFlags,
};

use super::{SpawnerConfig, cgroup::Tree, disk::Disk, home, launch::Holder, mounts::Stage, syscalls, weaken::Weakened};
use crate::{
    host::{Feature, FileSystems, HostSupport},
    plan::{CgroupLimits, IdRange, NetworkPlan, Profile, RANGE_COUNT, RANGE_SIZE, SandboxId, SandboxPlan},
    sys::{
        mount::Attributes,
        task::{Cloned, clone_into, close_on_exec_from, exit_now, landlock_abi, pidfd_open},
    },
};

const USERNS_FIX: &str = "sysctl -w user.max_user_namespaces=65536; where AppArmor restricts them, \
                          sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
const LANDLOCK_FIX: &str = "boot with lsm=landlock,... on the kernel command line";
const KERNEL_FIX: &str = "use Linux 5.14 or newer; in a container, one whose seccomp profile allows them (docker run --security-opt seccomp=unconfined)";
const STATE_FIX: &str =
    "put the state directory on ext4, xfs or btrfs (Linux 5.19 or newer) or tmpfs (6.3 or newer), not on overlayfs";

/// Tries everything once.
pub(super) fn probe(
    config: &SpawnerConfig,
    stage: &mut Stage,
    disk: &Disk,
    tree: Result<&Tree, &Feature>,
    relay: Feature,
) -> HostSupport {
    let (landlock_abi, landlock) = landlock();
    let FileSystems { idmapped_state, idmapped_usr, overlay } = file_systems(stage);
    stage.set_idmapped_usr(idmapped_usr.works);
    let support = tree.map(Tree::support);
    let limit = |pick: fn(&super::cgroup::Support) -> &Feature| match &support {
        Ok(support) => pick(support).clone(),
        Err(feature) => (*feature).clone(),
    };
    HostSupport {
        kernel: nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned()).unwrap_or_default(),
        landlock_abi,
        landlock,
        user_namespaces: namespaces(),
        seccomp: seccomp(),
        system_calls: system_calls(),
        idmapped_state,
        idmapped_usr,
        overlay,
        disk: disk.space.clone(),
        inodes: disk.files.clone(),
        cgroup: tree.map_or_else(Clone::clone, |_| Feature::yes("cgroup2: placement, freeze and kill")),
        memory: limit(|s| &s.memory),
        pids: limit(|s| &s.pids),
        cpu: limit(|s| &s.cpu),
        relay,
        cgroup_layout: support.as_ref().map_or("none", |s| s.layout).to_owned(),
        service_uid: config.service_uid,
    }
}

/// The ABI, 0 when there is none.
pub(super) fn landlock() -> (u32, Feature) {
    match landlock_abi() {
        Ok(abi) => (abi, Feature::yes(format!("ABI {abi}"))),
        Err(error) => without_landlock(&error),
    }
}

/// What is said of a host without it.
pub(super) fn without_landlock(error: &io::Error) -> (u32, Feature) {
    (0, Feature::no(format!("this kernel has no Landlock: {error}"), LANDLOCK_FIX))
}

pub(super) fn namespaces() -> Feature {
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    match clone_into(all.bits(), None) {
        Ok(Cloned::Child) => exit_now(0),
        Ok(Cloned::Parent { .. }) => Feature::yes("user, pid, mount, net, ipc, uts, cgroup"),
        Err(error) => Feature::no(format!("clone3 into new namespaces: {error}"), USERNS_FIX),
    }
}

pub(super) fn seccomp() -> Feature {
    if !Path::new("/proc/sys/kernel/seccomp/actions_avail").exists() {
        return Feature::no("this kernel has no seccomp filters", "use a kernel with CONFIG_SECCOMP_FILTER");
    }
    match syscalls::compile() {
        Ok(program) => Feature::yes(format!("allowlist, {} instructions", program.len())),
        Err(error) => Feature::no(error, "this is a defect of the profile; report it"),
    }
}

/// Makes each call once, in a way that changes nothing.
pub(super) fn system_calls() -> Feature {
    let openat2 = || {
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_BENEATH);
        openat2(AT_FDCWD, ".", how).map(drop).map_err(io::Error::from)
    };
    let clone3 = || match clone_into(0, None)? {
        Cloned::Child => exit_now(0),
        Cloned::Parent { .. } => Ok(()),
    };
    // No descriptor has a number that high: nothing is marked.
    let close_range = || close_on_exec_from(i32::MAX.unsigned_abs());
    let calls: [(&str, io::Result<()>); 4] = [
        ("clone3", clone3()),
        ("pidfd_open", pidfd_open(std::process::id()).map(drop)),
        ("openat2", openat2()),
        ("close_range", close_range()),
    ];
    let missing: Vec<String> =
        calls.iter().filter_map(|(name, result)| Some(format!("{name}: {}", result.as_ref().err()?))).collect();
    if missing.is_empty() {
        return Feature::yes(calls.map(|(name, _)| name).join(", "));
    }
    Feature::no(missing.join("; "), KERNEL_FIX)
}

/// Id-mapped state, id-mapped `/usr`, and an overlay on top, as a launch would make them.
pub(super) fn file_systems(stage: &Stage) -> FileSystems {
    let all = |why: Feature| FileSystems { idmapped_state: why.clone(), idmapped_usr: why.clone(), overlay: why };
    let (Some(ids), Ok(name)) = (IdRange::new(RANGE_COUNT - 1), "probe".parse::<SandboxId>()) else {
        return all(Feature::no("no id range", "this is a defect; report it"));
    };
    let holder = match Holder::new(0, 0, ids.start(), RANGE_SIZE).and_then(|h| h.userns().map(|ns| (h, ns))) {
        Ok(holder) => holder,
        Err(error) => {
            return all(Feature::no(format!("cannot make a user namespace with an id map: {error}"), USERNS_FIX));
        }
    };
    let (_holder, userns) = holder;
    let map = |path| stage.copy(path, Attributes::NOSUID, Some(userns.as_fd())).map(drop);
    let state = match map(c"") {
        Ok(()) => Feature::yes("id-mapped mounts"),
        Err(error) => Feature::no(format!("the state directory's file system takes no id map: {error}"), STATE_FIX),
    };
    let usr = match map(c"/usr") {
        Ok(()) => Feature::yes("id-mapped mounts"),
        Err(error) => {
            let why = format!("the file system of /usr takes no id map ({error}); its files show as nobody inside");
            Feature::no(why, "nothing is weaker by it; to have names inside, put /usr on ext4, xfs or btrfs")
        }
    };
    let plan = SandboxPlan {
        id: name.clone(),
        hostname: "probe".into(),
        ids,
        home: name.clone(),
        limits: CgroupLimits { memory_bytes: 0, pids: 0, cpu_quota_usec: 0 },
        profile: Profile::Standard,
        disk: None,
        mounts: Vec::new(),
        network: NetworkPlan::LoopbackOnly,
        tmp_bytes: 0,
        shm_bytes: 0,
        may_miss: Vec::new(),
    };
    let overlay = match home::ensure(&name).map_err(|e| e.to_string()).and_then(|()| {
        stage.sandbox(&plan, &Weakened::default(), userns.as_fd(), &[]).map(drop).map_err(|failure| failure.to_string())
    }) {
        Ok(()) => Feature::yes("overlayfs home with unshifted ids"),
        Err(why) => Feature::no(why, STATE_FIX),
    };
    let _ = fs::remove_dir_all("/state/homes/probe");
    FileSystems { idmapped_state: state, idmapped_usr: usr, overlay }
}
