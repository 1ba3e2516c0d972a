//! From a root process to an unprivileged service: what needs root is done first, then privilege is given up for good.

mod args;
mod identity;
mod listen;
mod places;
mod service;

use std::{fs::File, io::IsTerminal, os::fd::AsFd, path::Path, process::ExitCode, sync::Arc};

use aether_sandbox::spawner::{self, SpawnerConfig};
use aether_store::{Options, Store};
use anyhow::Context;
use clap::Parser;

use self::{args::Args, identity::Identity, places::Places};
use crate::{
    config::{self, Config, Listen},
    fleet::Roots,
    links::spawner::SpawnerLink,
};

/// Exit status for a configuration that cannot be used, as in sysexits(3).
const BAD_CONFIG: u8 = 78;

/// The whole of `aetherd` after it was clear that it is not the spawner.
pub fn run() -> ExitCode {
    let args = Args::parse();
    let config = match config::load(args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error}\nhint: correct or remove that line; every key is optional");
            return ExitCode::from(BAD_CONFIG);
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("AETHER_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match start(&args, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args, config: Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        nix::unistd::geteuid().is_root(),
        "aetherd must be started as root\nhint: it starts the part that builds sandboxes, then becomes an unprivileged user by itself"
    );
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
        volume: config.storage.volume.0,
        cgroup_name: places.cgroup_name(),
        cgroup_root: None,
    })
    .context("cannot start the spawner")?;
    let unix = listen::unix(&places.socket, identity.socket_group)?;
    let tcp = match args.listen.or(config.listen).unwrap_or_default() {
        Listen::At(address) => Some(listen::tcp(address)?),
        Listen::None => None,
    };
    let roots = Roots::open(&config.mounts.roots).map_err(anyhow::Error::msg)?;
    let sockets = places.open_sockets()?;
    let state = places.reachable_state(&identity)?;
    let socket_dir = places.socket.parent().unwrap_or(Path::new("/"));
    let open = |dir: &Path| File::open(dir).with_context(|| format!("cannot open {}", dir.display()));
    let (state_dir, socket_dir) = (open(&places.state)?, open(socket_dir)?);
    identity.become_it().context("cannot give up privileges")?;
    spawner::confine_service(&[state_dir.as_fd(), socket_dir.as_fd()]).context("cannot confine the service")?;

    // From here on there is no privilege, and only from here on are there other threads.
    let store = Store::open(&state.join("aether.db"), Options::default()).context("cannot open the database")?;
    let spawner = SpawnerLink::new(spawner.control).context("cannot start a thread")?;
    let config = Arc::new(config);
    service::run(service::Ground {
        config,
        store,
        spawner,
        state,
        sockets,
        roots,
        unix,
        tcp,
        socket: places.socket.clone(),
        identity,
        at_exit: if args.stop_agents_on_exit { service::AtExit::EndAgents } else { service::AtExit::LeaveAgents },
    })
}
