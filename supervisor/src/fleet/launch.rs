//! The one way a sandbox comes to life: lease, launch, connect, start, commit.

use std::{
    collections::BTreeMap,
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
    time::Instant,
};

use aether_protocol::{
    AgentId, AgentPhase, AgentSpec, AgentState, ApiError, CommandSpec, Enforcement, EnforcementMode, ExitInfo, LayerReport,
    Limits, Program, SecretName, Timestamp,
    event::{ProcessDequeued, ProcessStateChange},
};
use aether_sandbox::{
    plan::{AGENT_HOME, IdRange, LayerState},
    wire::{
        init::{InitReply, InitRequest, StartProcess, Stdio},
        spawner::Launched,
    },
};
use aether_store::{AgentField, Change};
use tokio_util::sync::CancellationToken;

use super::{
    authority,
    core::{Core, Live, lock, sandbox_id},
    end, exit, goal,
    mounts::Parcel,
    watch,
};
use crate::{
    api::metrics::{LAUNCH_SECONDS, LAUNCHES, NETWORK_TAKES},
    compile::{Lent, compile},
    egress, gateway,
    links::init::{InitLink, unexpected},
};

/// Launches a new agent; when that fails, nothing of it remains and the caller is told why.
pub(crate) async fn launch_or_undo(core: &Arc<Core>, id: &AgentId) -> Result<(), ApiError> {
    match start(core, id).await {
        Ok(()) => Ok(()),
        Err(error) => Err(undo(core, id, error).await),
    }
}

/// Takes back an agent whose launch failed; answers why it did.
pub(crate) async fn undo(core: &Arc<Core>, id: &AgentId, error: ApiError) -> ApiError {
    let exit = ExitInfo { code: 125, signal: None, reason: Some(error.message.clone()) };
    end::end(core, id, exit).await;
    if let Err(left) = end::remove(core, id).await {
        tracing::error!(agent = %id, error = %left.message, "a failed launch left something behind");
    }
    error
}

/// Starts the agents that wait, as long as there is a free place. Runs for the life of the service.
pub(crate) async fn run_queue(core: Arc<Core>) {
    loop {
        core.queue_moved.notified().await;
        while let Some(id) = next_to_start(&core).await {
            let core = core.clone();
            tokio::spawn(async move {
                if let Err(error) = start(&core, &id).await {
                    let exit = ExitInfo { code: 125, signal: None, reason: Some(format!("{} ({})", error.message, error.hint)) };
                    end::end(&core, &id, exit).await;
                }
            });
        }
    }
}

async fn next_to_start(core: &Arc<Core>) -> Option<AgentId> {
    let _creating = core.creating.lock().await;
    let id = {
        let registry = core.registry();
        if registry.live() >= core.config.get().agents.max_concurrent as usize || core.stopping.is_cancelled() {
            return None;
        }
        registry.first_waiting()?
    };
    let entry = core.entry(&id).ok()?;
    let _gate = entry.gate.lock().await;
    if core.info(&id).is_ok_and(|info| info.state != AgentState::Queued) {
        return None;
    }
    let fields = vec![AgentField::State(AgentState::Created)];
    let event = ProcessDequeued { pid: entry.info.number, priority: entry.info.spec.priority };
    match core.commit(&id, fields, vec![event.into()]).await {
        Ok(()) => Some(id),
        Err(error) => {
            tracing::error!(agent = %id, error = %error.message, "a queued agent cannot start");
            None
        }
    }
}

/// Launches; a program that cannot be executed has ended when this returns.
async fn start(core: &Arc<Core>, id: &AgentId) -> Result<(), ApiError> {
    if let Some(exit) = launch(core, id).await? {
        end::end(core, id, exit).await;
    }
    Ok(())
}

