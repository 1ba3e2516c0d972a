//! A spawner of the suite's own and the sandboxes it launches. Dropped, everything is killed and removed.

use std::{
    cell::Cell,
    fs,
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use aether_sandbox::{
    plan::{CgroupLimits, IdRange, NetworkPlan, Profile, RANGE_COUNT, SandboxId, SandboxPlan},
    spawner::{SpawnerChild, SpawnerConfig, weaken::Part},
    sys::packet::{recv_packet, send_packet},
    wire::{
        init::Stdio,
        spawner::{Launched, MAX_PACKET, SpawnerReply, SpawnerRequest},
    },
};
use anyhow::{Context as _, Result, bail, ensure};

use crate::{client::Client, fingerprint::descriptors, machine};

/// What programs get when they need no terminal.
pub(crate) const PIPES: Stdio = Stdio::Pipes { stdin: false };
/// A terminal.
pub(crate) const TERMINAL: Stdio = Stdio::Terminal { cols: 80, rows: 24 };

/// How long the spawner may take until it rests.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// How its sandboxes come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Built when they are asked for.
    AtOnce,
    /// Built ahead for nobody, under another name and with wider limits, and claimed. What is lent a directory cannot be.
    Ahead,
}

/// The spawner and its directories.
pub(crate) struct Bench {
    spawner: Option<SpawnerChild>,
    way: Cell<Way>,
    /// How many descriptors the spawner has when it makes up for nothing.
    resting: Cell<usize>,
    /// `sockets/`, `state/` and the canary.
    pub(crate) directory: PathBuf,
    pub(crate) state: PathBuf,
}

/// A sandbox that runs; dropped, it is killed.
pub(crate) struct Sandbox<'a> {
    bench: &'a Bench,
    pub(crate) id: SandboxId,
    pub(crate) launched: Launched,
    pub(crate) client: Client,
}

impl Bench {
    /// Starts the spawner over a built base.
    pub(crate) fn start(directory: &Path, state: &Path) -> Result<Self> {
        let sockets = directory.join("sockets");
        fs::create_dir(&sockets)?;
        fs::write(directory.join("canary"), "untouched")?;
        Self::with_spawner(directory, state, Self::cgroup_name())
    }

    /// Another spawner over the same directories.
    pub(crate) fn start_beside(first: &Self) -> Result<Self> {
        machine::leave_cgroup().context("a cgroup apart from the first spawner's")?;
        Self::with_spawner(&first.directory, &first.state, format!("{}-2", Self::cgroup_name()))
    }

    fn with_spawner(directory: &Path, state: &Path, cgroup_name: String) -> Result<Self> {
        let sockets = directory.join("sockets");
        let config = SpawnerConfig {
            base_root: state.join("base/root"),
            base_home: state.join("base/home"),
            sockets,
            state: state.to_owned(),
            init: "/proc/self/exe".into(),
            service_uid: 0,
            service_gid: 0,
            networks: 8,
            volume: aether_sandbox::spawner::VolumeSize::None,
            cgroup_name,
            cgroup_root: None,
        };
        let spawner = aether_sandbox::spawner::start(&config).context("start the spawner")?;
        let bench = Self {
            spawner: Some(spawner),
            way: Cell::new(Way::AtOnce),
            resting: Cell::new(0),
            directory: directory.to_owned(),
            state: state.to_owned(),
        };
        let SpawnerReply::Host(host) = bench.ask(&SpawnerRequest::Host)? else { bail!("what the host can do") };
        for (name, feature) in
            [("landlock", &host.landlock), ("seccomp", &host.seccomp), ("overlay", &host.overlay), ("pids", &host.pids)]
        {
            ensure!(feature.works, "this host lacks {name}: {} ({})", feature.detail, feature.fix);
        }
        Ok(bench)
    }

    /// Name of the cgroup of this run.
    pub(crate) fn cgroup_name() -> String {
        format!("aether-boundary-{}", process::id())
    }

    /// Pid of the spawner.
    pub(crate) fn spawner_pid(&self) -> u32 {
        self.spawner.as_ref().map_or(0, |spawner| spawner.pid)
    }

