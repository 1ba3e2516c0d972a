//! The corpus in an agent, through the `aether` command as a person would.

use std::{collections::BTreeMap, time::Instant};

use super::{HOME, Job, LIMIT, Place, Result, begin_name, files, outside, result, stage};
use crate::Daemon;

/// Runs the jobs one after the other in one agent.
pub(super) fn run(jobs: &[Job], daemon: &Daemon, mark: &str) -> BTreeMap<String, Result> {
    let source = daemon.scratch().join("jobs");
    stage(jobs, &source, Place::Inside, mark);
    let mut idle: Vec<String> = ["run", "-d", "--name", "corpus", "--memory", "3G"].map(str::to_owned).to_vec();
    for (host, inside) in outside::lent() {
        idle.extend(["--mount".to_owned(), format!("{}:{inside}:ro", host.display())]);
    }
    idle.extend(["--", "sleep", "3600"].map(str::to_owned));
    daemon.aether(idle).ok();
    let place = format!("{HOME}/Projects/corpus");
    daemon.aether(["cp", source.to_str().expect("UTF-8"), &format!("corpus:{place}")]).ok();

    let mut results = BTreeMap::new();
    for job in jobs {
        let begin = format!("{place}/{}/{}", job.name, begin_name(Place::Inside, mark));
        let start = Instant::now();
        let outcome = daemon.aether_with(["exec", "corpus", "--", &begin], b"", LIMIT);
        results.insert(job.name.clone(), result(start, &outcome));
    }
    let made = daemon.scratch().join("made");
    daemon.aether_with(["cp", &format!("corpus:{HOME}/out"), made.to_str().expect("UTF-8")], b"", LIMIT).ok();
    for (name, result) in &mut results {
        result.files = files(&made.join(name));
    }
    daemon.aether(["kill", "corpus"]).ok();
    results
}
