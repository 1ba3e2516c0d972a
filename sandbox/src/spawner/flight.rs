//! What takes its time, so that others are answered meanwhile: sandboxes that build themselves, sandboxes that end, and cgroups that
//! freeze. Each is begun by a request and answered when it is done.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{self, OFlag},
    poll::{PollFd, PollFlags, ppoll},
    sys::{stat::Mode, time::TimeSpec},
};

use super::{
    call::{Ending, Handing},
    cgroup::{Events, Group},
    failure::{at, unseen},
    launch::{self, Begun},
    prepared,
    serve::{self, Spawner},
    walk::{self, Walk},
    weaken::Weakened,
};
use crate::{
    plan::{PlanLayer, SandboxId, SandboxPlan},
    sys::task::pidfd_open,
    wire::spawner::{SpawnFailure, SpawnerReply},
};

/// Longest time a sandbox may take to set itself up.
const SETUP: Duration = Duration::from_secs(20);
/// Longest time the processes of a cgroup may take to end or to freeze.
const SETTLE: Duration = Duration::from_secs(5);
/// Longest time the kernel may take to let go of an empty cgroup.
const RELEASE: Duration = Duration::from_secs(2);

/// Longest time an init may take to take the cgroup of a call.
const HANDED: Duration = Duration::from_secs(2);

/// Mounts of forgotten sandboxes that are held until their homes are empty; each is a descriptor.
const MOST_HELD: usize = 256;

/// What a walk through the host's trees is for.
pub(super) const LOOK: &str = "find what of the host is not for everybody";
/// How long the end of an init is waited for before the cgroup is looked at.
const INIT_ENDS: Duration = Duration::from_millis(5);

/// A reply and the descriptors beside it.
pub(super) type Answer = (SpawnerReply, Vec<OwnedFd>);

/// Something begun that is not done yet.
pub(super) struct Flight {
    /// What it is about: nothing else is begun for that one meanwhile.
    pub(super) id: SandboxId,
    work: Work,
    begun: Instant,
    until: Instant,
    /// What goes when it has ended.
    forgotten: Option<Forgotten>,
}

/// A home that nobody wants any more, and the mounts through which it was written to.
struct Forgotten {
    home: SandboxId,
    mounts: Option<OwnedFd>,
}

enum Work {
    /// Waits until the host was looked through; then it is built.
    Walk(Box<Walking>),
    Birth(Box<Birth>),
    /// Killed; waits until nothing is in it, first for the end of its init, which is that of everything else.
    Killed(Events, Option<OwnedFd>),
    /// Empty; waits until the kernel lets go of its directories.
    Empty,
    /// Waits until the cgroup says so.
    Settles(Events, &'static str),
    /// Waits until init has taken the cgroup of a call.
    Hands(Box<Handing>),
    /// A call that ends.
    Ends(Box<Ending>),
}

/// A sandbox that cannot be begun before the host was looked through.
pub(super) struct Walking {
    pub(super) walk: Walk,
    pub(super) plan: SandboxPlan,
    pub(super) weakened: Weakened,
    pub(super) lent: Vec<OwnedFd>,
}

/// A sandbox whose first process is to report.
pub(super) struct Birth {
    pub(super) begun: Begun,
    pub(super) plan: SandboxPlan,
    pub(super) weakened: Weakened,
    /// The plan it was built from, when that was done ahead.
    pub(super) built: Option<SandboxPlan>,
}

impl Flight {
    fn new(id: SandboxId, work: Work, limit: Duration) -> Self {
        let begun = Instant::now();
        Self { id, work, begun, until: begun + limit, forgotten: None }
    }

    /// A sandbox for which the host is looked through.
    pub(super) fn walk(walking: Walking) -> Self {
        Self::new(walking.plan.id.clone(), Work::Walk(Box::new(walking)), walk::PATIENCE)
    }

    /// A sandbox that builds itself.
    pub(super) fn birth(birth: Birth) -> Self {
        Self::new(birth.plan.id.clone(), Work::Birth(Box::new(birth)), SETUP)
    }

    /// Kills what is in a sandbox's cgroup, if there is one; removes that and the control socket when it is empty.
    pub(super) fn end(spawner: &Spawner, id: SandboxId) -> Result<Self, SpawnFailure> {
        let Some(group) = spawner.tree.find(&id).map_err(unseen)? else { return Ok(Self::new(id, Work::Empty, RELEASE)) };
        // Only a hint: whatever is told here, the cgroup is asked.
        let init = group.pids().ok().and_then(|pids| pidfd_open(*pids.first()?).ok());
        let events = group.begin_kill().map_err(at(PlanLayer::Cgroup, "kill the sandbox"))?;
        Ok(Self::new(id, Work::Killed(events, init), SETTLE))
    }

