//! Sandboxes built ahead: complete, confined, with a home and an init that waits, for agents that nobody has asked for yet.
//!
//! Each is built by the same steps as any other, and claimed once. Claiming gives it what only the agent decides: its host name
//! and, where they differ, the limits of its cgroup. A sandbox in which anything ran is never given to another agent.

use std::collections::BTreeMap;

use nix::{
    sched::{CloneFlags, setns},
    unistd::sethostname,
};

use super::{
    failure::{at, refused, unseen},
    flight::{Birth, Flight},
    launch::{self, Begun},
    mounts::return_to,
    serve::Spawner,
    weaken::Weakened,
};
use crate::{
    plan::{PlanLayer, SandboxId, SandboxPlan},
    wire::spawner::{Launched, SpawnFailure},
};

/// Most that are kept: each holds two descriptors here, and a forgotten one costs what a sandbox costs.
const MOST: usize = 64;

/// Those that wait.
pub(super) type Waiting = BTreeMap<SandboxId, Prepared>;

/// A sandbox that waits for its agent.
pub(super) struct Prepared {
    plan: SandboxPlan,
    begun: Begun,
    weakened: Weakened,
}

/// Begins a sandbox ahead. It goes on building itself while other requests are answered; whether it came to anything shows when
/// it is claimed.
pub(super) fn prepare(spawner: &Spawner, plan: SandboxPlan, weakened: Weakened) -> Result<(), SpawnFailure> {
    if spawner.prepared.borrow().len() >= MOST {
        return Err(refused(None, "prepare a sandbox", format!("{MOST} wait already"), "claim or kill them"));
    }
    let begun = launch::begin(spawner, &plan, &weakened, &[])?;
    spawner.prepared.borrow_mut().insert(plan.id.clone(), Prepared { plan, begun, weakened });
    Ok(())
}

/// Gives a prepared sandbox to the agent of `plan`, which must be the plan that it was built from but for host name and limits.
/// Whatever fails, nothing is left of it but its home.
pub(super) fn claim(spawner: &Spawner, plan: SandboxPlan) -> Result<Flight, SpawnFailure> {
    let waiting = spawner.prepared.borrow_mut().remove(&plan.id);
    let Some(Prepared { plan: built, begun, weakened }) = waiting else {
        return Err(refused(None, "claim the sandbox", format!("no sandbox {} is prepared", plan.id), ""));
    };
    Ok(Flight::birth(Birth { begun, plan, weakened, built: Some(built) }))
}

/// Makes a prepared sandbox whose init has reported the agent's.
pub(super) fn finish(
    spawner: &Spawner,
    built: &SandboxPlan,
    begun: &Begun,
    plan: &SandboxPlan,
    weakened: &Weakened,
) -> Result<Launched, SpawnFailure> {
    launch::check(plan, &[])?;
    if *plan != (SandboxPlan { hostname: plan.hostname.clone(), limits: plan.limits, ..built.clone() }) {
        return Err(refused(None, "claim the sandbox", "it was built for another plan", ""));
    }
    launch::hear(begun, plan, weakened)?;
    if plan.limits != built.limits {
        let gone = || refused(Some(PlanLayer::Cgroup), "find the cgroup", "it is gone", "");
        let group = spawner.tree.find(&plan.id).map_err(unseen)?.ok_or_else(gone)?;
        group.limit(&weakened.limits(&plan.limits)).map_err(at(PlanLayer::Cgroup, "limit the cgroup"))?;
    }
    if plan.hostname != built.hostname {
        let failed = |error: nix::errno::Errno| at(PlanLayer::Namespaces, "set the host name")(error.into());
        setns(&begun.pidfd, CloneFlags::CLONE_NEWUTS).map_err(failed)?;
        let named = sethostname(&plan.hostname);
        return_to(&spawner.uts, CloneFlags::CLONE_NEWUTS);
        named.map_err(failed)?;
    }
    let mut layers = launch::layers(&weakened.host(&spawner.host), plan)?;
    for (layer, before) in layers.iter_mut().zip(&begun.launched.layers) {
        // It says what limits the disk as well, which was found when the home was made.
        if layer.layer == PlanLayer::Filesystem {
            layer.clone_from(before);
        }
    }
    Ok(Launched { layers, limits: plan.limits, ..begun.launched.clone() })
}

/// Takes down what nobody has claimed, homes included: whoever asked for it is gone.
pub(super) fn give_up(spawner: &Spawner) {
    let waiting = std::mem::take(&mut *spawner.prepared.borrow_mut());
    for (id, prepared) in waiting {
        // What fails here is swept at the next start, where it is still on record.
        let _ = launch::kill(spawner, &id);
        let _ = spawner.disk.remove(&spawner.stage, &prepared.plan.home);
    }
}
