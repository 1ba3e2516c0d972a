//! The compatibility corpus: real jobs that run outside, as an ordinary user of the host, and inside, in an agent, and must not
//! notice the difference.
//!
//! A job is a directory of `tests/corpus` with a script `job.sh`, run by `sh` in its own directory with the same environment in
//! both places. Exit status, output, and the files it puts into `$OUT` are compared. Where inside has to differ, `why.txt` has
//! the reason, one line, and `inside.txt` the whole output that is expected there.

pub mod decisions;
pub mod denials;
mod inside;
mod outside;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{Daemon, Outcome};
use denials::{Denial, Observer};

pub use report::{denial_table, difference_table, splice};

/// How long one job may take on a small, busy machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Home of the agent; outside, another directory is mounted there.
const HOME: &str = "/home/agent";

/// Starts a job with nothing of the caller's environment. Its name is what the observer knows the job by.
const BEGIN: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 125
job="$(basename "$PWD")"
mkdir -p "$HOME/out/$job" || exit 125
exec env -i HOME="$HOME" OUT="$HOME/out/$job" USER=agent LOGNAME=agent SHELL=/bin/bash TERM=xterm LANG=C.UTF-8 \
  PATH=/opt/rust/bin:/opt/node/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin CARGO_NET_OFFLINE=true timeout -k 5 200 sh job.sh 2>&1
"#;

/// Where a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On the host, as an ordinary user.
    Outside,
    /// In an agent.
    Inside,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::Inside => "inside",
        }
    }
}

/// One job of the corpus.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name of its directory.
    pub name: String,
    /// Reason and expected output, when inside has to differ.
    pub difference: Option<Difference>,
}

/// A difference that is meant.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Why.
    pub why: String,
    /// Output inside, with a last line `exit STATUS`.
    pub inside: String,
}

/// What a job came to in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Result {
    /// Output, with a last line `exit STATUS`.
    pub transcript: String,
    /// What it left in `$OUT`: path, and content or target.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Wall-clock time.
    pub took: Duration,
}

/// The whole corpus, run in both places.
pub struct Run {
    /// The jobs, by name.
    pub jobs: Vec<Job>,
    /// Results by place and name of the job.
    pub results: BTreeMap<(Place, String), Result>,
    /// What was denied inside and not outside.
    pub denials: BTreeSet<Denial>,
}

/// The directory of the corpus.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Every job, by name; `AETHER_JOBS` (names, separated by spaces) chooses some.
///
/// # Panics
/// When the corpus cannot be read.
pub fn jobs() -> Vec<Job> {
    let chosen = std::env::var("AETHER_JOBS").unwrap_or_default();
    let chosen: Vec<&str> = chosen.split_whitespace().collect();
    let mut jobs: Vec<Job> = fs::read_dir(directory())
        .expect("tests/corpus")
        .flatten()
        .filter(|entry| entry.path().join("job.sh").is_file())
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .filter(|name| chosen.is_empty() || chosen.contains(&name.as_str()))
        .map(|name| Job { difference: difference(&directory().join(&name)), name })
        .collect();
    jobs.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!jobs.is_empty(), "no job of that name in {}", directory().display());
    jobs
}

fn difference(job: &Path) -> Option<Difference> {
    let why = fs::read_to_string(job.join("why.txt")).ok()?;
    let inside = fs::read_to_string(job.join("inside.txt")).unwrap_or_default();
    Some(Difference { why: why.trim().to_owned(), inside })
}

/// Runs the corpus in both places at the same time, each job after the other, under observation.
///
/// # Panics
/// When the host cannot do it: no root, no tracefs, a program of the harness is missing.
pub fn run() -> Run {
    let jobs = jobs();
    let daemon = Daemon::start();
    let observer = Observer::start(&daemon.scratch().join("tracing"));
    let mark = format!("{}", std::process::id());
    let mut results = BTreeMap::new();
    thread::scope(|scope| {
        let scratch = daemon.scratch();
        let (jobs, mark) = (&jobs, &mark);
        let outside = scope.spawn(move || outside::run(jobs, scratch, mark));
        let inside = inside::run(jobs, &daemon, mark);
        results.extend(inside.into_iter().map(|(name, result)| ((Place::Inside, name), result)));
        let outside = outside.join().expect("the jobs outside");
        results.extend(outside.into_iter().map(|(name, result)| ((Place::Outside, name), result)));
    });
    let seen = observer.end(&mark);
    Run { jobs, results, denials: denials::only_inside(&seen) }
}

/// Copies the jobs to a directory, with the file that starts each.
fn stage(jobs: &[Job], target: &Path, place: Place, mark: &str) {
    for job in jobs {
        let to = target.join(&job.name);
        copy(&directory().join(&job.name), &to).unwrap_or_else(|error| panic!("copy {}: {error}", to.display()));
        let begin = to.join(begin_name(place, mark));
        fs::write(&begin, BEGIN).expect("write the start of a job");
        fs::set_permissions(&begin, fs::Permissions::from_mode(0o755)).expect("chmod");
    }
}

fn begin_name(place: Place, mark: &str) -> String {
    format!("begin-{}-{mark}", place.name())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { fs::copy(entry.path(), target).map(drop)? }
    }
    Ok(())
}

fn transcript(outcome: &Outcome) -> String {
    let mut text: String = outcome.text().lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if !outcome.stderr.trim().is_empty() {
        text.push_str(&format!("on standard error: {}\n", outcome.stderr.trim()));
    }
    text.push_str(&format!("exit {}\n", outcome.code));
    text
}

fn result(start: Instant, outcome: &Outcome) -> Result {
    Result { transcript: transcript(outcome), files: BTreeMap::new(), took: start.elapsed() }
}

/// The files below a directory: path, and content (of a link: where it leads).
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut queue = vec![dir.to_owned()];
    while let Some(next) = queue.pop() {
        for path in fs::read_dir(&next).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = path.strip_prefix(dir).expect("below").display().to_string();
            if path.is_symlink() {
                found.insert(name, fs::read_link(&path).expect("a link").display().to_string().into_bytes());
            } else if path.is_dir() {
                queue.push(path);
            } else {
                found.insert(name, fs::read(&path).unwrap_or_else(|error| format!("unreadable: {error}").into_bytes()));
            }
        }
    }
    found
}

/// What is wrong with a job, in words; nothing when it ended as it must in both places.
pub fn complaint(job: &Job, outside: &Result, inside: &Result) -> Option<String> {
    let mut wrong = Vec::new();
    let same = outside.transcript == inside.transcript;
    match &job.difference {
        None if !outside.transcript.ends_with("\nexit 0\n") => {
            wrong.push("it fails outside: the host or the job is wrong".to_owned())
        }
        None if !same => wrong.push("its output differs".to_owned()),
        Some(_) if same => wrong.push("it does not differ any more: remove inside.txt and why.txt".to_owned()),
        Some(difference) if difference.inside != inside.transcript => {
            wrong.push(format!("inside is not as expected\n--- expected\n{}", difference.inside));
        }
        _ => {}
    }
    for name in outside.files.keys().chain(inside.files.keys()).collect::<BTreeSet<_>>() {
        if outside.files.get(name) != inside.files.get(name) {
            let size =
                |result: &Result| result.files.get(name).map_or("none".to_owned(), |bytes| format!("{} bytes", bytes.len()));
            wrong.push(format!("file {name}: {} outside, {} inside, not the same", size(outside), size(inside)));
        }
    }
    if wrong.is_empty() {
        return None;
    }
    Some(format!("== {}: {}\n--- outside\n{}--- inside\n{}", job.name, wrong.join("; "), outside.transcript, inside.transcript))
}
