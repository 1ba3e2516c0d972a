//! What only a privileged process can read of a live sandbox: which namespaces its PID 1 is in. And what this
//! spawner would confine it with.

use std::{fs, io};

use super::{
    confine::Policies,
    failure::{at, refused, unseen},
    serve::{Spawner, namespace_init},
    weaken::Weakened,
};
use crate::{
    plan::{LentMount, PlanLayer, Profile, SandboxId},
    wire::spawner::{Inspection, SpawnFailure},
};

/// Namespaces of a process, as the kernel names them in `/proc/<pid>/ns`.
const NAMESPACES: [&str; 8] = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup", "time"];

/// Looks at the sandbox `id` of that profile, whose lent directories are `mounts`.
pub(super) fn inspect(
    spawner: &Spawner,
    id: &SandboxId,
    profile: Profile,
    mounts: &[LentMount],
) -> Result<Inspection, SpawnFailure> {
    // ESRCH tells the end of a sandbox from a failure.
    let gone = || SpawnFailure { errno: libc::ESRCH, ..refused(None, "find the sandbox", format!("no sandbox {id} lives"), "") };
    let group = spawner.tree.find(id).map_err(unseen)?.ok_or_else(gone)?;
    let pid = namespace_init(&group).map_err(unseen)?.ok_or_else(gone)?;
    let namespaces = NAMESPACES.into_iter().filter_map(|name| match fs::read_link(format!("/proc/{pid}/ns/{name}")) {
        // A kernel without CONFIG_TIME_NS, which is no layer of a sandbox.
        Err(error) if name == "time" && error.kind() == io::ErrorKind::NotFound => None,
        link => Some(link.map(|link| (name.to_owned(), link.to_string_lossy().into_owned()))),
    });
    let namespaces = namespaces.collect::<io::Result<_>>();
    // A process that ended meanwhile has none, or has left its pid to another one.
    if !group.pids().map_err(unseen)?.contains(&pid) {
        return Err(gone());
    }
    let namespaces = namespaces.map_err(at(PlanLayer::Namespaces, "read its namespaces"))?;
    let Policies { filters, ruleset } = spawner.confinement.policies(profile, mounts, &Weakened::default())?;
    Ok(Inspection { pid, namespaces, filters, ruleset })
}
