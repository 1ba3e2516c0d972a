//! The spawner alone: a plan goes in, a sandbox with its init comes out.

use std::{
    fs,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use aether_sandbox::{
    plan::{CgroupLimits, IdRange, NetworkPlan, Profile, SandboxPlan},
    spawner::{SpawnerChild, SpawnerConfig},
    sys::packet::{recv_packet, send_packet},
    wire::spawner::{MAX_PACKET, SpawnerReply, SpawnerRequest},
};
use aether_tests::daemon::bin_dir;
use anyhow::{Result, bail, ensure};

use crate::{cold::Floor, host, report::Report};

/// Spawners that were started: each has a cgroup of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A spawner of the benchmark's own; it is this executable, as it is `aetherd` in the product.
pub(crate) struct Spawner {
    child: SpawnerChild,
    dir: tempfile::TempDir,
    number: u32,
}

impl Spawner {
    /// Starts one.
    ///
    /// # Errors
    /// Those of the file system and of the spawner.
    pub(crate) fn start() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("aether-bench-").tempdir()?;
        let state = dir.path().join("state");
        for sub in ["state/base/root/etc", "state/base/home", "sockets"] {
            fs::create_dir_all(dir.path().join(sub))?;
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{link}"), state.join("base/root").join(link))?;
        }
        let config = SpawnerConfig {
            base_root: state.join("base/root"),
            base_home: state.join("base/home"),
            sockets: dir.path().join("sockets"),
            state,
            init: bin_dir().join("aether-init"),
            service_uid: 0,
            service_gid: 0,
            networks: 8,
            volume: aether_sandbox::spawner::VolumeSize::None,
            cgroup_name: format!("aether-bench-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed)),
            cgroup_root: None,
        };
        Ok(Self { child: aether_sandbox::spawner::start(&config)?, dir, number: 0 })
    }

    /// Fills the layer that lies below every home: 20,000 files of 10 KB.
    fn fill_template(&self) -> Result<()> {
        let home = self.dir().join("state/base/home");
        (0..20_000).try_for_each(|number| fs::write(home.join(format!("part-{number}")), [7; 10_000]))?;
        Ok(())
    }

    /// Where it keeps its state.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// One sandbox: time until its init runs, time from the kill until nothing is left.
    ///
    /// # Errors
    /// When the spawner refuses.
    pub(crate) fn round(&mut self) -> Result<(Duration, Duration)> {
        self.number += 1;
        let plan = plan(self.number)?;
        let id = plan.id.clone();
        let start = Instant::now();
        let (reply, pidfd) = self.ask(&SpawnerRequest::Launch(Box::new(plan)))?;
        let up = start.elapsed();
        ensure!(matches!(reply, SpawnerReply::Launched(_)), "{reply:?}");
        let start = Instant::now();
        let (reply, _) = self.ask(&SpawnerRequest::Kill(id.clone()))?;
        let down = start.elapsed();
        ensure!(reply == SpawnerReply::Done, "{reply:?}");
        drop(pidfd);
        self.ask(&SpawnerRequest::RemoveHome(id))?;
        Ok((up, down))
    }

    fn ask(&self, request: &SpawnerRequest) -> Result<(SpawnerReply, Vec<OwnedFd>)> {
        send_packet(self.child.control.as_fd(), &postcard::to_stdvec(request)?, &[])?;
        let mut buffer = vec![0; MAX_PACKET];
        let (length, fds) = recv_packet(self.child.control.as_fd(), &mut buffer)?;
        if length == 0 {
            bail!("the spawner ended");
        }
        Ok((postcard::from_bytes(&buffer[..length])?, fds))
    }
}

fn plan(number: u32) -> Result<SandboxPlan> {
    let id: aether_sandbox::plan::SandboxId = format!("bench{number}").parse()?;
    Ok(SandboxPlan {
        hostname: "bench".into(),
        ids: IdRange::new(12_000 + number % 4000).ok_or_else(|| anyhow::anyhow!("no such range"))?,
        home: id.clone(),
        id,
        limits: CgroupLimits { memory_bytes: 1 << 30, pids: 2048, cpu_quota_usec: 100_000 },
        profile: Profile::Standard,
        disk: None,
        mounts: Vec::new(),
        network: NetworkPlan::LoopbackOnly,
        tmp_bytes: 64 << 20,
        shm_bytes: 64 << 20,
        may_miss: Vec::new(),
    })
}

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "The spawner alone, beside the floor",
        "From a plan until its init runs, and from the kill until nothing is left. The floor is `tests/bench/floor/floor.c`: the same \
         layers in raw system calls.",
    );
    let rounds = if quick { 100 } else { 400 };
    let (mut spawner, mut floor, mut large) = (Spawner::start()?, Floor::start(0)?, Spawner::start()?);
    large.fill_template()?;
    let mut times: [Vec<Duration>; 7] = Default::default();
    for round in 0..rounds + 5 {
        let (ours, floors, sync, larges) = (spawner.round()?, floor.round()?, host::sync(spawner.dir())?, large.round()?);
        if round >= 5 {
            for (list, time) in times.iter_mut().zip([ours.0, floors.0, ours.1, floors.1, sync, larges.0, larges.1]) {
                list.push(time);
            }
        }
    }
    floor.stop()?;
    let names = [
        "spawner: plan → init runs",
        "floor: request → init runs",
        "spawner: kill → gone",
        "floor: kill → gone",
        "one sync of this disk",
        "spawner: plan → init runs, every home with a template of 200 MB in 20,000 files",
        "spawner: kill → gone, the same",
    ];
    let p50: Vec<f64> = names.into_iter().zip(times).map(|(name, list)| report.times(name, list.into())).collect();
    report.at_most("spawner alone / floor, p50", p50[0] / p50[1], 1.3, "×");
    report.at_most("create with a template of 200 MB and 20,000 files / without, p50", p50[5] / p50[0], 1.2, "×");
    report.at_most("destroy until nothing is left, p50", p50[2], 1.0, "ms");
    Ok(())
}
