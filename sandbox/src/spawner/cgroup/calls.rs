//! A cgroup of its own for one call of an agent's loop, below the agent's: what the call starts is counted, and ends with it.
//!
//! In cgroup2 for CPU time and for the kill; memory and processes are counted there, or in the v1 hierarchies where those are used. Limits
//! go on to hold for the agent as a whole.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::{Mode, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};

use super::{
    Group, Tree, V1,
    end::Events,
    host::{exists_at, open_dir_at, read_at, write_at, write_if_there},
    leaf::COUNTING,
};
use crate::{
    plan::SandboxId,
    wire::spawner::{CallFigures, LEAF, Left, MOST_CALLS, Uncounted},
};

/// Before the number of a call in the name of its cgroup; which of them tells also a later spawner what becomes of what is in it.
const CALL: &str = "call-";
const KEPT: &str = "kept-";

/// The cgroup of one call.
#[derive(Debug)]
pub(in super::super) struct CallGroup {
    name: String,
    unified: OwnedFd,
    v1: Vec<V1>,
}

impl Group {
    /// Makes the cgroup of the call `number`, and opens what lets a process enter it, which works for whoever gets it.
    ///
    /// Earlier ones that are empty by now are removed first; `EAGAIN` when [`MOST_CALLS`] have something running in them.
    pub(in super::super) fn begin_call(&self, number: u32, left: Left) -> io::Result<(CallGroup, Vec<OwnedFd>)> {
        let mut held = 0;
        for name in call_names(self.unified.as_fd())? {
            held += usize::from(!self.remove_call(&name)?);
        }
        if held >= MOST_CALLS {
            return Err(Errno::EAGAIN.into());
        }
        let prefix = if left == Left::GoesOn { KEPT } else { CALL };
        let name = format!("{prefix}{number}");
        let counting = self.counting()?;
        // No cgroup of an agent may have others below it but these.
        let below = held + 1 + usize::from(!counting.is_empty());
        write_if_there(self.unified.as_fd(), "cgroup.max.descendants", &below.to_string())?;
        // Without it the call is made all the same, and its figures say what is missing.
        let _ = self.count_calls(&counting);
        let made = self.make_call(&name);
        if made.is_err() {
            self.remove_call(&name).ok();
        }
        made
    }

    fn make_call(&self, name: &str) -> io::Result<(CallGroup, Vec<OwnedFd>)> {
        let made = |dir: BorrowedFd<'_>| {
            mkdirat(dir, name, Mode::from_bits_truncate(0o755))?;
            open_dir_at(dir, name)
        };
        let enter = |dir: &OwnedFd, file: &str| openat(dir, file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty());
        let mut group = CallGroup { name: name.to_owned(), unified: made(self.unified.as_fd())?, v1: Vec::new() };
        let mut places = Vec::new();
        for V1 { controller, dir } in self.v1.iter().filter(|v1| COUNTING.contains(&v1.controller)) {
            let dir = made(dir.as_fd())?;
            places.push(enter(&dir, "tasks")?);
            group.v1.push(V1 { controller, dir });
        }
        places.push(enter(&group.unified, "cgroup.procs")?);
        Ok((group, places))
    }

    /// The cgroup of a call, when there is one.
    pub(in super::super) fn call(&self, number: u32) -> io::Result<Option<CallGroup>> {
        let mut name = format!("{CALL}{number}");
        if !exists_at(self.unified.as_fd(), &name)? {
            name = format!("{KEPT}{number}");
        }
        if !exists_at(self.unified.as_fd(), &name)? {
            return Ok(None);
        }
        let unified = open_dir_at(self.unified.as_fd(), &name)?;
        let mut v1 = Vec::new();
        for V1 { controller, dir } in self.v1.iter().filter(|v1| COUNTING.contains(&v1.controller)) {
            if exists_at(dir.as_fd(), &name)? {
                v1.push(V1 { controller, dir: open_dir_at(dir.as_fd(), &name)? });
            }
        }
        Ok(Some(CallGroup { name, unified, v1 }))
    }

    /// Kills what runs in calls that nobody waits for any more, but for those whose remains go on; it is gone a moment later.
    pub(in super::super) fn kill_calls(&self) -> io::Result<()> {
        for name in call_names(self.unified.as_fd())?.into_iter().filter(|name| name.starts_with(CALL)) {
            write_at(open_dir_at(self.unified.as_fd(), &name)?.as_fd(), "cgroup.kill", "1")?;
        }
        Ok(())
    }

    /// Removes the empty cgroup of a call from every hierarchy; false while something is in it.
    pub(in super::super) fn remove_call(&self, name: &str) -> io::Result<bool> {
        let hierarchies = self.v1.iter().map(|v1| v1.dir.as_fd());
        remove_everywhere(std::iter::once(self.unified.as_fd()).chain(hierarchies), name)
    }
}