/// Builds the sandbox of an agent in state `created` and starts what it is for. Answers how the program ended when it could
/// not be executed.
async fn launch(core: &Arc<Core>, id: &AgentId) -> Result<Option<ExitInfo>, ApiError> {
    let entry = core.entry(id)?;
    let _gate = entry.gate.lock().await;
    if core.info(id)?.state != AgentState::Created {
        return Ok(None);
    }
    let spec = entry.info.spec.clone();
    let parcels = lock(&core.parcels).remove(id).unwrap_or_default();
    if parcels.len() != spec.mounts.len() {
        let hint = "deploy it again: a directory lent by descriptor cannot be lent across a restart of the service";
        return Err(ApiError::conflict("the directories lent to it are gone", hint));
    }
    let (launched, pidfd) = sandbox(core, id, &spec, parcels).await?;
    let (state, phase) = (AgentState::Running, first_phase(&spec));
    let fields = running(core, &spec, launched).await?;
    let event = ProcessStateChange { pid: entry.info.number, state, agent_phase: phase };
    let change = core.with_events(id, Change::new().update_agent(id, fields.clone()), vec![event.into()]);
    // The program begins while the record is on its way to the disk; nobody is told before both are there.
    let (begun, written) = tokio::join!(begin(core, id, &spec, pidfd), core.write(change));
    let (live, failed) = begun?;
    written?;
    core.registry().apply(id, &fields);
    if failed.is_none()
        && let Program::Goal(spec) = &spec.program
    {
        goal::start(core, id, &live, spec);
    }
    Ok(failed)
}

/// The phase an agent begins in.
pub(crate) const fn first_phase(spec: &AgentSpec) -> AgentPhase {
    match spec.program {
        Program::Command(_) => AgentPhase::Executing,
        Program::Goal(_) => AgentPhase::Thinking,
    }
}

/// What is recorded of an agent whose sandbox runs.
pub(crate) async fn running(core: &Core, spec: &AgentSpec, launched: Launched) -> Result<Vec<AgentField>, ApiError> {
    let enforcement = enforcement(core, &launched).await?;
    Ok(vec![
        AgentField::State(AgentState::Running),
        AgentField::Phase(first_phase(spec)),
        AgentField::Pid(Some(launched.pid)),
        AgentField::Cgroup(Some(launched.cgroup)),
        AgentField::Enforcement(Some(enforcement)),
        AgentField::StartedAt(Some(Timestamp::now())),
        AgentField::BootId(Some(core.boot_id.clone())),
    ])
}

/// Connects to a new sandbox and starts its main program, if it has one; how that "ended" when it cannot be executed.
async fn begin(
    core: &Arc<Core>,
    id: &AgentId,
    spec: &AgentSpec,
    pidfd: OwnedFd,
) -> Result<(Arc<Live>, Option<ExitInfo>), ApiError> {
    let init = connect(core, id).await?;
    let live = adopt_for(core, id, init, spec)?;
    let failed = start_program(core, id, &live.init, spec).await?;
    if failed.is_none() {
        // Its end waits for the gate, which this launch holds until the agent is recorded as running.
        watch::follow(core, id, &live, pidfd);
    }
    Ok((live, failed))
}

/// A sandbox for an agent, with nothing running in it but its init, and the connection to that.
pub(crate) async fn build(
    core: &Arc<Core>,
    id: &AgentId,
    spec: &AgentSpec,
    parcels: Vec<Parcel>,
) -> Result<(Launched, OwnedFd, InitLink), ApiError> {
    let (launched, pidfd) = sandbox(core, id, spec, parcels).await?;
    Ok((launched, pidfd, connect(core, id).await?))
}

/// A sandbox for an agent, with nothing running in it but its init.
async fn sandbox(core: &Core, id: &AgentId, spec: &AgentSpec, parcels: Vec<Parcel>) -> Result<(Launched, OwnedFd), ApiError> {
    let slot = lease(core, id).await?;
    let entry = core.entry(id)?;
    let ids = IdRange::new(slot).ok_or_else(|| ApiError::internal(format!("uid slot {slot} does not exist")))?;
    let home = entry.home.parse().map_err(|error| ApiError::internal(format!("{error}")))?;
    let lenders = parcels.iter().map(|parcel| (parcel.uid, parcel.gid)).collect();
    let lent = Lent { id: sandbox_id(id)?, home, ids, lenders };
    let plan = compile(spec, &entry.info.name, &core.host, &core.config.get().limits, lent)?;
    authority::ensure(core, spec).await?;
    let mut lent: Vec<OwnedFd> = parcels.into_iter().map(|parcel| parcel.fd).collect();
    if lent.len() < plan.mounts.len() {
        lent.push(
            core.trust.try_clone().map_err(|error| ApiError::internal(format!("what agents trust cannot be lent: {error}")))?,
        );
    }
    let begun = Instant::now();
    let launched = core.spawner.launch(plan, lent).await;
    count(begun, &launched);
    launched
}