    /// The same, and its home goes with it. The end of the last process would take the mounts off, and the kernel would first bring
    /// to the disk what was written to them (overlayfs(5), `volatile`); so they are held until the home is empty.
    pub(super) fn forget(spawner: &Spawner, id: SandboxId, home: SandboxId) -> Result<Self, SpawnFailure> {
        let mounts = if spawner.held.borrow().len() < MOST_HELD { mounts_of(spawner, &id) } else { None };
        let mut flight = Self::end(spawner, id)?;
        flight.forgotten = Some(Forgotten { home, mounts });
        Ok(flight)
    }

    /// Freezes or thaws a sandbox.
    pub(super) fn freeze(group: &Group, id: SandboxId, frozen: bool) -> Result<Self, SpawnFailure> {
        let (events, event) = group.begin_freeze(frozen).map_err(at(PlanLayer::Cgroup, step_of(frozen)))?;
        Ok(Self::new(id, Work::Settles(events, event), SETTLE))
    }

    /// A call whose cgroup goes to its init.
    pub(super) fn hand(handing: Handing, id: SandboxId) -> Self {
        Self::new(id, Work::Hands(Box::new(handing)), HANDED)
    }

    /// A call that ends.
    pub(super) fn end_call(ending: Ending, id: SandboxId) -> Self {
        Self::new(id, Work::Ends(Box::new(ending)), SETTLE)
    }

    /// Goes on as far as it can; the answer when it is done. `readable`: its first process has said something, or has closed.
    pub(super) fn step(mut self, spawner: &Spawner, readable: bool) -> Result<Answer, Self> {
        let late = Instant::now() >= self.until;
        let timed_out = || Errno::ETIMEDOUT.into();
        if let Work::Killed(events, init) = &mut self.work {
            if readable {
                *init = None;
            }
            let fail = at(PlanLayer::Cgroup, "kill the sandbox");
            match events.say("populated 0") {
                Ok(true) => self = Self { forgotten: self.forgotten, ..Self::new(self.id, Work::Empty, RELEASE) },
                Ok(false) if late => return Ok(failed(fail(timed_out()))),
                Ok(false) => return Err(self),
                Err(error) => return Ok(failed(fail(error))),
            }
        }
        match self.work {
            Work::Walk(walking) if readable => walked(spawner, *walking),
            Work::Walk(_) if late => Ok(failed(at(PlanLayer::Filesystem, LOOK)(timed_out()))),
            Work::Birth(birth) if readable => Ok(settle(spawner, *birth)),
            Work::Birth(birth) if late => {
                launch::discard(spawner, &birth.plan.id);
                Ok(failed(at(PlanLayer::Namespaces, "wait for aether-init")(timed_out())))
            }
            Work::Empty => {
                let fail = at(PlanLayer::Cgroup, "remove the cgroup");
                match spawner.tree.remove_now(&self.id) {
                    Ok(true) => {
                        let removed = launch::remove_socket(spawner, &self.id).and_then(|()| forgotten(spawner, self.forgotten));
                        Ok(removed.map_or_else(failed, |()| (SpawnerReply::Done, Vec::new())))
                    }
                    Ok(false) if Instant::now() >= self.until => Ok(failed(fail(Errno::EBUSY.into()))),
                    Ok(false) => Err(self),
                    Err(error) => Ok(failed(fail(error))),
                }
            }
            Work::Settles(ref mut events, event) => {
                let fail = at(PlanLayer::Cgroup, step_of(event == "frozen 1"));
                match events.say(event) {
                    Ok(true) => Ok((SpawnerReply::Done, Vec::new())),
                    Ok(false) if late => Ok(failed(fail(timed_out()))),
                    Ok(false) => Err(self),
                    Err(error) => Ok(failed(fail(error))),
                }
            }
            Work::Hands(ref handing) if readable || late => {
                let heard = if readable { handing.heard() } else { Err(at(PlanLayer::Cgroup, "wait for init")(timed_out())) };
                if heard.is_err() {
                    handing.give_up();
                }
                Ok(heard.map_or_else(failed, |call| (SpawnerReply::Call(call), Vec::new())))
            }
            Work::Ends(ref mut ending) => match ending.step() {
                Ok(Some(end)) => Ok((SpawnerReply::CallEnded(end), Vec::new())),
                Ok(None) if !late => Err(self),
                Ok(None) => Ok(failed(at(PlanLayer::Cgroup, "end the call")(timed_out()))),
                Err(error) => Ok(failed(at(PlanLayer::Cgroup, "end the call")(error))),
            },
            Work::Walk(_) | Work::Birth(_) | Work::Killed(..) | Work::Hands(_) => Err(self),
        }
    }

    /// Nobody waits for it any more: a sandbox that nobody has been told of is taken down.
    pub(super) fn abandon(self, spawner: &Spawner) {
        if !matches!(self.work, Work::Settles(..) | Work::Walk(_) | Work::Hands(_) | Work::Ends(_)) {
            launch::discard(spawner, &self.id);
        }
    }