    /// Waits until the spawner makes up for nothing, and remembers what it has then.
    pub(crate) fn settle(&self) {
        let (mut count, mut looks) = (0, 0);
        while looks < 50 {
            thread::sleep(LOOK);
            let now = descriptors(self.spawner_pid());
            looks = if now == count { looks + 1 } else { 0 };
            count = now;
        }
        self.resting.set(count);
    }

    /// Waits until the spawner has so many descriptors, and takes that for its rest.
    pub(crate) fn rest_at(&self, descriptors: usize) -> Result<()> {
        self.resting.set(descriptors);
        self.rest()
    }

    /// Waits until the spawner has what it has when it rests: it makes up in its own time for the network namespaces that sandboxes
    /// took.
    pub(crate) fn rest(&self) -> Result<()> {
        let since = Instant::now();
        while descriptors(self.spawner_pid()) != self.resting.get() {
            let now = descriptors(self.spawner_pid());
            ensure!(since.elapsed() < PATIENCE, "the spawner had {} descriptors and has {now}", self.resting.get());
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Whether it has so many then.
    pub(crate) fn rest_is(&self, descriptors: usize) -> bool {
        self.resting.get() == descriptors
    }

    /// Launches from here on in that way.
    pub(crate) fn launch_in(&self, way: Way) {
        self.way.set(way);
    }

    /// How sandboxes come about now.
    pub(crate) fn way(&self) -> Way {
        self.way.get()
    }

    /// Asks the spawner.
    pub(crate) fn ask(&self, request: &SpawnerRequest) -> Result<SpawnerReply> {
        self.ask_with(request, &[])
    }

    /// Asks the spawner, with descriptors beside the question.
    pub(crate) fn ask_with(&self, request: &SpawnerRequest, fds: &[BorrowedFd<'_>]) -> Result<SpawnerReply> {
        let control = self.spawner.as_ref().context("the spawner ended")?.control.as_fd();
        send_packet(control, &postcard::to_stdvec(request)?, fds)?;
        self.reply()
    }

    fn reply(&self) -> Result<SpawnerReply> {
        Ok(self.reply_and_tail()?.0)
    }

    fn reply_and_tail(&self) -> Result<(SpawnerReply, Vec<u8>)> {
        let control = self.spawner.as_ref().context("the spawner ended")?.control.as_fd();
        let mut buffer = vec![0; MAX_PACKET];
        let (length, _) = recv_packet(control, &mut buffer)?;
        ensure!(length > 0, "the spawner ended");
        let (reply, tail) = postcard::take_from_bytes(&buffer[..length])?;
        Ok((reply, tail.to_vec()))
    }

    /// Launches a sandbox without some of its parts.
    pub(crate) fn launch(&self, name: &str, slot: u32, without: &[Part]) -> Result<Sandbox<'_>> {
        self.launch_plan(plan(name, slot)?, without)
    }

    /// Launches the sandbox of a plan without some of its parts.
    pub(crate) fn launch_plan(&self, plan: SandboxPlan, without: &[Part]) -> Result<Sandbox<'_>> {
        self.launch_lending(plan, &[], without)
    }

    /// Launches one sandbox for each slot, all asked for before the first answer is read.
    pub(crate) fn launch_all(&self, name: &str, slots: Range<u32>, without: &[Part]) -> Result<Vec<Sandbox<'_>>> {
        let control = self.spawner.as_ref().context("the spawner ended")?.control.as_fd();
        let plans = slots.map(|slot| plan(&format!("{name}{slot}"), slot)).collect::<Result<Vec<_>>>()?;
        let ids: Vec<_> = plans.iter().map(|plan| plan.id.clone()).collect();
        for (number, plan) in plans.into_iter().enumerate() {
            let request = SpawnerRequest::LaunchWithout(Box::new(plan), without.to_vec());
            let mut packet = postcard::to_stdvec(&request)?;
            packet.push(u8::try_from(number)?);
            send_packet(control, &packet, &[])?;
        }
        // Answers come as sandboxes are ready, each with what followed its request.
        let replies = ids.iter().map(|_| self.reply_and_tail()).collect::<Result<Vec<_>>>()?;
        let of = |(reply, tail): (SpawnerReply, Vec<u8>)| {
            let id = tail.first().and_then(|&number| ids.get(usize::from(number))).context("an answer to nothing")?;
            self.launched(id.clone(), reply)
        };
        replies.into_iter().map(of).collect()
    }

