//! The host before and after: an attack that was refused and changed something all the same has succeeded.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{bench::Bench, surroundings};

const KNOBS: [&str; 8] = [
    "kernel/core_pattern",
    "kernel/modprobe",
    "kernel/sysrq",
    "kernel/hostname",
    "kernel/domainname",
    "kernel/randomize_va_space",
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
];

const DESCRIPTORS: &str = "spawner's descriptors";
/// How long the spawner may take until it rests.
const SETTLES: Duration = Duration::from_secs(20);

/// What must stay as it is, by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(BTreeMap<String, String>);

impl Fingerprint {
    /// Takes it when the spawner rests, and sees to it that it did so meanwhile: what it makes up for, and what it has for a moment, may
    /// be the same number.
    pub(crate) fn at_rest(bench: &Bench) -> Result<Self> {
        let since = Instant::now();
        loop {
            bench.rest()?;
            let taken = Self::take(bench)?;
            match bench.rest_is(descriptors(bench.spawner_pid())) && bench.rest_is(taken.0[DESCRIPTORS].parse()?) {
                true => return Ok(taken),
                false => ensure!(since.elapsed() < SETTLES, "the spawner does not rest"),
            }
        }
    }

    fn take(bench: &Bench) -> Result<Self> {
        let mut facts = BTreeMap::new();
        for knob in KNOBS {
            facts.insert(knob.to_owned(), fs::read_to_string(Path::new("/proc/sys").join(knob)).unwrap_or_default());
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let ours = bench.directory.to_string_lossy();
        // Mounts of other programs in temporary directories come and go.
        let mounts =
            mounts.lines().filter(|line| line.contains(&*ours) || !line.contains("/tmp/")).collect::<Vec<_>>().join("\n");
        facts.insert("mounts".into(), mounts);
        facts.insert("canary".into(), fs::read_to_string(bench.directory.join("canary"))?);
        facts.insert(DESCRIPTORS.into(), descriptors(bench.spawner_pid()).to_string());
        facts.insert("spawner's threads".into(), surroundings::status(bench.spawner_pid(), "Threads"));
        for (name, pid) in [("spawner's namespaces", bench.spawner_pid()), ("suite's namespaces", std::process::id())] {
            facts.insert(name.into(), surroundings::namespaces(pid));
        }
        facts.insert("agents in namespaces of the host".into(), surroundings::agents_outside()?);
        facts.insert("sockets of agents".into(), surroundings::sockets_of_agents()?);
        facts.insert("keys".into(), surroundings::keys()?);
        facts.insert("suite".into(), stamp(Path::new("/proc/self/exe"))?);
        facts.insert("os-release".into(), stamp(Path::new("/usr/lib/os-release"))?);
        tree(&bench.state.join("base"), &mut facts)?;
        Ok(Self(facts))
    }

    /// Whether the host is like that again. The spawner makes up in its own time for the network namespace that a sandbox took: what
    /// differs is looked at again for a while, and a change stays one.
    pub(crate) fn is_again(&self, bench: &Bench) -> Result<()> {
        let since = Instant::now();
        loop {
            match self.same(&Self::take(bench)?) {
                Err(_) if since.elapsed() < SETTLES => thread::sleep(Duration::from_millis(20)),
                result => return result,
            }
        }
    }

    fn same(&self, later: &Self) -> Result<()> {
        let changed: Vec<_> =
            self.0.iter().filter(|(name, value)| later.0.get(*name) != Some(value)).map(|(name, _)| name).collect();
        let new: Vec<_> = later.0.keys().filter(|name| !self.0.contains_key(*name)).collect();
        ensure!(changed.is_empty() && new.is_empty(), "the host changed: {changed:?} {new:?}");
        Ok(())
    }
}

/// How many descriptors the spawner has. The process that empties removed homes comes and goes in its own time, so one pidfd of it is not
/// counted: of a process that has ended, or that still has the spawner's name. A second one is a leak.
pub(crate) fn descriptors(pid: u32) -> usize {
    let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    let numbers: Vec<_> =
        fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    let empties = |number: &OsString| {
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", number.to_string_lossy())).unwrap_or_default();
        let process = info.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
        process.is_some_and(|process| process == "-1" || name(process).is_some_and(|other| Some(other) == name(&pid.to_string())))
    };
    numbers.len() - usize::from(numbers.iter().any(empties))
}

fn stamp(path: &Path) -> Result<String> {
    let data = fs::metadata(path)?;
    Ok(format!("{} {} {}.{}", data.ino(), data.len(), data.mtime(), data.mtime_nsec()))
}

/// Owner, mode, size and change of every file of the base.
fn tree(directory: &Path, facts: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // The one file that the weakened sandboxes may change: an attempt truncates it.
        if entry.file_name() == "boundary-empty" {
            continue;
        }
        let data = entry.path().symlink_metadata()?;
        let fact =
            format!("{} {:o} {} {}.{}", data.uid(), data.permissions().mode(), data.len(), data.mtime(), data.mtime_nsec());
        if data.is_dir() {
            tree(&entry.path(), facts)?;
        }
        // Directories change when a test makes and removes a file in the base on purpose; the files tell the rest.
        let fact = if data.is_dir() { format!("{} {:o}", data.uid(), data.permissions().mode()) } else { fact };
        facts.insert(entry.path().to_string_lossy().into_owned(), fact);
    }
    Ok(())
}