/// Adds a launch to the metrics.
pub(crate) fn count(begun: Instant, launched: &Result<(Launched, OwnedFd), ApiError>) {
    if let Ok((launched, _)) = launched {
        let outcome = if launched.network_ready { "hit" } else { "miss" };
        metrics::counter!(NETWORK_TAKES, "outcome" => outcome).increment(1);
    }
    metrics::counter!(LAUNCHES, "outcome" => if launched.is_ok() { "ok" } else { "failed" }).increment(1);
    metrics::histogram!(LAUNCH_SECONDS).record(begun.elapsed().as_secs_f64());
}

/// Connects to the init of a live sandbox.
pub(crate) async fn connect(core: &Core, id: &AgentId) -> Result<InitLink, ApiError> {
    reach(core, id).await.map_err(|error| unreached(id, &error))
}

/// As [`connect`], with the error as it came.
pub(crate) async fn reach(core: &Core, id: &AgentId) -> std::io::Result<InitLink> {
    // By descriptor: the path of the run directory may be longer than a socket address can be.
    let path = PathBuf::from(format!("/proc/self/fd/{}/{id}.sock", core.sockets.as_raw_fd()));
    InitLink::connect(&path).await
}

pub(crate) fn unreached(id: &AgentId, error: &std::io::Error) -> ApiError {
    ApiError::internal(format!("the init of {id} cannot be reached: {error}"))
}

/// Starts the main program, if there is one; how that "ended" when it cannot be executed.
pub(crate) async fn start_program(
    core: &Core,
    id: &AgentId,
    init: &InitLink,
    spec: &AgentSpec,
) -> Result<Option<ExitInfo>, ApiError> {
    match &spec.program {
        Program::Command(command) => start_main(init, spec, &given(core, id, spec), command).await,
        Program::Goal(_) => Ok(None),
    }
}

/// Records the live sandbox of a spec in memory.
pub(crate) fn adopt_for(core: &Core, id: &AgentId, init: InitLink, spec: &AgentSpec) -> Result<Arc<Live>, ApiError> {
    match &spec.program {
        Program::Command(command) => adopt(core, id, init, true, command.tty),
        Program::Goal(_) => adopt(core, id, init, false, false),
    }
}

/// Records a live sandbox in memory.
pub(crate) fn adopt(core: &Core, id: &AgentId, init: InitLink, has_main: bool, tty: bool) -> Result<Arc<Live>, ApiError> {
    let live = Arc::new(Live {
        init,
        has_main,
        tty,
        log: core.log(id)?,
        over: CancellationToken::new(),
        control: OnceLock::new(),
        claimed: CancellationToken::new(),
        hold: Mutex::default(),
        told: Mutex::default(),
        verdict: Mutex::new(None),
    });
    lock(&core.live).insert(id.clone(), live.clone());
    // Later than it is live: what is counted of agents that are not is put away.
    crate::govern::meter::begin(core, id);
    Ok(live)
}

/// The uid slot of an agent, leased now if it has none.
async fn lease(core: &Core, id: &AgentId) -> Result<u32, ApiError> {
    if let Some(slot) = core.entry(id)?.slot {
        return Ok(slot);
    }
    let committed = core.write(Change::new().take_slot(id)).await?;
    let slot = committed.slots.first().copied().ok_or_else(|| ApiError::internal("no uid slot was leased"))?;
    core.registry().modify(id, |entry| entry.slot = Some(slot));
    Ok(slot)
}

