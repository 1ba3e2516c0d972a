//! The unprivileged service: opens the fleet, serves, and ends in order.

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::PathBuf,
    time::Duration,
};

use aether_store::Store;
use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::{identity::Identity, notify, reload};
use crate::{
    api,
    config::Current,
    fleet::{Fleet, Foundation, Roots},
    links::spawner::SpawnerLink,
    serving::Serving,
};
use sd_notify::NotifyState;

/// How long after the start what it used is given back.
const SETTLED: Duration = Duration::from_secs(1);
/// Between two times at which memory that nobody uses is given back.
const AGAIN: Duration = Duration::from_secs(60);

/// What was made ready with privilege.
pub(super) struct Ground {
    pub(super) config: Current,
    /// The configuration file, when it was named.
    pub(super) file: Option<PathBuf>,
    pub(super) store: Store,
    pub(super) spawner: SpawnerLink,
    pub(super) state: PathBuf,
    pub(super) sockets: OwnedFd,
    pub(super) roots: Roots,
    pub(super) trust: OwnedFd,
    pub(super) vault: aether_secrets::Vault,
    pub(super) unix: UnixListener,
    pub(super) tcp: Option<TcpListener>,
    pub(super) socket: PathBuf,
    pub(super) identity: Identity,
    pub(super) at_exit: AtExit,
}

/// What happens to agents when the service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtExit {
    /// They go on, and are taken over by the next service.
    LeaveAgents,
    /// They are ended.
    EndAgents,
}

/// Why it ends.
enum Cause {
    Asked,
    SpawnerGone,
    Served(std::io::Result<()>),
}

/// Runs until it is told to end.
pub(super) fn run(ground: Ground) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let outcome = runtime.block_on(serve(ground));
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

async fn serve(ground: Ground) -> anyhow::Result<()> {
    let Ground { config, file, store, spawner, state, sockets, roots, trust, vault, unix, tcp, socket, identity, at_exit } =
        ground;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    // From here on a signal to read the configuration again ends nothing, however early it comes.
    let hangup = signal(SignalKind::hangup())?;
    let token_file = state.join("token");
    let beside = file.as_deref().unwrap_or(std::path::Path::new(crate::config::load::DEFAULT_PATH));
    let templates = beside.with_file_name("templates.d");
    let foundation = Foundation { config: config.clone(), store, spawner, state, sockets, roots, trust, templates, vault };
    let fleet = Fleet::open(foundation).await.map_err(|error| anyhow::anyhow!("{}\nhint: {}", error.message, error.hint))?;
    let address = tcp.as_ref().map(TcpListener::local_addr).transpose()?;
    let serving = Serving {
        fleet: fleet.clone(),
        unix,
        tcp,
        token_file,
        config: config.clone(),
        service_uid: identity.uid.as_raw(),
        socket_gid: identity.socket_group.map(nix::unistd::Gid::as_raw),
    };
    let mut served = tokio::spawn(api::serve(serving));
    match address {
        Some(address) => println!("aetherd: ready on http://{address} and {}", socket.display()),
        None => println!("aetherd: ready on {}", socket.display()),
    }
    notify::tell(&[NotifyState::Ready]);
    tokio::spawn(notify::status(fleet.clone()));
    tokio::spawn(notify::feed_watchdog(fleet.clone()));
    tokio::spawn(reload::on_signal(hangup, file, config));
    tokio::spawn(async {
        // A start reads and builds much that is not needed again, and what agents needed that are gone is free, but not the system's.
        tokio::time::sleep(SETTLED).await;
        while tokio::task::spawn_blocking(aether_sandbox::sys::heap::give_back).await.is_ok() {
            tokio::time::sleep(AGAIN).await;
        }
    });
    let cause = tokio::select! {
        _ = terminated.recv() => Cause::Asked,
        _ = interrupted.recv() => Cause::Asked,
        () = fleet.stopping() => Cause::Asked,
        () = fleet.spawner_gone() => Cause::SpawnerGone,
        done = &mut served => Cause::Served(done.unwrap_or_else(|error| Err(std::io::Error::other(error)))),
    };
    notify::tell(&[NotifyState::Stopping, NotifyState::Status("stopping; agents go on")]);
    match cause {
        // Without the spawner nothing can be ended or taken down: agents stay, and the next service takes them over.
        Cause::SpawnerGone => anyhow::bail!(
            "the spawner is gone; agents go on\nhint: start aetherd again (systemd does it by itself); the log says why it ended"
        ),
        Cause::Served(done) => done.context("the API ended")?,
        Cause::Asked => {}
    }
    if at_exit == AtExit::EndAgents {
        fleet.end_all().await;
    }
    fleet.close().await;
    if !served.is_finished() {
        served.await.context("the API failed")?.context("the API failed")?;
    }
    match at_exit {
        AtExit::LeaveAgents => fleet.hand_over().await,
        AtExit::EndAgents => fleet.forget_departed(),
    }
    Ok(())
}
