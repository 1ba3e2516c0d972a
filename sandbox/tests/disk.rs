//! Limits of homes, from the real spawner: by the volume this kernel can have, by an image of a home's own, and none.
//!
//! No libtest harness, as in `launch.rs`. Needs root, loop devices, mke2fs and mkfs.btrfs; fails without them.

use std::{
    fs,
    io::Write,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use aether_sandbox::{
    host::HostSupport,
    plan::{CgroupLimits, DiskLimits, IdRange, NetworkPlan, PlanLayer, Profile, SandboxPlan},
    spawner::{SPAWNER_ARGUMENT, SpawnerChild, SpawnerConfig, VolumeSize},
    sys::{
        loopdev::backing,
        packet::{recv_packet, send_packet},
        task::set_fs_ids,
    },
    wire::spawner::{DiskUse, Launched, MAX_PACKET, SpawnFailure, SpawnerReply, SpawnerRequest},
};
use nix::sys::statvfs::statvfs;

const MIB: u64 = 1 << 20;

struct Service {
    child: SpawnerChild,
    state: PathBuf,
    host: HostSupport,
}

impl Service {
    fn start(dir: &Path, volume: VolumeSize) -> Self {
        let state = dir.join("state");
        for sub in ["state/base/root/etc", "state/base/home/Documents", "sockets"] {
            fs::create_dir_all(dir.join(sub)).expect("mkdir");
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            let path = state.join("base/root").join(link);
            if !path.is_symlink() {
                std::os::unix::fs::symlink(format!("usr/{link}"), path).expect("link");
            }
        }
        std::os::unix::fs::chown(state.join("base/home/Documents"), Some(1000), Some(1000)).expect("chown");
        let config = SpawnerConfig {
            base_root: state.join("base/root"),
            base_home: state.join("base/home"),
            sockets: dir.join("sockets"),
            state: state.clone(),
            init: env!("CARGO_BIN_EXE_aether-init").into(),
            networks: 8,
            volume,
            service_uid: 0,
            service_gid: 0,
            cgroup_name: format!("aether-disk-test-{}-{}", std::process::id(), u8::from(volume == VolumeSize::None)),
            cgroup_root: None,
        };
        let child = aether_sandbox::spawner::start(&config).expect("spawner");
        let SpawnerReply::Host(host) = ask(&child, &SpawnerRequest::Host) else { panic!("host") };
        Self { child, state, host: *host }
    }

    fn launch(&self, id: &str, disk: impl Into<Option<DiskLimits>>) -> Result<Home, SpawnFailure> {
        let plan = SandboxPlan {
            id: id.parse().expect("id"),
            hostname: "test".into(),
            ids: IdRange::new(300).expect("slot"),
            home: id.parse().expect("id"),
            limits: CgroupLimits { memory_bytes: 256 << 20, pids: 64, cpu_quota_usec: 100_000 },
            profile: Profile::Standard,
            disk: disk.into(),
            mounts: Vec::new(),
            network: NetworkPlan::LoopbackOnly,
            tmp_bytes: 16 << 20,
            shm_bytes: 16 << 20,
            may_miss: Vec::new(),
        };
        match ask(&self.child, &SpawnerRequest::Launch(Box::new(plan))) {
            SpawnerReply::Launched(launched) => Ok(Home::of(&launched)),
            SpawnerReply::Failed(failure) => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    fn done(&self, request: &SpawnerRequest) {
        assert_eq!(ask(&self.child, request), SpawnerReply::Done, "{request:?}");
    }

    fn kill(&self, id: &str) {
        self.done(&SpawnerRequest::Kill(id.parse().expect("id")));
    }

    fn used(&self, id: &str) -> DiskUse {
        match ask(&self.child, &SpawnerRequest::DiskUse(id.parse().expect("id"))) {
            SpawnerReply::DiskUse(used) => used,
            other => panic!("{other:?}"),
        }
    }

    fn homes(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/state/homes", self.child.pid))
    }

    /// Ends and waits, so that the next one finds everything given up.
    fn end(self) {
        drop(self.child.control);
        let stat = format!("/proc/{}/stat", self.child.pid);
        eventually("the spawner ends", || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ")));
    }
}

/// Asks; descriptors that come with the answer are dropped.
fn ask(child: &SpawnerChild, request: &SpawnerRequest) -> SpawnerReply {
    let packet = postcard::to_stdvec(request).expect("encode");
    send_packet(child.control.as_fd(), &packet, &[]).expect("send");
    let mut buffer = vec![0; MAX_PACKET];
    let (length, _) = recv_packet(child.control.as_fd(), &mut buffer).expect("receive");
    assert!(length > 0, "the spawner ended");
    postcard::from_bytes(&buffer[..length]).expect("decode")
}

/// A live home, used as its agent would.
struct Home {
    dir: OwnedFd,
    detail: String,
}

impl Home {
    fn of(launched: &Launched) -> Self {
        let detail = launched.layers.iter().find(|layer| layer.layer == PlanLayer::Filesystem).expect("layer").detail.clone();
        let dir = fs::File::open(format!("/proc/{}/root/home/agent", launched.pid)).expect("the home").into();
        Self { dir, detail }
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.dir.as_raw_fd()))
    }

    /// Does something with the agent's ids.
    fn agent<T>(work: impl FnOnce() -> T) -> T {
        let id = IdRange::new(300).expect("slot").agent();
        set_fs_ids(id, id).expect("ids");
        let done = work();
        set_fs_ids(0, 0).expect("ids");
        done
    }

    /// Writes so many MiB; how many it got to, and why no further.
    fn write(&self, name: &str, mib: u64) -> (u64, Option<i32>) {
        let path = self.path(name);
        Self::agent(|| {
            let mut file = match fs::File::create(path) {
                Ok(file) => file,
                Err(error) => return (0, error.raw_os_error()),
            };
            let block = vec![7; 1 << 20];
            for written in 0..mib {
                if let Err(error) = file.write_all(&block).and_then(|()| file.sync_data()) {
                    return (written, error.raw_os_error());
                }
            }
            (mib, None)
        })
    }

    /// Makes empty files; how many, and why no more.
    fn touch(&self, count: u64) -> (u64, Option<i32>) {
        let dir = self.path("many");
        Self::agent(|| {
            fs::create_dir(&dir).expect("mkdir");
            for number in 0..count {
                if let Err(error) = fs::File::create(dir.join(number.to_string())) {
                    return (number, error.raw_os_error());
                }
            }
            (count, None)
        })
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not within 20 s: {what}");
}

fn full(error: Option<i32>) -> bool {
    matches!(error, Some(libc::ENOSPC | libc::EDQUOT))
}

const fn limits(mib: u64, inodes: u64) -> DiskLimits {
    DiskLimits { bytes: mib * MIB, inodes, required: true, inodes_required: false }
}

/// Loop devices before a file.
fn devices(file: &Path) -> usize {
    let meta = fs::metadata(file).expect("the file");
    let before_it = |entry: fs::DirEntry| {
        let device = fs::File::open(Path::new("/dev").join(entry.file_name())).ok()?;
        (backing(device.as_fd()).ok()? == (meta.dev(), meta.ino())).then_some(())
    };
    let blocks = fs::read_dir("/sys/block").expect("sysfs").flatten();
    blocks.filter(|entry| entry.file_name().to_string_lossy().starts_with("loop")).filter_map(before_it).count()
}

fn space_is_limited(service: &Service) {
    let home = service.launch("space", limits(64, 1_000_000)).expect("launch");
    println!("  {}", home.detail);
    assert!(home.detail.contains("disk: 64 MiB"), "{}", home.detail);
    // Sparse files count by blocks.
    Home::agent(|| fs::File::create(home.path("sparse")).and_then(|file| file.set_len(1 << 40))).expect("a sparse file");
    let (written, error) = home.write("big", 200);
    assert!(full(error) && (48..=64).contains(&written), "{written} MiB, {error:?}");
    // What is unlinked and open still counts; what is given back can be used again.
    let open = fs::File::open(home.path("big")).expect("open");
    Home::agent(|| fs::remove_file(home.path("big"))).expect("a full home can be tidied");
    assert!(full(home.write("more", 60).1), "an unlinked, open file counts");
    drop(open);
    // Where there is no room for a name either there is none to remove.
    let _ = Home::agent(|| fs::remove_file(home.path("more")));
    eventually("the space is given back", || {
        let written = home.write("again", 40);
        let _ = Home::agent(|| fs::remove_file(home.path("again")));
        written == (40, None)
    });
    // Another home is not concerned.
    let other = service.launch("other", limits(64, 1_000_000)).expect("launch");
    assert!(full(home.write("big", 200).1));
    assert_eq!(other.write("big", 40), (40, None));
    eventually("the use is counted", || service.used("space").bytes.is_some_and(|bytes| (48 * MIB..=66 * MIB).contains(&bytes)));
    println!("  in use: {:?}", service.used("space"));
    drop(other);
    drop(home);
    service.kill("space");
    // It is the same home when it is launched again, and as full.
    let home = service.launch("space", limits(64, 1_000_000)).expect("launch again");
    assert!(home.path("big").exists() && full(home.write("even-more", 30).1));
    drop(home);
    for id in ["space", "other"] {
        service.kill(id);
        service.done(&SpawnerRequest::RemoveHome(id.parse().expect("id")));
        assert!(!service.homes().join(id).exists());
    }
}

fn files_are_limited(service: &Service) {
    let wanted = DiskLimits { bytes: 64 * MIB, inodes: 2000, required: false, inodes_required: true };
    let home = service.launch("files", wanted).expect("launch");
    println!("  {}", home.detail);
    let (made, error) = home.touch(10_000);
    assert!(full(error) && (1900..=2000).contains(&made), "{made} files, {error:?}");
    Home::agent(|| fs::remove_dir_all(home.path("many"))).expect("tidy");
    assert_eq!(home.touch(1500), (1500, None));
    drop(home);
    service.kill("files");
    let home = service.launch("files", wanted).expect("launch again");
    assert!(home.path("many/1499").exists());
    drop(home);
    service.kill("files");
    service.done(&SpawnerRequest::RemoveHome("files".parse().expect("id")));
}

/// A spawner that is killed leaves its sandboxes; the next one mounts the same volume once more, and not a second device.
fn a_killed_spawner_is_followed_by_another(dir: &Path, service: Service) -> Service {
    let home = service.launch("stays", limits(64, 1_000_000)).expect("launch");
    assert_eq!(home.write("before", 8), (8, None));
    assert_eq!(devices(&dir.join("state/volume.img")), 1);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(service.child.pid.cast_signed()), nix::sys::signal::SIGKILL).expect("kill");
    service.end();
    assert_eq!(home.write("between", 8), (8, None), "the agent goes on");
    let service = Service::start(dir, VolumeSize::Auto);
    assert_eq!(devices(&dir.join("state/volume.img")), 1);
    assert_eq!(home.write("after", 8), (8, None));
    assert!(service.homes().join("stays/upper/between").exists(), "one file system, seen by both");
    drop(home);
    service.kill("stays");
    service.done(&SpawnerRequest::RemoveHome("stays".parse().expect("id")));
    service
}

fn old_homes_stay(dir: &Path) {
    let plain = Service::start(dir, VolumeSize::None);
    assert!(plain.state.join("homes").exists() && !plain.state.join("volume.img").exists());
    let unlimited = DiskLimits { bytes: 64 * MIB, inodes: 1000, required: false, inodes_required: false };
    // As before there were limits: no image is made for a plan without any.
    fs::create_dir_all(plain.state.join("homes/old/upper")).expect("mkdir");
    fs::create_dir_all(plain.state.join("homes/old/work")).expect("mkdir");
    std::os::unix::fs::chown(plain.state.join("homes/old/upper"), Some(1000), Some(1000)).expect("chown");
    fs::write(plain.state.join("homes/old/upper/kept"), "x").expect("write");
    plain.end();
    let service = Service::start(dir, VolumeSize::Bytes(1 << 30));
    let home = service.launch("old", unlimited).expect("launch");
    println!("  {}", home.detail);
    assert!(home.path("kept").exists() && home.detail.contains("made before"), "{}", home.detail);
    drop(home);
    service.kill("old");
    let refused = service.launch("old", limits(64, 1000)).err().expect("a limit that is asked for cannot be had");
    assert!(refused.to_string().contains("cannot be limited"), "{refused}");
    service.done(&SpawnerRequest::RemoveHome("old".parse().expect("id")));
    eventually("it is gone", || !service.state.join("homes/old").exists());
    let (files, total) =
        (statvfs(&service.state).expect("statvfs"), fs::metadata(service.state.join("volume.img")).expect("image"));
    assert!(total.blocks() * 512 < 200 * MIB, "sparse");
    assert!(files.blocks_available() > 0);
    service.end();
}

/// What a launch and the removal of its home take, shown and not judged.
fn costs(limited: &Service, plain: &Service) {
    let limits = |inodes_required| DiskLimits { bytes: 10 << 30, inodes: 100_000, required: false, inodes_required };
    let kinds = [
        ("plain, unlimited", plain, None),
        ("with the default", limited, Some(limits(false))),
        ("with files counted", limited, Some(limits(true))),
    ];
    let mut took = [const { Vec::new() }; 3];
    for _ in 0..20 {
        for ((_, service, disk), took) in kinds.iter().zip(&mut took) {
            let at = std::time::Instant::now();
            service.launch("cost", *disk).expect("launch");
            let launched = at.elapsed().as_micros();
            service.kill("cost");
            service.done(&SpawnerRequest::RemoveHome("cost".parse().expect("id")));
            took.push((launched, at.elapsed().as_micros()));
        }
    }
    for ((what, ..), took) in kinds.iter().zip(&mut took) {
        took.sort_unstable();
        let mut whole: Vec<_> = took.iter().map(|(_, whole)| *whole).collect();
        whole.sort_unstable();
        println!("  {what}: launch median {} us, least {} us; with its end and removal {} us", took[10].0, took[0].0, whole[10]);
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some(SPAWNER_ARGUMENT) {
        std::process::exit(aether_sandbox::spawner::main());
    }
    if std::env::args().any(|argument| argument == "--list") {
        println!("disk: test");
        return;
    }
    if let Err(panic) = std::panic::catch_unwind(run) {
        tidy();
        std::panic::resume_unwind(panic);
    }
}

/// Ends what a failed test left running, by a spawner of the same name.
fn tidy() {
    let dir = tempfile::tempdir_in("/var/tmp").expect("dir");
    let service = Service::start(dir.path(), VolumeSize::None);
    let SpawnerReply::Live(live) = ask(&service.child, &SpawnerRequest::List(None)) else { return };
    live.iter().for_each(|sandbox| service.kill(sandbox.id.as_str()));
    service.end();
}

fn run() {
    // No quota binds a task with it.
    for set in [caps::CapSet::Effective, caps::CapSet::Permitted] {
        caps::drop(None, set, caps::Capability::CAP_SYS_RESOURCE).expect("give a capability up");
    }
    let scratch = || tempfile::tempdir_in("/var/tmp").expect("dir");
    let dir = scratch();
    let service = Service::start(dir.path(), VolumeSize::Bytes(4 << 30));
    println!("{:#?}\n{:#?}", service.host.disk, service.host.inodes);
    assert!(service.host.disk.works && service.host.inodes.works, "{:?}", service.host.inodes);
    space_is_limited(&service);
    println!("test space_is_limited ... ok");
    files_are_limited(&service);
    println!("test files_are_limited ... ok");
    let beside = scratch();
    let plain = Service::start(beside.path(), VolumeSize::None);
    costs(&service, &plain);
    plain.end();
    println!("test costs ... ok");
    let service = a_killed_spawner_is_followed_by_another(dir.path(), service);
    println!("test a_killed_spawner_is_followed_by_another ... ok");
    service.end();
    let none = scratch();
    let service = Service::start(none.path(), VolumeSize::None);
    println!("{:#?}", service.host.disk);
    space_is_limited(&service);
    println!("test space_is_limited without a volume ... ok");
    service.end();
    let old = scratch();
    old_homes_stay(old.path());
    println!("test old_homes_stay ... ok");
    for dir in [&dir, &old] {
        eventually("no device is left", || devices(&dir.path().join("state/volume.img")) == 0);
    }
    println!("test result: ok. 6 passed; 0 failed");
}
