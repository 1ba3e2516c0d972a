//! The service and its host, for people: status, figures, and what the host lacks.

use std::fs;

use aether_doctor::{Host, Measured, Service, Subject};
use aether_protocol::{DoctorReport, SystemStatus, event::KernelMetrics};
use nix::sys::statvfs::statvfs;

use super::{
    Fleet,
    core::{Core, lock},
};

impl Fleet {
    /// How long changes of the state have taken.
    pub fn store_timings(&self) -> &aether_store::Timings {
        self.core.store.timings()
    }
}

/// The service and its host.
pub(crate) fn status(core: &Core) -> SystemStatus {
    let (live, queued, ended) = {
        let registry = core.registry();
        (registry.live(), registry.waiting(), registry.ended())
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (disk_total_bytes, disk_free_bytes) =
        statvfs(&core.state).map_or((0, 0), |fs| (fs.blocks() * fs.fragment_size(), fs.blocks_available() * fs.fragment_size()));
    let memory = text("/proc/meminfo");
    SystemStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: core.uptime(),
        started_at: core.started_at.clone(),
        hostname: text("/proc/sys/kernel/hostname").trim().to_owned(),
        kernel: core.host.kernel.clone(),
        live: count(live),
        queued: count(queued),
        ended: count(ended),
        max_concurrent: core.config.get().agents.max_concurrent,
        cpus: std::thread::available_parallelism().map_or(1, |n| count(n.get())),
        load: load(&text("/proc/loadavg")),
        memory_total_bytes: meminfo(&memory, "MemTotal:"),
        memory_available_bytes: meminfo(&memory, "MemAvailable:"),
        disk_total_bytes,
        disk_free_bytes,
        providers: core.providers.status(),
    }
}

/// The newest samples of all live agents.
pub(crate) fn metrics(core: &Core) -> KernelMetrics {
    let ids: Vec<_> = lock(&core.live).keys().cloned().collect();
    let registry = core.registry();
    let mut metrics = KernelMetrics { process_count: 0, cpus: 0.0, memory_bytes: 0, agents: Vec::with_capacity(ids.len()) };
    for info in ids.iter().filter_map(|id| registry.get(id)).map(|entry| &entry.info) {
        metrics.process_count += 1;
        let usage = info.usage.clone().unwrap_or_default();
        metrics.cpus += usage.cpus;
        metrics.memory_bytes += usage.memory_bytes;
        metrics.agents.push((info.number, usage.cpus, usage.memory_bytes));
    }
    metrics
}

/// Devices. Asking a driver may take a while, so it is asked beside the runtime.
pub(crate) async fn gpus() -> Vec<aether_gpu::Gpu> {
    let found = tokio::task::spawn_blocking(aether_gpu::discover).await;
    match found {
        Ok(Ok(gpus)) => gpus,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no GPUs");
            Vec::new()
        }
        Err(error) => {
            tracing::warn!(%error, "looking for GPUs failed");
            Vec::new()
        }
    }
}

/// What the host can do, and the settings around it that weaken it. The spawner measured the one at its start; the other is read now.
pub(crate) fn doctor(core: &Core) -> DoctorReport {
    aether_doctor::examine(&Subject {
        host: Host::here(),
        state: &core.state,
        measured: Measured::from(&core.host),
        service: Service::Asking(env!("CARGO_PKG_VERSION").to_owned()),
    })
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn load(text: &str) -> [f64; 3] {
    let mut parts = text.split_whitespace().map(|part| part.parse().unwrap_or(0.0));
    std::array::from_fn(|_| parts.next().unwrap_or(0.0))
}

fn meminfo(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        assert_eq!(meminfo("MemTotal:       16 kB\nMemAvailable:    8 kB\n", "MemAvailable:"), 8192);
        assert_eq!(load("0.50 1.25 2.00 1/100 7\n"), [0.5, 1.25, 2.0]);
    }
}
