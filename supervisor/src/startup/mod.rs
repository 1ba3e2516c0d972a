//! From a root process to an unprivileged service: what needs root is done first, then privilege is given up for good.

mod activation;
mod args;
mod check;
mod identity;
mod listen;
mod logging;
mod manual;
mod notify;
mod places;
mod reload;
mod service;

use std::{
    fs::File,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use aether_sandbox::{
    plan::RANGE_COUNT,
    spawner::{self, SpawnerConfig},
};
use aether_secrets::Vault;
use aether_store::{Options, Store};
use anyhow::Context;
use clap::Parser;

use self::{args::Args, identity::Identity, places::Places};
use crate::{
    config::{self, ConfigError, Current, Listen, Loaded},
    fleet::Roots,
    links::spawner::SpawnerLink,
};

/// Exit status for a configuration that cannot be used, as in sysexits(3).
const BAD_CONFIG: u8 = 78;
/// Descriptors that are enough for everything there is.
const MOST_DESCRIPTORS: u64 = 524_288;

/// Longest wait for the spawner at the end.
const SPAWNER_END: Duration = Duration::from_secs(5);

/// The whole of `aetherd` after it was clear that it is not the spawner.
pub fn run() -> ExitCode {
    let args = Args::parse();
    if args.man {
        return manual::run();
    }
    if args.check_config {
        return check::run(&args);
    }
    let outcome = config::load(args.config.as_deref()).map_err(anyhow::Error::new).and_then(|config| {
        logging::begin();
        start(&args, config)
    });
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    if let Some(config) = error.downcast_ref::<ConfigError>() {
        eprintln!("error: {config}\nhint: {}", config.fix());
        return ExitCode::from(BAD_CONFIG);
    }
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

fn start(args: &Args, mut loaded: Loaded) -> anyhow::Result<()> {
    // Before anything else is opened or started: whatever is started now would inherit them.
    let passed = activation::take()?;
    raise_descriptor_limit();
    anyhow::ensure!(
        nix::unistd::geteuid().is_root(),
        "aetherd must be started as root\nhint: it starts the part that builds sandboxes, then becomes an unprivileged user by itself"
    );
    loaded.read_secrets()?;
    loaded.check_host()?;
    let cgroup_root = loaded.cgroup_root(std::env::var("AETHER_CGROUP_ROOT").ok()).map_err(anyhow::Error::msg)?;
    // A reload reads the file again wherever this process stands then.
    let file = args.config.as_deref().map(std::path::absolute).transpose().context("--config")?;
    let config = loaded.config;
    let identity = Identity::find(args.service_uid, &config.service)?;
    let places = Places::prepare(args, &config, &identity)?;
    let _lock = places.lock()?;
    let base_root = aether_fs_overlay::build_base(&places.state).context("cannot build the base of the sandboxes")?;
    let init = places::init_program(&config)?;
    let spawner = spawner::start(&SpawnerConfig {
        base_home: places.state.join("base/home"),
        base_root,
        state: places.state.clone(),
        sockets: places.sockets.clone(),
        init,
        service_uid: identity.uid.as_raw(),
        service_gid: identity.gid.as_raw(),
        networks: config.pool.networks,
        volume: config.storage.volume.0,
        cgroup_name: places.cgroup_name(),
        cgroup_root,
    })
    .context("cannot start the spawner")?;
    let unix = match passed.unix {
        Some(unix) => unix,
        None => listen::unix(&places.socket, identity.socket_group)?,
    };
    let tcp = match (passed.tcp, args.listen.or(config.listen).unwrap_or_default()) {
        (Some(tcp), _) => Some(tcp),
        (None, Listen::At(address)) => Some(listen::tcp(address)?),
        (None, Listen::None) => None,
    };
    let roots = Roots::open(&config.mounts.roots).map_err(anyhow::Error::msg)?;
    let (sockets, trust) = (places.open_sockets()?, places.open_trust()?);
    let state = places.reachable_state(&identity)?;
    let socket_dir = places.socket.parent().unwrap_or(Path::new("/"));
    let open = |dir: &Path| File::open(dir).with_context(|| format!("cannot open {}", dir.display()));
    let (state_dir, socket_dir) = (open(&places.state)?, open(socket_dir)?);
    // Its key is root's alone: nothing that the service's user may do later reads it again.
    let vault = Vault::open(&places.state, std::env::var_os("CREDENTIALS_DIRECTORY").as_deref().map(Path::new))
        .context("cannot open the key of the secrets")?;
    identity.become_it().context("cannot give up privileges")?;
    spawner::confine_service(&[state_dir.as_fd(), socket_dir.as_fd()]).context("cannot confine the service")?;

    // From here on there is no privilege, and only from here on are there other threads.
    let store = Store::open(&state.join("aether.db"), Options { slots: RANGE_COUNT, ..Options::default() })
        .context("cannot open the database")?;
    let spawner_pid = spawner.pid;
    let control = spawner.control.try_clone().context("cannot copy a descriptor")?;
    let spawner = SpawnerLink::new(spawner.control).context("cannot start a thread")?;
    let config = Current::new(config);
    let outcome = service::run(service::Ground {
        config,
        file,
        store,
        spawner,
        state,
        sockets,
        roots,
        trust,
        vault,
        unix,
        tcp,
        socket: places.socket.clone(),
        identity,
        at_exit: if args.stop_agents_on_exit { service::AtExit::EndAgents } else { service::AtExit::LeaveAgents },
    });
    await_spawner(&control, spawner_pid);
    outcome
}

/// Ends the spawner by its socket and waits for it: a service manager ends by force what is left of a service.
fn await_spawner(control: &OwnedFd, pid: u32) {
    use nix::{
        sys::socket::{Shutdown, shutdown},
        sys::wait::{WaitPidFlag, WaitStatus, waitpid},
        unistd::Pid,
    };
    let Ok(pid) = pid.try_into().map(Pid::from_raw) else { return };
    // Whoever still has the link in hand has no use for it any more.
    let _ = shutdown(control.as_raw_fd(), Shutdown::Both);
    let end = Instant::now() + SPAWNER_END;
    while matches!(waitpid(pid, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive)) {
        if Instant::now() > end {
            tracing::warn!(%pid, "the spawner has not ended yet: it is still at work for an agent");
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Takes all the descriptors that the hard limit gives: the soft one is kept low for programs that use select(2), which none of
/// these do.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard.min(MOST_DESCRIPTORS).max(soft), hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of descriptors stays as it is");
    }
}
