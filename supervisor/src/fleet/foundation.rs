//! What the fleet stands on, made before the service dropped its privileges, and its first and last breath.

use std::{
    collections::HashMap,
    fs,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aether_protocol::{ApiError, Timestamp};
use aether_sandbox::host::HostSupport;
use aether_store::Store;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    EventHub, Fleet, Roots,
    audit::SERVICE,
    core::{Core, lock},
    departed, disk, end, exit,
    isolation::Signer,
    lasting, launch, minds, pool,
    providers::Providers,
    recovery, usage,
};
use crate::{config::Current, gateway, links::spawner::SpawnerLink};

/// How long the service waits, at its end, for agents that are just ending.
const ENDING: Duration = Duration::from_secs(3);

/// What the fleet stands on.
pub struct Foundation {
    /// The configuration.
    pub config: Current,
    /// The store.
    pub store: Store,
    /// The spawner.
    pub spawner: SpawnerLink,
    /// State directory, as this process reaches it.
    pub state: PathBuf,
    /// Directory of the control sockets.
    pub sockets: OwnedFd,
    /// Directories that may be lent by path.
    pub roots: Roots,
    /// Directory of own templates; need not exist.
    pub templates: PathBuf,
    /// The directory of what agents trust whose TLS is opened.
    pub trust: OwnedFd,
    /// Seals secrets.
    pub vault: aether_secrets::Vault,
}

impl Fleet {
    /// Takes over what lives and starts what waits.
    ///
    /// # Errors
    /// When store or spawner do not answer.
    pub async fn open(foundation: Foundation) -> Result<Self, ApiError> {
        let host = foundation.spawner.host().await?;
        let signer = Signer::open(&foundation.state).map_err(|error| ApiError::internal(error.to_string()))?;
        let core = Self::assemble(foundation, host, signer, pool::Pool::new()?).await?;
        attach_gateway(&core);
        let last = core.store.last_approval().await.map_err(|error| super::core::store_error(&error))?;
        core.egress.approvals().count_from(last);
        crate::govern::meter::open(&core).await?;
        recovery::recover(&core).await?;
        lasting::keep("queue", with(&core, launch::run_queue));
        lasting::keep("pool", with(&core, pool::keep));
        lasting::keep("usage", with(&core, usage::sample));
        lasting::keep("disk", with(&core, disk::sample));
        lasting::keep("meter", with(&core, crate::govern::meter::sample));
        lasting::keep("memories", with(&core, minds::tidy));
        lasting::keep("vectors", with(&core, minds::vectors::keep));
        let fleet = Self { core };
        let version = env!("CARGO_PKG_VERSION");
        fleet.audit(SERVICE, "service.start", "", json!({ "version": version, "kernel": fleet.core.host.kernel })).await;
        Ok(fleet)
    }

    async fn assemble(
        foundation: Foundation,
        host: HostSupport,
        signer: Signer,
        pool: pool::Pool,
    ) -> Result<Arc<Core>, ApiError> {
        let Foundation { config, store, spawner, state, sockets, roots, trust, templates, vault } = foundation;
        let secrets = Arc::new(super::secrets::Secrets::open(vault, &store).await?);
        let sealed: super::providers::Sealed = {
            let (secrets, store) = (secrets.clone(), store.clone());
            Arc::new(move |name| {
                let value = secrets.value(name)?;
                let (secrets, store, name) = (secrets.clone(), store.clone(), name.clone());
                let counted = move || secrets.used_by_asker(&store, &name);
                Some(
                    value.map(|value| aether_llm::Secret::new(value.expose()).on_use(counted)).map_err(|error| error.to_string()),
                )
            })
        };
        let environment = |name: &str| std::env::var(name).ok();
        let providers = Providers::new(&config.get().llm, &config.get().models, &environment, &sealed);
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        Ok(Arc::new(Core {
            providers,
            config,
            policies: super::isolation::Policies::default(),
            signer,
            events: EventHub::new(store.clone()),
            store,
            spawner,
            host,
            registry: Mutex::default(),
            pool,
            live: Mutex::new(HashMap::new()),
            logs: Mutex::new(HashMap::new()),
            parcels: Mutex::new(HashMap::new()),
            roots,
            templates: crate::templates::Templates::new(templates),
            trust,
            opening: tokio::sync::Mutex::new(()),
            visits: super::visit::Visits::default(),
            egress: crate::egress::Egress::default(),
            meter: crate::govern::Meter::default(),
            secrets,
            gateway: std::sync::OnceLock::new(),
            screens: super::screen::Screens::default(),
            drafts: super::drafts::Drafts::new(),
            state,
            sockets,
            boot_id,
            started: Instant::now(),
            started_at: Timestamp::now(),
            creating: tokio::sync::Mutex::new(()),
            asking: super::asked::Asking::default(),
            queue_moved: Notify::new(),
            stopping: CancellationToken::new(),
            followers: TaskTracker::new(),
        }))
    }