/// Starts the main program; how it "ended" when it cannot be executed.
async fn start_main(
    init: &InitLink,
    spec: &AgentSpec,
    given: &BTreeMap<String, String>,
    command: &CommandSpec,
) -> Result<Option<ExitInfo>, ApiError> {
    let stdio = if command.tty {
        Stdio::Terminal { cols: command.cols.unwrap_or(120), rows: command.rows.unwrap_or(36) }
    } else {
        Stdio::Pipes { stdin: command.stdin }
    };
    let start = StartProcess {
        argv: command.argv.iter().map(|arg| arg.clone().into_bytes()).collect(),
        env: environment(spec, given, command.tty, []),
        workdir: workdir(spec),
        stdio,
        label: "main".to_owned(),
        hold: true,
    };
    match init.exchange(InitRequest::Start(start)).await?.0 {
        InitReply::Started { .. } => Ok(None),
        InitReply::Failed { errno, step } => Ok(Some(exit::of_failed_start(errno, &step, &command.argv[0]))),
        other => Err(unexpected(&other)),
    }
}

/// Directory that programs of an agent start in.
pub(crate) fn workdir(spec: &AgentSpec) -> String {
    spec.workdir.clone().unwrap_or_else(|| AGENT_HOME.to_owned())
}

/// What the gateway gives an agent's programs: addresses and placeholders.
pub(crate) fn given(core: &Core, id: &AgentId, spec: &AgentSpec) -> BTreeMap<String, String> {
    // Those of the spec are known before the record of their grants is. A variable that was chosen takes the place of the usual one.
    let chosen = |name: &SecretName| spec.secrets.iter().any(|one| one.name == *name);
    let granted = core.secrets.names_of(id).into_iter().filter(|name| !chosen(name));
    let variables: Vec<_> = spec.secrets.iter().map(|one| one.variable().clone()).chain(granted).collect();
    let mut env = gateway::environment(&spec.models, &variables, &core.secrets.placeholder(id));
    env.extend(egress::trust(&spec.network));
    if egress::needs_network(spec) && !core.host.relay.works {
        env.extend(egress::proxy());
    }
    env
}

/// The whole environment of a program: what it is given, which the spec may change, which `more` may change.
pub(crate) fn environment<'a>(
    spec: &'a AgentSpec,
    given: &'a BTreeMap<String, String>,
    tty: bool,
    more: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Vec<Vec<u8>> {
    let user = if spec.profile == aether_protocol::Profile::Packages { "root" } else { "agent" };
    let mut env = BTreeMap::from([
        ("HOME", AGENT_HOME),
        ("USER", user),
        ("LOGNAME", user),
        ("SHELL", "/bin/bash"),
        ("LANG", "C.UTF-8"),
        ("PATH", "/home/agent/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ]);
    if tty {
        env.insert("TERM", "xterm-256color");
    }
    for (name, value) in given.iter().chain(&spec.env).chain(more) {
        env.insert(name, value);
    }
    env.iter().map(|(name, value)| format!("{name}={value}").into_bytes()).collect()
}

async fn enforcement(core: &Core, launched: &Launched) -> Result<Enforcement, ApiError> {
    let layers = &launched.layers;
    let mode = if layers.iter().all(|layer| layer.active) { EnforcementMode::Full } else { EnforcementMode::Reduced };
    let report =
        |layer: &LayerState| (layer.layer.name().to_owned(), LayerReport { active: layer.active, detail: layer.detail.clone() });
    let policies = core.policies.digests(&core.spawner, &launched.filters, &launched.ruleset).await?;
    let limits = Limits {
        memory_bytes: Some(launched.limits.memory_bytes),
        cpus: u32::try_from(launched.limits.cpu_quota_usec).ok().map(|usec| f64::from(usec) / 100_000.0),
        pids: Some(launched.limits.pids),
        disk_bytes: launched.disk.map(|disk| disk.bytes),
        inodes: launched.disk.map(|disk| disk.inodes),
        model_tokens: None,
    };
    Ok(Enforcement { mode, layers: layers.iter().map(report).collect(), policies, limits })
}
