//! What this host can do, asked without a service: in a process of its own, with mounts of its own, that leaves nothing behind.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write as _},
    os::unix::{fs::DirBuilderExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{SigSet, SigmaskHow, Signal},
    unistd::geteuid,
};

use super::{SpawnerConfig, home, mounts::Stage, netns, probe};
use crate::{
    host::{Feature, FileSystems, Survey},
    sys::task::{ignore_signal, set_securebits},
};

/// First argument that makes a program the one that tries this host out. Only [`survey`] gives it.
pub const SURVEY_ARGUMENT: &str = "__survey";

const STATE_FIX: &str = "run it where the state directory can be written, as the service will (aether doctor --state DIR)";

/// Tries this host out as the spawner does at its start, but for the cgroups: those depend on where a service is started, and
/// trying them would change the caller's. `state` is the state directory, or where it will be made.
///
/// As root a directory beside the state is made and removed again. An ordinary user learns what the kernel says to everybody.
///
/// # Errors
/// Those of starting a process; an answer that is none.
pub fn survey(state: &Path) -> io::Result<Survey> {
    let scratch = if geteuid().is_root() { Some(Scratch::beside(state)) } else { None };
    let mut command = Command::new("/proc/self/exe");
    command.arg0("aether-survey").arg(SURVEY_ARGUMENT);
    if let Some(Ok(scratch)) = &scratch {
        command.arg(&scratch.path);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).env_clear().current_dir("/").output()?;
    let mut survey: Survey = postcard::from_bytes(&output.stdout)
        .map_err(|_| io::Error::other(format!("the process that tries the host out gave no answer ({})", output.status)))?;
    if let Some(Err(error)) = scratch {
        survey.file_systems = Some(untried(&format!("cannot make a directory below {}: {error}", state.display())));
    }
    Ok(survey)
}

/// The whole life of the process that [`survey`] starts. Returns its exit status.
pub fn survey_main() -> i32 {
    // Children that are tried out are reaped by the kernel.
    ignore_signal(libc::SIGCHLD);
    let scratch = std::env::args_os().nth(2).map(PathBuf::from);
    let mut survey = Survey {
        landlock: probe::landlock().1,
        user_namespaces: geteuid().is_root().then(probe::namespaces),
        seccomp: probe::seccomp(),
        system_calls: probe::system_calls(),
        relay: None,
        file_systems: scratch.map(|scratch| match file_systems(scratch) {
            Ok(found) => found,
            Err(error) => untried(&format!("cannot make mounts as the spawner does: {error}")),
        }),
    };
    // Last: it leaves this process in another network namespace.
    survey.relay = geteuid().is_root().then(netns::survey);
    let written = postcard::to_stdvec(&survey).map_err(io::Error::other).and_then(|bytes| io::stdout().write_all(&bytes));
    match written {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("aether-survey: {error}");
            1
        }
    }
}

fn file_systems(state: PathBuf) -> io::Result<FileSystems> {
    set_securebits(super::serve::NO_SETUID_FIXUP)?;
    let config = SpawnerConfig {
        sockets: state.clone(),
        base_root: state.join("base/root"),
        base_home: state.join("base/home"),
        init: PathBuf::new(),
        networks: 8,
        volume: super::VolumeSize::None,
        service_uid: 0,
        service_gid: 0,
        cgroup_name: String::new(),
        cgroup_root: None,
        state,
    };
    let stage = Stage::enter(&config)?;
    home::prepare()?;
    Ok(probe::file_systems(&stage))
}

fn untried(why: &str) -> FileSystems {
    let feature = Feature::no(why, STATE_FIX);
    FileSystems { idmapped_state: feature.clone(), idmapped_usr: feature.clone(), overlay: feature }
}

/// A state directory for one survey; dropping it removes it. Until then the calling thread is not ended by the signals that people
/// send: the process that tries the host out is, and with its end the survey.
struct Scratch {
    path: PathBuf,
    signals: SigSet,
}

impl Scratch {
    /// On the file system of `state`: in it, or in what exists of the way to it.
    fn beside(state: &Path) -> io::Result<Self> {
        let nearest = state.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
        let path = nearest.canonicalize()?.join(format!(".aether-survey-{}", std::process::id()));
        let mut private = DirBuilder::new();
        private.mode(0o700);
        // Must be new: what somebody else has put there is not ours to use or to remove.
        let held: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
        let signals = held.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        if let Err(error) = private.create(&path) {
            signals.thread_set_mask()?;
            return Err(error);
        }
        let scratch = Self { path, signals };
        private.recursive(true);
        for dir in ["base/root/etc", "base/home"] {
            private.create(scratch.path.join(dir))?;
        }
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("warning: cannot remove {}: {error}", self.path.display());
        }
        // A signal that came meanwhile ends the program here.
        let _ = self.signals.thread_set_mask();
    }
}
