//! The machine under the figures.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::sys::resource::{Resource, getrlimit};

/// The average number of running processes over the last minute (`/proc/loadavg`).
pub(crate) fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}

/// Processor, memory, kernel and cgroup layout in a sentence.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("an unknown CPU", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let count = info.lines().filter(|line| line.starts_with("processor")).count();
    let layout = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { "pure cgroup v2" } else { "hybrid cgroups" };
    let memory = read("/proc/meminfo").split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 20;
    let machine = if info.contains(" hypervisor") { " in a virtual machine" } else { "" };
    let release = read("/proc/sys/kernel/osrelease");
    // What follows the numbers names who built it.
    let kernel = release.trim().split('-').next().unwrap_or_default();
    format!("{count} × {model}{machine}, {memory} GiB of memory, Linux {kernel}, {layout}.")
}

/// One small write that waits for the disk that `dir` lies on.
pub(crate) fn sync(dir: &Path) -> Result<Duration> {
    let path = dir.join("sync");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    file.write_all_at(&[7; 4096], 0)?;
    let start = Instant::now();
    file.sync_data()?;
    Ok(start.elapsed())
}

/// A field of /proc/PID/status that counts kibibytes, in MiB.
pub(crate) fn memory(pid: u32, field: &str) -> f64 {
    let status = aether_tests::proc::status(pid).unwrap_or_default();
    let kibibytes = status.get(field).and_then(|value| value.split(' ').next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(f64::NAN) / 1024.0
}

/// Descriptors that a process of this host may have: the hard limit.
pub(crate) fn most_descriptors() -> Result<f64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(f64::from(u32::try_from(hard).unwrap_or(u32::MAX)))
}

/// Descriptors that a process has.
pub(crate) fn descriptors(pid: u32) -> Result<f64> {
    let count = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    Ok(f64::from(u32::try_from(count)?))
}

/// CPU time that a process has used, seconds.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect());
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Memory that the kernel can still give, MiB.
pub(crate) fn available() -> f64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// Processor time that the whole machine has used, seconds (`/proc/stat`, without what nobody used and what waited for a disk).
pub(crate) fn busy_seconds() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks = line.split_whitespace().skip(1).map(|field| field.parse::<f64>().unwrap_or(0.0));
    // user nice system idle iowait irq softirq steal (proc_stat(5)); guest times are in user already.
    ticks.take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, ticks)| ticks).sum::<f64>() / 100.0
}
