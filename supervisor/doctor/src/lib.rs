//! What a host offers to agents, and what to do about what it lacks: the checks of `aether doctor`.
//!
//! Every check is two halves: facts, read from [`Host`] (a directory that holds `/proc`, `/sys` and `/etc`, so that a test can
//! lay out a host it does not have), and a judgement, which is a pure function of the facts. What can only be found out by
//! trying is measured by the spawner at its start, or by [`aether_sandbox::spawner::survey`] while there is none.
//!
//! Nothing here writes, listens or waits.

#![forbid(unsafe_code)]

mod checks;
mod finding;
mod host;
mod mounts;

use std::{io, path::Path};

use aether_protocol::{DoctorReport, FindingStatus};
use aether_sandbox::{
    host::{Feature, HostSupport, Survey},
    spawner,
};

pub use aether_sandbox::spawner::{SURVEY_ARGUMENT, survey_main};
pub use host::Host;

/// Who asks, and what is known already.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The host.
    pub host: Host,
    /// The state directory, or where it will be.
    pub state: &'a Path,
    /// What was found out by trying.
    pub measured: Measured,
    /// The daemon.
    pub service: Service,
}

/// The daemon, as the one who asks knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// It asks itself; its version.
    Asking(String),
    /// It does not answer.
    Absent {
        /// Why, in words.
        cause: String,
        /// What to do.
        hint: String,
    },
}

/// What was found out by trying; `None` was not tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// See [`HostSupport::landlock`], and so on.
    pub landlock: Option<Feature>,
    /// User and other namespaces.
    pub user_namespaces: Option<Feature>,
    /// Seccomp filters.
    pub seccomp: Option<Feature>,
    /// Other system calls.
    pub system_calls: Option<Feature>,
    /// Idmapped mounts of the state.
    pub idmapped_state: Option<Feature>,
    /// Idmapped mounts of `/usr`.
    pub idmapped_usr: Option<Feature>,
    /// The overlay of a home.
    pub overlay: Option<Feature>,
    /// Limits of the space of homes.
    pub disk: Option<Feature>,
    /// Relaying of connections to every address.
    pub relay: Option<Feature>,
    /// Placement of agents.
    pub cgroup: Option<Feature>,
    /// Limit of memory.
    pub memory: Option<Feature>,
    /// Limit of processes.
    pub pids: Option<Feature>,
    /// Limit of CPUs.
    pub cpu: Option<Feature>,
}

impl Measured {
    /// Tries this host out now, in a process that the caller's own program becomes when its first argument is [`SURVEY_ARGUMENT`]
    /// (it has to call [`survey_main`] then). As root everything but the cgroups, else what the kernel tells everybody. A directory
    /// is made where `state` is or will be, and removed again.
    ///
    /// # Errors
    /// Those of starting a process; an answer that is none.
    pub fn now(state: &Path) -> io::Result<Self> {
        spawner::survey(state).map(Self::from)
    }
}

impl From<&HostSupport> for Measured {
    fn from(host: &HostSupport) -> Self {
        let tried = |feature: &Feature| Some(feature.clone());
        Self {
            landlock: tried(&host.landlock),
            user_namespaces: tried(&host.user_namespaces),
            seccomp: tried(&host.seccomp),
            system_calls: tried(&host.system_calls),
            idmapped_state: tried(&host.idmapped_state),
            idmapped_usr: tried(&host.idmapped_usr),
            overlay: tried(&host.overlay),
            disk: tried(&host.disk),
            relay: tried(&host.relay),
            cgroup: tried(&host.cgroup),
            memory: tried(&host.memory),
            pids: tried(&host.pids),
            cpu: tried(&host.cpu),
        }
    }
}

impl From<Survey> for Measured {
    fn from(survey: Survey) -> Self {
        let (idmapped_state, idmapped_usr, overlay) = match survey.file_systems {
            Some(found) => (Some(found.idmapped_state), Some(found.idmapped_usr), Some(found.overlay)),
            None => (None, None, None),
        };
        Self {
            landlock: Some(survey.landlock),
            user_namespaces: survey.user_namespaces,
            seccomp: Some(survey.seccomp),
            system_calls: Some(survey.system_calls),
            relay: survey.relay,
            idmapped_state,
            idmapped_usr,
            overlay,
            ..Self::default()
        }
    }
}

/// Looks at everything.
pub fn examine(subject: &Subject<'_>) -> DoctorReport {
    let mut findings = checks::all(subject);
    // Stable: within a group they stay in the order of the checks.
    findings.sort_by_key(|finding| finding.group);
    DoctorReport { findings }
}

/// The daemon's answer, with what it was not able to look at filled in from what the caller sees: a daemon without privileges may not
/// read everything, but what it measured holds for its agents.
pub fn merge(service: DoctorReport, caller: DoctorReport) -> DoctorReport {
    let fill = |finding: aether_protocol::Finding| {
        let seen = || caller.findings.iter().find(|other| other.name == finding.name);
        match finding.status {
            FindingStatus::Skipped => seen().cloned().unwrap_or(finding),
            _ => finding,
        }
    };
    DoctorReport { findings: service.findings.into_iter().map(fill).collect() }
}