impl CallGroup {
    /// Its name, for [`Group::remove_call`].
    pub(in super::super) fn name(&self) -> &str {
        &self.name
    }

    /// Kills every process in it; [`Events::say`] tells when none is left.
    pub(in super::super) fn begin_kill(&self) -> io::Result<Events> {
        write_at(self.unified.as_fd(), "cgroup.kill", "1")?;
        Events::of(self.unified.as_fd())
    }

    /// Processes in it now.
    pub(in super::super) fn running(&self) -> io::Result<u32> {
        let count = read_at(self.unified.as_fd(), "cgroup.procs")?.lines().count();
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// What it has used so far, as far as the kernel counts it here; `of` is the cgroup of its agent.
    pub(in super::super) fn figures(&self, of: &Group) -> io::Result<CallFigures> {
        let cpu = read_at(self.unified.as_fd(), "cpu.stat")?;
        let cpu_usec = cpu.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok());
        Ok(CallFigures {
            cpu_usec: cpu_usec.ok_or_else(|| io::Error::other("cpu.stat has no usage_usec"))?,
            memory_peak_bytes: self.figure(of, "memory", "memory.peak", "memory.max_usage_in_bytes")?,
            most_tasks: self.figure(of, "pids", "pids.peak", "pids.peak")?,
        })
    }

    /// A number of a controller: its file in version 2, and in version 1.
    fn figure(&self, of: &Group, controller: &str, new: &str, old: &str) -> io::Result<Result<u64, Uncounted>> {
        let v1 = self.v1.iter().find(|v1| v1.controller == controller);
        let (dir, file) = v1.map_or((self.unified.as_fd(), new), |v1| (v1.dir.as_fd(), old));
        if !exists_at(dir, file)? {
            return of.uncounted(self.unified.as_fd(), controller).map(Err);
        }
        read_at(dir, file)?.trim().parse().map(Ok).map_err(io::Error::other)
    }
}

impl Tree {
    /// Removes what calls of a sandbox have left in every hierarchy, now that nothing runs in it. False while the kernel has not let go.
    pub(super) fn remove_calls(&self, id: &SandboxId) -> io::Result<bool> {
        let mut all = true;
        for dir in std::iter::once(self.unified.as_fd()).chain(self.v1.iter().map(|v1| v1.dir.as_fd())) {
            if !exists_at(dir, id.as_str())? {
                continue;
            }
            all &= remove_below(open_dir_at(dir, id.as_str())?.as_fd())?;
        }
        Ok(all)
    }
}

/// Removes what the service has made below the cgroup of a sandbox. False while the kernel has not let go.
pub(super) fn remove_below(dir: BorrowedFd<'_>) -> io::Result<bool> {
    let mut all = remove_everywhere(std::iter::once(dir), LEAF)?;
    for name in call_names(dir)? {
        all &= remove_everywhere(std::iter::once(dir), &name)?;
    }
    Ok(all)
}

fn remove_everywhere<'a>(dirs: impl Iterator<Item = BorrowedFd<'a>>, name: &str) -> io::Result<bool> {
    for dir in dirs {
        match unlinkat(dir, name, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(Errno::EBUSY) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Names of the cgroups of calls below a cgroup.
fn call_names(dir: BorrowedFd<'_>) -> io::Result<Vec<String>> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let mut entries = nix::dir::Dir::openat(dir, ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in entries.iter() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if entry.file_type() == Some(nix::dir::Type::Directory) && [CALL, KEPT].iter().any(|prefix| name.starts_with(prefix)) {
            names.push(name.into_owned());
        }
    }
    Ok(names)
}
