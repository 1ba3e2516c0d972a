//! RES: what would use the host up ends at the agent's own limit, and the agent can always be ended.

use std::{
    fs,
    time::{Duration, Instant},
};

use aether_sandbox::{spawner::weaken::Part, wire::spawner::SpawnerRequest};
use anyhow::{Result, ensure};

use super::Outcome;
use crate::{
    attack::Layer,
    bench::{Bench, PIPES},
    outside,
    report::Report,
};

const PROMISE: &str = "an agent hits its own limit and can always be ended";

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let program = bench.state.join("base/home/probes/res_limits");
    let cases: [(&str, &str, &[&str], Layer); 10] = [
        ("RES-01", "processes", &["EAGAIN"], Layer::Cgroup),
        ("RES-02", "memory", &["killed"], Layer::Cgroup),
        ("RES-02", "memfd", &["killed"], Layer::Cgroup),
        ("RES-03", "SCHED_FIFO", &["EPERM"], Layer::Namespaces),
        ("RES-03", "nice", &["EACCES", "EPERM"], Layer::Namespaces),
        ("RES-04", "descriptors", &["EMFILE"], Layer::Rlimits),
        ("RES-04", "raise-descriptors", &["EPERM"], Layer::Rlimits),
        ("RES-06", "inodes-of-run", &["ENOSPC"], Layer::Mounts),
        ("RES-11", "mlock", &["ENOMEM", "EPERM", "EAGAIN"], Layer::Rlimits),
        ("RES-08", "terminals", &["ENOSPC"], Layer::Mounts),
    ];
    for (id, attempt, refused, by) in cases {
        let of = |text: &str| text.strip_prefix(&format!("{attempt} ")).map_or("no answer", str::trim_end).to_owned();
        // Where the whole group is killed for memory, init goes with it, and its connection ends.
        let limited = bench.launch("limited", 64, &[])?.probe("res_limits", &[attempt], PIPES);
        let answer = limited.map_or_else(|_| "killed".to_owned(), |text| of(&text).replace("signal 9", "killed"));
        let inside = of(&bench.launch("generous", 65, &[Part::Cgroup])?.probe("res_limits", &[attempt], PIPES)?) == "through";
        let root = of(&outside::run(None, &program, &[attempt])?) == "through";
        let bounded = matches!(attempt, "descriptors" | "raise-descriptors" | "inodes-of-run" | "terminals");
        let outcome = Outcome {
            id,
            promise: PROMISE,
            attempt,
            answer,
            refused,
            by: &[by],
            control: if inside {
                "without the cgroup's limits"
            } else if root {
                "outside, as root"
            } else {
                "below the limit"
            },
            control_holds: inside || root || bounded,
            note: if bounded { "the same calls work up to the limit" } else { "" },
        };
        report.add(outcome.judge());
    }
    report.check("RES-13", "what ignores every signal and starts itself again is gone within 5 s", respawner(bench, false));
    report.check("RES-14", "a frozen agent is gone within 5 s", respawner(bench, true));
    Ok(())
}

fn respawner(bench: &Bench, frozen: bool) -> Result<()> {
    let mut sandbox = bench.launch("respawn", 66, &[])?;
    let process = sandbox.client.start(&["/home/agent/probes/res_respawn"], PIPES, "/tmp")?;
    sandbox.client.output(process, Some("settled"))?;
    if frozen {
        bench.ask(&SpawnerRequest::Freeze(sandbox.id.clone()))?;
    }
    let (start, pid) = (Instant::now(), sandbox.launched.pid);
    sandbox.end()?;
    // The cgroup is empty a moment before the last of its processes leaves /proc.
    let survivors = loop {
        let left = survivors(pid, &sandbox_uids(66));
        if left.is_empty() || start.elapsed() > Duration::from_secs(5) {
            break left;
        }
        std::thread::yield_now();
    };
    ensure!(survivors.is_empty(), "still there: {survivors:?}");
    ensure!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    Ok(())
}

/// PID 1 of the sandbox and whatever else has an id of its range.
fn survivors(init: u32, range: &std::ops::Range<u32>) -> Vec<String> {
    let named = |name: &str| name.parse().is_ok_and(|pid: u32| pid == init);
    let owned = |name: &str| {
        let status = fs::read_to_string(format!("/proc/{name}/status")).unwrap_or_default();
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next()?.parse().ok());
        uid.is_some_and(|uid: u32| range.contains(&uid))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| named(name) || owned(name)).collect()
}

fn sandbox_uids(slot: u32) -> std::ops::Range<u32> {
    let start = crate::bench::range(slot).map_or(0, aether_sandbox::plan::IdRange::start);
    start..start + aether_sandbox::plan::RANGE_SIZE
}