    /// Launches the sandbox of a plan that lends directories, without some of its parts.
    pub(crate) fn launch_lending(&self, plan: SandboxPlan, lent: &[BorrowedFd<'_>], without: &[Part]) -> Result<Sandbox<'_>> {
        if self.way() == Way::Ahead && lent.is_empty() {
            self.prepare(&plan, without)?;
            return self.claim(plan);
        }
        let id = plan.id.clone();
        let reply = self.ask_with(&SpawnerRequest::LaunchWithout(Box::new(plan), without.to_vec()), lent)?;
        self.launched(id, reply).with_context(|| format!("launch without {without:?}"))
    }

    /// Has the sandbox of a plan built ahead. It gets its host name and its limits, which are narrower than those it is built with,
    /// when it is claimed.
    pub(crate) fn prepare(&self, plan: &SandboxPlan, without: &[Part]) -> Result<()> {
        let limits = CgroupLimits { memory_bytes: 1 << 30, pids: 1 << 10, cpu_quota_usec: 400_000 };
        let nobodys = SandboxPlan { hostname: "nobodys".to_owned(), limits, ..plan.clone() };
        let reply = self.ask(&SpawnerRequest::PrepareWithout(Box::new(nobodys), without.to_vec()))?;
        ensure!(reply == SpawnerReply::Done, "prepare without {without:?}: {reply:?}");
        Ok(())
    }

    /// Claims a sandbox that was built ahead.
    pub(crate) fn claim(&self, plan: SandboxPlan) -> Result<Sandbox<'_>> {
        let id = plan.id.clone();
        let reply = self.ask(&SpawnerRequest::Claim(Box::new(plan)))?;
        self.launched(id, reply).context("claim")
    }

    fn launched(&self, id: SandboxId, reply: SpawnerReply) -> Result<Sandbox<'_>> {
        let SpawnerReply::Launched(launched) = reply else { bail!("{id}: {reply:?}") };
        let client = Client::to(&self.directory.join(format!("sockets/{id}.sock")))?;
        Ok(Sandbox { bench: self, id, launched, client })
    }
}

/// The plan of the suite's sandboxes.
pub(crate) fn plan(name: &str, slot: u32) -> Result<SandboxPlan> {
    let id: SandboxId = name.parse()?;
    Ok(SandboxPlan {
        id: id.clone(),
        hostname: "boundary".to_owned(),
        ids: range(slot).context("a range")?,
        home: id.clone(),
        limits: CgroupLimits { memory_bytes: 96 << 20, pids: 96, cpu_quota_usec: 200_000 },
        profile: Profile::Standard,
        disk: None,
        mounts: Vec::new(),
        network: NetworkPlan::LoopbackOnly,
        tmp_bytes: 16 << 20,
        shm_bytes: 16 << 20,
        may_miss: Vec::new(),
    })
}

/// A range of ids far from those that a service on the same host hands out first.
pub(crate) fn range(slot: u32) -> Option<IdRange> {
    IdRange::new(RANGE_COUNT - 2 - slot)
}

impl Drop for Bench {
    fn drop(&mut self) {
        let Some(SpawnerChild { control, pid }) = self.spawner.take() else { return };
        drop(control);
        while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            std::thread::yield_now();
        }
    }
}

impl Sandbox<'_> {
    /// Runs a probe; the lines it printed.
    pub(crate) fn probe(&mut self, name: &str, arguments: &[&str], stdio: Stdio) -> Result<String> {
        let program = format!("/home/agent/probes/{name}");
        let argv: Vec<&str> = [&[program.as_str()], arguments].concat();
        self.client.run(&argv, stdio)
    }

    /// Kills it and removes its home.
    pub(crate) fn end(&self) -> Result<()> {
        for request in [SpawnerRequest::Kill(self.id.clone()), SpawnerRequest::RemoveHome(self.id.clone())] {
            let reply = self.bench.ask(&request)?;
            ensure!(reply == SpawnerReply::Done, "{request:?}: {reply:?}");
        }
        Ok(())
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("sandbox {}: {error:#}", self.id);
        }
    }
}