    /// Ends every agent: for services that leave nothing behind.
    pub async fn end_all(&self) {
        self.core.stop_service();
        let ids = self.core.registry().ids();
        let mut ends = tokio::task::JoinSet::new();
        for id in ids {
            let core = self.core.clone();
            ends.spawn(async move {
                let killed = exit::of_signal(nix::libc::SIGKILL, Some("the service was stopped"));
                if let Some(live) = core.sandbox(&id) {
                    live.decide(killed.clone());
                }
                end::end(&core, &id, killed).await;
            });
        }
        ends.join_all().await;
    }

    /// The last thing before the process ends: what nobody uses any more is taken down; agents stay.
    pub async fn close(&self) {
        self.core.stop_service();
        self.core.visits.leave_all(&self.core).await;
        pool::drain(&self.core).await;
        self.let_go().await;
        self.audit(SERVICE, "service.stop", "", json!({})).await;
    }

    /// Nobody looks after the agents any more. An end that began is finished: an agent that is half taken down would be found by the next
    /// service as one of which nobody knows how it ended.
    async fn let_go(&self) {
        lock(&self.core.live).values().for_each(|live| live.over.cancel());
        self.core.followers.close();
        if tokio::time::timeout(ENDING, self.core.followers.wait()).await.is_err() {
            tracing::warn!("an agent that ends has not ended yet; the next service takes it down");
        }
    }

    /// After the last request, agents that began meanwhile included: the next service is told what no record says.
    pub async fn hand_over(&self) {
        self.let_go().await;
        departed::hand_over(&self.core).await;
    }

    /// After the last request, where no agent is left: nobody will ask for one.
    pub fn forget_departed(&self) {
        departed::forget_all(&self.core);
    }

    /// Completes when the store's writer and the spawner have answered.
    ///
    /// # Errors
    /// Which of them cannot, in words. A write that a full disk refuses is an answer.
    pub async fn answers(&self) -> Result<(), String> {
        self.core.store.answers().await.map_err(|error| error.to_string())?;
        self.core.spawner.host().await.map(drop).map_err(|error| error.message)
    }

    /// Completes when the spawner is gone: nothing can be started or ended any more.
    pub async fn spawner_gone(&self) {
        self.core.spawner.gone().await;
    }
}

/// Makes a task of the core, as often as it is needed.
fn with<F>(core: &Arc<Core>, task: impl Fn(Arc<Core>) -> F + Send + 'static) -> impl Fn() -> F + Send + 'static {
    let core = core.clone();
    move || task(core.clone())
}

/// Opens the model gateway and gives it, and the secrets, to the way out.
fn attach_gateway(core: &Arc<Core>) {
    let desk = || gateway::FleetDesk::new(core);
    let opened = gateway::open(desk(), &core.config.get().models);
    core.egress.set_gateway(Arc::new(gateway::Doors(opened.clone())));
    core.egress.set_credentials(Arc::new(gateway::Injector(desk())));
    let _once = core.gateway.set(opened);
}
