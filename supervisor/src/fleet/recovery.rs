//! After a restart: what lives is taken over again, what ended meanwhile is recorded, what belongs to nobody is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::OwnedFd,
    sync::Arc,
};

use aether_protocol::{AgentId, AgentState, ApiError, ErrorCode, Program, event::AgentLog};
use aether_sandbox::wire::spawner::LiveSandbox;
use aether_store::{AgentField, AgentFilter, AgentRecord, Change};
use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
use tokio::task::JoinSet;

use super::{
    children,
    core::{Core, sandbox_id},
    departed, end, exit, goal, launch, pool, retire, watch,
};

/// What is done for one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// Ended or queued: as recorded.
    Keep,
    /// Its sandbox lives: go on with it.
    Adopt,
    /// It was never started: it goes (back) to the queue.
    Requeue,
    /// Its sandbox ended while nobody watched.
    Lost,
}

/// What is done for each agent, and which sandboxes belong to nobody. A sandbox of an earlier boot cannot live.
fn plan(records: &[AgentRecord], live: &BTreeSet<String>, boot_id: &str) -> (BTreeMap<AgentId, Action>, Vec<String>) {
    let mut actions = BTreeMap::new();
    let mut orphans = live.clone();
    for record in records {
        let found = live.contains(record.id.as_str());
        let same_boot = record.boot_id.as_deref() == Some(boot_id);
        let action = match record.state {
            AgentState::Queued | AgentState::Dead => Action::Keep,
            // Between the launch and its commit: whether its program began is not known, so it begins again from nothing.
            AgentState::Created => Action::Requeue,
            _ if found && same_boot => Action::Adopt,
            _ => Action::Lost,
        };
        if action == Action::Adopt {
            orphans.remove(record.id.as_str());
        }
        actions.insert(record.id.clone(), action);
    }
    (actions, orphans.into_iter().collect())
}

/// Brings the fleet back to what the store and the host say. Nothing is served before.
pub(crate) async fn recover(core: &Arc<Core>) -> Result<(), ApiError> {
    let (records, _) = core.store.agents(AgentFilter::default()).await.map_err(|e| super::core::store_error(&e))?;
    let mut live: BTreeMap<String, (LiveSandbox, OwnedFd)> =
        core.spawner.list().await?.into_iter().map(|(sandbox, fd)| (sandbox.id.as_str().to_owned(), (sandbox, fd))).collect();
    let (actions, orphans) = plan(&records, &live.keys().cloned().collect(), &core.boot_id);
    for record in records {
        core.registry().insert(record);
    }
    let last = last_number(core).await;
    core.registry().saw_number(last);
    for orphan in orphans {
        if let Some((sandbox, _)) = live.remove(&orphan) {
            tracing::info!(sandbox = %sandbox.id, "a sandbox without an agent is ended");
            core.spawner.kill(sandbox.id).await?;
        }
    }
    pool::sweep(core).await?;
    return_leases(core).await?;
    departed::take_over(core).await;
    sweep_logs(core);
    // Beside each other: a thousand are taken over in the time of a few commits.
    let mut adopted = JoinSet::new();
    let mut lost = Vec::new();
    for (id, action) in actions {
        match action {
            Action::Keep => {}
            Action::Requeue => {
                core.commit(&id, vec![AgentField::State(AgentState::Queued)], Vec::new()).await?;
            }
            // Later: its children end with it, and are taken over for that.
            Action::Lost => lost.push(id),
            Action::Adopt => {
                if let Some((sandbox, pidfd)) = live.remove(id.as_str()) {
                    let core = core.clone();
                    adopted.spawn(async move { adopt(&core, &id, &sandbox, pidfd).await });
                }
            }
        }
    }
    while let Some(done) = adopted.join_next().await {
        done.map_err(|error| ApiError::internal(format!("an agent was not taken over: {error}")))??;
    }
    for id in lost {
        // Its uids are lent again only when nothing carries them, wherever it was left.
        if let Some(cgroup) = core.info(&id)?.cgroup {
            core.spawner.kill_stray(sandbox_id(&id)?, cgroup).await?;
        }
        let known = goal::ended_before(core, &id).await;
        let exit = known.unwrap_or_else(|| exit::unknown("its sandbox ended while the service was down"));
        end::end(core, &id, exit).await;
    }
    children::sweep(core).await?;
    finish_removals(core).await;
    core.queue_moved.notify_one();
    Ok(())
}

/// Ephemeral agents whose removal was cut off.
async fn finish_removals(core: &Arc<Core>) {
    let ids = core.registry().ids();
    for id in ids {
        let due = core.info(&id).is_ok_and(|info| info.state.is_dead() && info.spec.ephemeral);
        if due && let Err(error) = end::remove(core, &id).await {
            tracing::error!(agent = %id, error = %error.message, "an ephemeral agent could not be removed");
        }
    }
}

/// Output of agents that were removed when the service last ended.
fn sweep_logs(core: &Core) {
    let files = std::fs::read_dir(core.state.join("logs")).into_iter().flatten().flatten();
    for file in files {
        let name = file.file_name();
        let id = name.to_str().and_then(|name| name.split('.').next()?.parse::<AgentId>().ok());
        if id.is_some_and(|id| core.registry().get(&id).is_none())
            && let Err(error) = std::fs::remove_file(file.path())
        {
            tracing::warn!(%error, file = %file.path().display(), "old output could not be removed");
        }
    }
}

