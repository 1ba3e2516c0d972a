//! The cgroup in which an agent's own processes live once calls are counted, where cgroup2 has the controllers.
//!
//! A cgroup that has processes itself gives those below it no controllers (cgroups(7), no internal processes). So with the first call of an
//! agent its init, and whatever init has started, move into a leaf beside the cgroups of calls. Limits stay on the agent's own cgroup,
//! above all of them; freeze, kill and the count of what ran out of memory are for everything below it as well.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::errno::Errno;

use super::{
    Group,
    host::{exists_at, make_dir_at, open_dir_at, read_at, write_at},
};
use crate::wire::spawner::{LEAF, Uncounted};

/// Controllers that count something for a call.
pub(super) const COUNTING: [&str; 2] = ["memory", "pids"];
/// An agent may start processes while its others are moved.
const ROUNDS: u32 = 8;
/// Processes that are moved for one call: others wait for this spawner meanwhile.
const MOST_MOVED: usize = 64;

impl Group {
    /// The controllers that cgroup2 has for this agent and that count something for a call.
    pub(super) fn counting(&self) -> io::Result<Vec<&'static str>> {
        listed(self.unified.as_fd(), "cgroup.controllers")
    }

    /// Sees to it that calls have the controllers, and moves what is in the way. Where that does not work, [`Group::uncounted`] tells.
    pub(super) fn count_calls(&self, wanted: &[&str]) -> io::Result<()> {
        let dir = self.unified.as_fd();
        let on = listed(dir, "cgroup.subtree_control")?;
        if wanted.iter().all(|controller| on.contains(controller)) {
            return Ok(());
        }
        make_dir_at(dir, LEAF)?;
        let leaf = open_dir_at(dir, LEAF)?;
        let turned_on: Vec<String> = wanted.iter().map(|controller| format!("+{controller}")).collect();
        let mut moved = 0;
        for _ in 0..ROUNDS {
            for pid in own_pids(dir)? {
                moved += 1;
                if moved > MOST_MOVED {
                    return Err(Errno::EBUSY.into());
                }
                match write_at(leaf.as_fd(), "cgroup.procs", &pid.to_string()) {
                    // It has ended.
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                    written => written?,
                }
            }
            match write_at(dir, "cgroup.subtree_control", &turned_on.join(" ")) {
                // One was started before its parent was moved.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
                written => return written,
            }
        }
        Err(Errno::EBUSY.into())
    }

    /// Why a file that counts something in `call` is not there.
    pub(super) fn uncounted(&self, call: BorrowedFd<'_>, controller: &str) -> io::Result<Uncounted> {
        let has = |dir, list| read_at(dir, list).map(|text| text.split_whitespace().any(|name| name == controller));
        Ok(if self.v1.iter().any(|v1| v1.controller == controller) || has(call, "cgroup.controllers")? {
            Uncounted::Kernel
        } else if has(self.unified.as_fd(), "cgroup.controllers")? {
            Uncounted::InTheWay
        } else {
            Uncounted::NotDelegated
        })
    }

    /// Pids of its init and of all that is no call, as the spawner sees them; init is among the first.
    pub(in super::super) fn pids(&self) -> io::Result<Vec<u32>> {
        let dir = self.unified.as_fd();
        let beside = own_pids(dir)?;
        let mut pids = if exists_at(dir, LEAF)? { own_pids(open_dir_at(dir, LEAF)?.as_fd())? } else { Vec::new() };
        pids.extend(beside);
        Ok(pids)
    }
}

fn own_pids(dir: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    Ok(read_at(dir, "cgroup.procs")?.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Which of the counting controllers stand in a list of a cgroup.
fn listed(dir: BorrowedFd<'_>, file: &str) -> io::Result<Vec<&'static str>> {
    let text = read_at(dir, file)?;
    Ok(COUNTING.into_iter().filter(|controller| text.split_whitespace().any(|name| name == *controller)).collect())
}
