//! Whose rights `aether-init` uses for what.
//!
//! In a sandbox it runs as a user of its own, so that the agent may neither trace it nor change its limits or its scheduling.
//! Files and terminals are the agent's: its file-system ids are. What it starts becomes the agent by the saved ids
//! (setresuid(2) lets anybody take those), so that no capability is left once [`Identity::take`] has returned. Until then it
//! holds CAP_SETUID and CAP_SETGID inside its user namespace; no code of the agent runs before the first request.
//!
//! Under the profile `packages` the agent is uid 0 with a few capabilities in its user namespace. An exec gains nothing under
//! `no_new_privs`, so init keeps these as its permitted set, to hand them on; those about files are in effect, because its
//! file-system ids are 0 (capabilities(7)). Which profile it is, the bounding set says: nobody but the spawner could fill it.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use nix::unistd::{Gid, Uid, getpid, getresgid, getresuid, getuid};

use crate::{
    plan::{AGENT_ID, INIT_ID, Profile},
    sys::{
        process::{self, set_group_ids, set_user_ids},
        task::{set_fs_ids, set_undumpable},
    },
};

/// Who init is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Process 1 of a sandbox, apart from the agent, whose uid and gid these are.
    Apart(u32),
    /// An ordinary process outside any sandbox: what it starts is whoever started it.
    Ordinary,
}

/// Why init ends instead of serving: the step and its error.
pub(super) type Refusal = (&'static str, io::Error);

impl Identity {
    /// Becomes what init has to be and gives every capability up. To be called before anything of the agent is touched.
    ///
    /// Process 1 of a namespace is never ordinary: it has init's user and no capability afterwards, or this fails.
    pub(super) fn take() -> Result<Self, Refusal> {
        if getuid().as_raw() == INIT_ID {
            let (agent, kept) = agent_of_profile().map_err(|error| ("find the agent's user", error))?;
            become_apart(agent)?;
            drop_capabilities(&kept).map_err(|error| ("give up the capabilities of init", error))?;
            return Ok(Self::Apart(agent));
        }
        if getpid().as_raw() == 1 {
            let error = io::Error::other(format!("it runs as uid {}, not {INIT_ID}", getuid()));
            return Err(("become the user of init", error));
        }
        Ok(Self::Ordinary)
    }

    /// As it was started, with what it was started with.
    #[cfg(feature = "weaken")]
    pub(super) fn as_started() -> Result<Self, Refusal> {
        if getuid().as_raw() != INIT_ID {
            return Ok(Self::Ordinary);
        }
        become_apart(AGENT_ID)?;
        Ok(Self::Apart(AGENT_ID))
    }

    /// Makes the calling child the agent for good. Between fork and exec: allocates nothing.
    pub(super) fn become_agent(self) -> io::Result<()> {
        let Self::Apart(agent) = self else { return Ok(()) };
        set_group_ids(Some(agent), Some(agent), Some(agent))?;
        set_user_ids(Some(agent), Some(agent), Some(agent))?;
        // A change of ids resets it to fs.suid_dumpable, and until the exec the memory is init's.
        set_undumpable()?;
        let (uid, gid) = (Uid::from_raw(agent), Gid::from_raw(agent));
        let (users, groups) = (getresuid()?, getresgid()?);
        let all =
            [users.real, users.effective, users.saved] == [uid; 3] && [groups.real, groups.effective, groups.saved] == [gid; 3];
        if all { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EPERM)) }
    }

    /// `kill(2)` with the agent's right to do so, which the effective id decides.
    ///
    /// For these few system calls the agent could set the scheduling of init (by its effective id), nothing more: its real id
    /// stays its own, so it can be neither traced nor limited. Done here and not in a child, because an agent that has used up its
    /// processes must still be reached.
    pub(super) fn kill(self, target: i32, signal: i32) -> io::Result<()> {
        let Self::Apart(agent) = self else { return process::kill(target, signal) };
        set_user_ids(None, Some(agent), None)?;
        let result = process::kill(target, signal);
        // The way back cannot fail: the id is the real one. Were it to, no sandbox is better than one whose init is its agent.
        if settle_ids(agent).is_err() {
            process::leave(1);
        }
        result
    }
}

/// Init's own real and effective ids, the agent's saved ones; file-system ids of the agent.
fn become_apart(agent: u32) -> Result<(), Refusal> {
    set_group_ids(Some(INIT_ID), Some(INIT_ID), Some(agent)).map_err(|error| ("keep the agent's group for programs", error))?;
    set_user_ids(Some(INIT_ID), Some(INIT_ID), Some(agent)).map_err(|error| ("keep the agent's user for programs", error))?;
    settle_ids(agent).map_err(|error| ("become the user of init", error))
}

/// What every change of the effective id changes along: the file-system ids follow it, and the process would become dumpable
/// where `fs.suid_dumpable` says so.
fn settle_ids(agent: u32) -> io::Result<()> {
    set_user_ids(None, Some(INIT_ID), None)?;
    set_fs_ids(agent, agent)?;
    set_undumpable()?;
    let (own, agent) = (Uid::from_raw(INIT_ID), Uid::from_raw(agent));
    let users = getresuid()?;
    let right = [users.real, users.effective, users.saved] == [own, own, agent];
    if right { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EPERM)) }
}

/// The agent's id, and the capabilities that are for it: none, or exactly those of a package manager.
fn agent_of_profile() -> io::Result<(u32, CapsHashSet)> {
    let bounding = caps::read(None, CapSet::Bounding).map_err(failed)?;
    if bounding.is_empty() {
        return Ok((AGENT_ID, bounding));
    }
    let bits = bounding.iter().fold(0, |set, capability| set | capability.bitmask());
    if bits == Profile::Packages.capabilities() {
        return Ok((Profile::Packages.agent_id(), bounding));
    }
    Err(io::Error::other(format!("the bounding set holds {bounding:?}, which no profile has")))
}

/// Keeps `kept` as permitted, those about files in effect, and nothing else; believes nothing: reads the sets back. (The
/// bounding set holds `kept` already, so nothing could be gained by an exec either.)
fn drop_capabilities(kept: &CapsHashSet) -> io::Result<()> {
    let files = [Capability::CAP_CHOWN, Capability::CAP_DAC_OVERRIDE, Capability::CAP_FOWNER, Capability::CAP_FSETID].into_iter();
    let files: CapsHashSet = files.filter(|capability| kept.contains(capability)).collect();
    let none = CapsHashSet::new();
    caps::clear(None, CapSet::Ambient).map_err(failed)?;
    for (set, wanted) in [(CapSet::Effective, &files), (CapSet::Inheritable, &none), (CapSet::Permitted, kept)] {
        caps::set(None, set, wanted).map_err(failed)?;
    }
    for (set, wanted) in [
        (CapSet::Ambient, &none),
        (CapSet::Effective, &files),
        (CapSet::Inheritable, &none),
        (CapSet::Permitted, kept),
        (CapSet::Bounding, kept),
    ] {
        let held = caps::read(None, set).map_err(failed)?;
        if held != *wanted {
            return Err(io::Error::other(format!("{set:?} holds {held:?}")));
        }
    }
    Ok(())
}

fn failed(error: caps::errors::CapsError) -> io::Error {
    io::Error::other(error.to_string())
}
