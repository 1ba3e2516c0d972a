//! Whose rights `aether-init` uses for what.
//!
//! In a sandbox it runs as a user of its own, so that the agent may neither trace it nor change its limits or its scheduling.
//! Files and terminals are the agent's: its file-system ids are. What it starts becomes the agent by the saved ids
//! (setresuid(2) lets anybody take those), so that no capability is left once [`Identity::take`] has returned. Until then it
//! holds CAP_SETUID and CAP_SETGID inside its user namespace; no code of the agent runs before the first request.

use std::io;

use caps::{CapSet, CapsHashSet};
use nix::unistd::{Gid, Uid, getpid, getresgid, getresuid, getuid};

use crate::{
    plan::{AGENT_ID, INIT_ID},
    sys::{
        process::{self, set_group_ids, set_user_ids},
        task::{set_fs_ids, set_undumpable},
    },
};

/// Who init is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Process 1 of a sandbox, apart from the agent.
    Apart,
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
            become_apart()?;
            drop_capabilities().map_err(|error| ("give up the capabilities of init", error))?;
            return Ok(Self::Apart);
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
        become_apart()?;
        Ok(Self::Apart)
    }

    /// Makes the calling child the agent for good. Between fork and exec: allocates nothing.
    pub(super) fn become_agent(self) -> io::Result<()> {
        if self == Self::Ordinary {
            return Ok(());
        }
        set_group_ids(Some(AGENT_ID), Some(AGENT_ID), Some(AGENT_ID))?;
        set_user_ids(Some(AGENT_ID), Some(AGENT_ID), Some(AGENT_ID))?;
        // A change of ids resets it to fs.suid_dumpable, and until the exec the memory is init's.
        set_undumpable()?;
        let (uid, gid) = (Uid::from_raw(AGENT_ID), Gid::from_raw(AGENT_ID));
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
        if self == Self::Ordinary {
            return process::kill(target, signal);
        }
        set_user_ids(None, Some(AGENT_ID), None)?;
        let result = process::kill(target, signal);
        // The way back cannot fail: the id is the real one. Were it to, no sandbox is better than one whose init is its agent.
        if settle_ids().is_err() {
            process::leave(1);
        }
        result
    }
}

/// Init's own real and effective ids, the agent's saved ones; file-system ids of the agent.
fn become_apart() -> Result<(), Refusal> {
    set_group_ids(Some(INIT_ID), Some(INIT_ID), Some(AGENT_ID))
        .map_err(|error| ("keep the agent's group for programs", error))?;
    set_user_ids(Some(INIT_ID), Some(INIT_ID), Some(AGENT_ID)).map_err(|error| ("keep the agent's user for programs", error))?;
    settle_ids().map_err(|error| ("become the user of init", error))
}

/// What every change of the effective id changes along: the file-system ids follow it, and the process would become dumpable
/// where `fs.suid_dumpable` says so.
fn settle_ids() -> io::Result<()> {
    set_user_ids(None, Some(INIT_ID), None)?;
    set_fs_ids(AGENT_ID, AGENT_ID)?;
    set_undumpable()?;
    let (own, agent) = (Uid::from_raw(INIT_ID), Uid::from_raw(AGENT_ID));
    let users = getresuid()?;
    let right = [users.real, users.effective, users.saved] == [own, own, agent];
    if right { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EPERM)) }
}

/// Empties every set and believes nothing: reads them back.
fn drop_capabilities() -> io::Result<()> {
    const SETS: [CapSet; 5] = [CapSet::Ambient, CapSet::Effective, CapSet::Inheritable, CapSet::Permitted, CapSet::Bounding];
    let failed = |error: caps::errors::CapsError| io::Error::other(error.to_string());
    // The bounding set is empty already: without it nothing could be gained by an exec either.
    for set in &SETS[..4] {
        caps::set(None, *set, &CapsHashSet::new()).map_err(failed)?;
    }
    for set in SETS {
        let left = caps::read(None, set).map_err(failed)?;
        if !left.is_empty() {
            return Err(io::Error::other(format!("{set:?} still holds {left:?}")));
        }
    }
    Ok(())
}