/// Goes on with an agent; one that is beyond control is ended.
///
/// # Errors
/// When this process lacks what it needs for that: the agent lives on for a start that has it.
async fn adopt(core: &Arc<Core>, id: &AgentId, sandbox: &LiveSandbox, pidfd: OwnedFd) -> Result<(), ApiError> {
    let init = match launch::reach(core, id).await {
        Ok(init) => init,
        Err(error) if matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOMEM | ENOBUFS)) => {
            let hint = "raise the limit of open files of the service (LimitNOFILE=) or free memory; agents go on meanwhile";
            return Err(ApiError::new(ErrorCode::Unavailable, launch::unreached(id, &error).message, hint));
        }
        Err(error) => {
            let error = launch::unreached(id, &error);
            tracing::error!(agent = %id, error = %error.message, "an agent cannot be taken over");
            end::end(core, id, exit::unknown(&error.message)).await;
            return Ok(());
        }
    };
    let info = core.info(id)?;
    let state = match (sandbox.frozen, info.state) {
        (true, _) => AgentState::Paused,
        (false, AgentState::Paused | AgentState::Zombie) => AgentState::Running,
        (false, state) => state,
    };
    let message = "the service was restarted; the agent went on meanwhile".to_owned();
    let event = AgentLog { pid: info.number, level: "info".to_owned(), message };
    let fields =
        vec![AgentField::State(state), AgentField::Pid(Some(sandbox.pid)), AgentField::Cgroup(Some(sandbox.cgroup.clone()))];
    // A power cut ends the agent as well, so this need not wait for the disk; one that is full costs no agent its life.
    let change = core.with_events(id, Change::new().update_agent(id, fields.clone()), vec![event.into()]).relaxed(true);
    if let Err(error) = core.write(change).await {
        tracing::error!(agent = %id, error = %error.message, "that an agent was taken over could not be recorded");
    }
    core.registry().apply(id, &fields);
    let (has_main, tty) = match &info.spec.program {
        Program::Command(command) => (true, command.tty),
        Program::Goal(_) => (false, false),
    };
    crate::govern::meter::adopt(core, id).await?;
    let live = launch::adopt(core, id, init, has_main, tty)?;
    live.claim();
    watch::follow(core, id, &live, pidfd);
    retire::those_found(core, id, &live);
    if let Program::Goal(spec) = &info.spec.program {
        goal::start(core, id, &live, spec);
    }
    Ok(())
}

/// Uids held for visits, or by agents that were taken down when the service ended: whatever carries them ends first, wherever it is.
async fn return_leases(core: &Arc<Core>) -> Result<(), ApiError> {
    for lease in core.store.leases().await.map_err(|e| super::core::store_error(&e))? {
        let Some(info) = core.info(&lease.agent).ok().filter(|info| info.state.is_dead()) else { continue };
        let mut change = Change::new().release_slot(&lease.agent, lease.slot);
        let gone = [AgentField::Cgroup(None)];
        if let Some(cgroup) = info.cgroup {
            core.spawner.kill_stray(sandbox_id(&lease.agent)?, cgroup).await?;
            change = change.update_agent(&lease.agent, gone.clone());
        }
        core.write(change).await?;
        core.registry().apply(&lease.agent, &gone);
        core.registry().modify(&lease.agent, |entry| entry.slot = None);
    }
    Ok(())
}

/// The highest number ever given, also to agents that were removed, as far as the events go back.
async fn last_number(core: &Core) -> u64 {
    let query = aether_store::EventQuery {
        types: vec!["process.spawned".to_owned()],
        limit: 1,
        window: aether_store::Window::Newest,
        ..aether_store::EventQuery::default()
    };
    let events = core.store.query_events(query).await.unwrap_or_default();
    events.first().map_or(0, |event| match &event.body {
        aether_protocol::AgentEvent::Spawned(spawned) => spawned.pid,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use aether_protocol::{AgentPhase, Timestamp};

    use super::*;

    fn record(id: &str, state: AgentState, boot: Option<&str>) -> AgentRecord {
        AgentRecord {
            id: id.parse().expect("id"),
            number: 1,
            name: id.parse().expect("name"),
            owner: "root".into(),
            spec: serde_json::from_str(r#"{"program": {"type": "command", "argv": ["true"]}}"#).expect("spec"),
            state,
            phase: AgentPhase::Executing,
            home: id.into(),
            slot: Some(1),
            pid: None,
            cgroup: None,
            enforcement: None,
            created_at: Timestamp::from_unix_millis(0),
            started_at: None,
            ended_at: None,
            exit: None,
            step: 0,
            max_steps: None,
            model: None,
            last_action: None,
            boot_id: boot.map(str::to_owned),
        }
    }

    #[test]
    fn what_lives_is_adopted_and_the_rest_accounted_for() {
        let ids = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd", "eeeeeeeeeeee", "ffffffffffff"];
        let records = [
            record(ids[0], AgentState::Running, Some("now")),
            record(ids[1], AgentState::Paused, Some("now")),
            record(ids[2], AgentState::Created, None),
            record(ids[3], AgentState::Queued, None),
            record(ids[4], AgentState::Dead, Some("now")),
            record(ids[5], AgentState::Running, Some("before")),
        ];
        // A visit of an ended agent, a half launched one and one of nobody live; the paused one died.
        let live = [ids[0], ids[2], ids[4], ids[5], "stray"].map(str::to_owned).into();
        let (actions, orphans) = plan(&records, &live, "now");
        let of = |n: usize| actions[&records[n].id].clone();
        assert_eq!(of(0), Action::Adopt);
        assert_eq!(of(1), Action::Lost);
        assert_eq!(of(2), Action::Requeue);
        assert_eq!((of(3), of(4)), (Action::Keep, Action::Keep));
        assert_eq!(of(5), Action::Lost, "another boot: never adopted");
        assert_eq!(orphans, [ids[2], ids[4], ids[5], "stray"]);
    }
}
