//! Figures for Prometheus. What is counted by name below may be counted anywhere in the daemon (`metrics::counter!`).

use std::{sync::OnceLock, time::Duration};

use aether_protocol::{AgentState, ErrorCode};
use aether_store::Histogram;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::ApiState;
use crate::fleet::{Fleet, ListFilter};

/// Sandboxes launched (label `outcome`: `ok` or `failed`).
pub const LAUNCHES: &str = "aether_launches_total";
/// Seconds from the decision to launch until init was ready.
pub const LAUNCH_SECONDS: &str = "aether_launch_seconds";
/// Agents that could be given a sandbox built ahead (label `outcome`: `hit`, or `miss` when none of their kind was ready).
pub const POOL_TAKES: &str = "aether_pool_takes_total";
/// Sandboxes built (label `outcome`: `hit` when a network namespace was ready, `miss` when one had to be waited for or made).
pub const NETWORK_TAKES: &str = "aether_network_pool_takes_total";
const POOL_READY: &str = "aether_pool_ready";
const POOL_SIZE: &str = "aether_pool_size";
const AGENTS: &str = "aether_agents";
const ACTIVE: &str = "aether_agents_active";
const EVENTS: &str = "aether_events_emitted_total";
const SOCKETS: &str = "aether_websocket_connections";
const DENIED: &str = "aether_requests_denied_total";
const MEMORY: &str = "aether_process_resident_memory_bytes";
const DESCRIPTORS: &str = "aether_process_open_fds";
const UPTIME: &str = "aether_uptime_seconds";
const CHANGE_SECONDS: &str = "aether_store_change_seconds";
const COMMIT_SECONDS: &str = "aether_store_commit_seconds";
const UPKEEP: Duration = Duration::from_secs(30);

const STATES: [AgentState; 8] = [
    AgentState::Queued,
    AgentState::Created,
    AgentState::Running,
    AgentState::Sleeping,
    AgentState::Stopped,
    AgentState::Paused,
    AgentState::Zombie,
    AgentState::Dead,
];

/// The process-wide recorder.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder once; later calls share it.
    pub fn install() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        Self(HANDLE.get_or_init(install).clone())
    }

    /// Everything, sampled now.
    pub async fn render(&self, fleet: &Fleet) -> String {
        let filter = ListFilter { all: true, ..ListFilter::default() };
        let (agents, _) = fleet.list(&filter);
        for state in STATES {
            let number = agents.iter().filter(|agent| agent.state == state).count();
            gauge!(AGENTS, "state" => format!("{state:?}").to_lowercase()).set(number as f64);
        }
        gauge!(ACTIVE).set(agents.iter().filter(|agent| agent.state.is_live()).count() as f64);
        let (ready, size) = fleet.pool();
        gauge!(POOL_READY).set(ready as f64);
        gauge!(POOL_SIZE).set(size as f64);
        counter!(EVENTS).absolute(fleet.events().newest().await);
        gauge!(UPTIME).set(fleet.uptime() as f64);
        if let Some(bytes) = resident_bytes() {
            gauge!(MEMORY).set(bytes as f64);
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // The directory being read is one of them.
            gauge!(DESCRIPTORS).set(open.count().saturating_sub(1) as f64);
        }
        let mut text = self.0.render();
        let timings = fleet.store_timings();
        append(
            &mut text,
            CHANGE_SECONDS,
            "Seconds from a change of the state until whoever asked for it was told.",
            &timings.change,
        );
        append(&mut text, COMMIT_SECONDS, "Seconds of one commit of the changes that waited together.", &timings.commit);
        text
    }
}

/// A histogram that is counted in the store, as Prometheus reads it.
fn append(text: &mut String, name: &str, help: &str, histogram: &Histogram) {
    let now = histogram.now();
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} histogram\n"));
    for (bound, count) in now.at_most {
        text.push_str(&format!("{name}_bucket{{le=\"{bound}\"}} {count}\n"));
    }
    text.push_str(&format!("{name}_bucket{{le=\"+Inf\"}} {0}\n{name}_sum {1}\n{name}_count {0}\n\n", now.count, now.sum));
}

/// Counts a refused request.
pub fn count_denied(code: ErrorCode) {
    counter!(DENIED, "code" => format!("{code:?}").to_lowercase()).increment(1);
}

/// Counts an open WebSocket until it is dropped.
#[derive(Debug)]
pub struct OpenSocket(&'static str);

impl OpenSocket {
    /// One more on `path`.
    pub fn new(path: &'static str) -> Self {
        gauge!(SOCKETS, "path" => path).increment(1.0);
        Self(path)
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        gauge!(SOCKETS, "path" => self.0).decrement(1.0);
    }
}

/// Folds samples together from time to time, so that they do not pile up while nobody scrapes.
pub async fn upkeep(state: ApiState) {
    let mut tick = tokio::time::interval(UPKEEP);
    loop {
        tick.tick().await;
        state.0.metrics.0.run_upkeep();
    }
}

fn install() -> PrometheusHandle {
    let buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Full(LAUNCH_SECONDS.to_owned()), &buckets);
    let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
    let handle = recorder.handle();
    if let Err(error) = metrics::set_global_recorder(recorder) {
        tracing::warn!(%error, "another recorder of metrics is installed already");
    }
    describe_counter!(LAUNCHES, "Sandboxes launched.");
    describe_histogram!(LAUNCH_SECONDS, "Seconds from the decision to launch until init was ready.");
    describe_counter!(POOL_TAKES, "Agents that could be given a sandbox built ahead, by whether one was ready.");
    describe_counter!(NETWORK_TAKES, "Sandboxes built, by whether a network namespace was ready.");
    describe_gauge!(POOL_READY, "Sandboxes built ahead that wait for their agent.");
    describe_gauge!(POOL_SIZE, "Sandboxes that are kept ready, as configured.");
    describe_gauge!(AGENTS, "Agents by state.");
    describe_gauge!(ACTIVE, "Agents that have a sandbox.");
    describe_counter!(EVENTS, "Durable events since the first start.");
    describe_gauge!(SOCKETS, "Open WebSockets.");
    describe_counter!(DENIED, "Requests refused for who sent them or from where.");
    describe_gauge!(MEMORY, "Resident memory of aetherd.");
    describe_gauge!(DESCRIPTORS, "Open descriptors of aetherd.");
    describe_gauge!(UPTIME, "Seconds since start.");
    handle
}

fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