    /// Whether it is a sandbox that builds itself.
    pub(super) const fn is_birth(&self) -> bool {
        matches!(self.work, Work::Birth(_))
    }

    /// Whether the host is being looked through for it.
    pub(super) const fn is_walk(&self) -> bool {
        matches!(self.work, Work::Walk(_))
    }

    fn watched(&self) -> Option<BorrowedFd<'_>> {
        match &self.work {
            Work::Walk(walking) => Some(walking.walk.over()),
            Work::Birth(birth) => Some(birth.begun.child.as_fd()),
            Work::Killed(_, init) => init.as_ref().map(AsFd::as_fd),
            Work::Hands(handing) => Some(handing.watched()),
            _ => None,
        }
    }

    /// When to look again. A cgroup is looked at: the kernel tells of changes to one of its files at most every 10 ms
    /// (`CGROUP_FILE_NOTIFY_MIN_INTV`, kernel/cgroup/cgroup.c), and the start of the sandbox may have been one just now.
    fn next(&self, now: Instant) -> Instant {
        if matches!(self.work, Work::Killed(_, Some(_))) {
            return self.until.min(now + INIT_ENDS);
        }
        if matches!(self.work, Work::Birth(_) | Work::Walk(_) | Work::Hands(_)) {
            return self.until;
        }
        let pause = match now.saturating_duration_since(self.begun).as_millis() {
            0..8 => Duration::from_micros(150),
            8..100 => Duration::from_millis(1),
            _ => Duration::from_millis(20),
        };
        now + pause
    }
}

/// The host was looked through: the sandbox begins to build itself.
fn walked(spawner: &Spawner, walking: Walking) -> Result<Answer, Flight> {
    let Walking { mut walk, plan, weakened, lent } = walking;
    let begun = walk.finish(&spawner.stage).map_err(at(PlanLayer::Filesystem, LOOK));
    match begun.and_then(|()| launch::begin(spawner, &plan, &weakened, &lent)) {
        Ok(begun) => Err(Flight::birth(Birth { begun, plan, weakened, built: None })),
        Err(failure) => Ok(failed(failure)),
    }
}

fn settle(spawner: &Spawner, birth: Birth) -> Answer {
    let Birth { begun, plan, weakened, built } = birth;
    let launched = match &built {
        None => launch::hear(&begun, &plan, &weakened).map(|()| begun.launched.clone()),
        Some(built) => prepared::finish(spawner, built, &begun, &plan, &weakened),
    };
    match launched {
        Ok(launched) => (SpawnerReply::Launched(launched), vec![begun.pidfd]),
        Err(failure) => {
            launch::discard(spawner, &plan.id);
            failed(failure)
        }
    }
}

/// The mount namespace of a sandbox. Only a help: without it the end takes longer.
fn mounts_of(spawner: &Spawner, id: &SandboxId) -> Option<OwnedFd> {
    let group = spawner.tree.find(id).ok()??;
    let first = *group.pids().ok()?.first()?;
    fcntl::open(format!("/proc/{first}/ns/mnt").as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

/// Takes the home away of a sandbox that is no more.
fn forgotten(spawner: &Spawner, forgotten: Option<Forgotten>) -> Result<(), SpawnFailure> {
    let Some(Forgotten { home, mounts }) = forgotten else { return Ok(()) };
    serve::remove_home(spawner, &home)?;
    spawner.held.borrow_mut().extend(mounts);
    Ok(())
}

pub(super) fn failed(failure: SpawnFailure) -> Answer {
    (SpawnerReply::Failed(failure), Vec::new())
}

fn step_of(frozen: bool) -> &'static str {
    if frozen { "freeze the sandbox" } else { "thaw the sandbox" }
}

/// What a wait found.
pub(super) struct Woken {
    /// Somebody asks, or is gone.
    pub(super) asked: bool,
    /// Which of the flights has something to read.
    pub(super) readable: Vec<bool>,
}

/// Waits until there is something to do: a request, a flight that may go on, or `due`.
pub(super) fn wait<'a>(
    control: BorrowedFd<'_>,
    flights: impl Iterator<Item = &'a Flight> + Clone,
    due: Option<Instant>,
) -> nix::Result<Woken> {
    let now = Instant::now();
    let wake = flights.clone().map(|flight| flight.next(now)).chain(due).min();
    let timeout = wake.map(|wake| TimeSpec::from_duration(wake.saturating_duration_since(now)));
    let mut fds = vec![PollFd::new(control, PollFlags::POLLIN)];
    fds.extend(flights.clone().filter_map(Flight::watched).map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    match ppoll(&mut fds, timeout, None) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error),
    }
    let mut found = fds.iter().map(|fd| fd.any().unwrap_or(false));
    let asked = found.next().unwrap_or(false);
    let readable = flights.map(|flight| flight.watched().is_some() && found.next().unwrap_or(false)).collect();
    Ok(Woken { asked, readable })
}
