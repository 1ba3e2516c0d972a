//! A call of an agent's loop that is to be counted: its cgroup is made here, and what lets a program enter it goes straight to the
//! sandbox's init. The service never holds that: whoever has it could move any process that it can name.

use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, socket},
};

use super::{
    cgroup::{CallGroup, Events, Group},
    failure::{at, refused, unseen},
    launch,
    serve::Spawner,
};
use crate::{
    plan::{PlanLayer, SandboxId},
    sys::fdpass,
    wire::{
        init::{FromInit, InitReply, InitRequest, ToInit},
        spawner::{CallEnd, CallFigures, Left, MOST_CALLS, SpawnFailure},
    },
};

const HEAD: usize = 4;

/// A call whose init is asked to take what lets its program in.
pub(super) struct Handing {
    init: UnixStream,
    pub(super) number: u32,
    group: Group,
    call: CallGroup,
}

/// A call that is over.
pub(super) struct Ending {
    group: Group,
    call: CallGroup,
    state: State,
    left: u32,
}

enum State {
    /// Killed; waits until nothing is in it.
    Killed(Events),
    /// Empty, and counted; waits until the kernel lets go of its directories.
    Empty(CallFigures),
}

fn group_of(spawner: &Spawner, id: &SandboxId) -> Result<Group, SpawnFailure> {
    let gone = || refused(None, "find the sandbox", format!("no sandbox {id} lives"), "");
    spawner.tree.find(id).map_err(unseen)?.ok_or_else(gone)
}

/// Makes the cgroup of a call and begins to hand it over.
pub(super) fn begin(spawner: &Spawner, id: &SandboxId, left: Left) -> Result<Handing, SpawnFailure> {
    let group = group_of(spawner, id)?;
    if group.frozen().map_err(unseen)? {
        return Err(refused(None, "begin a call", format!("sandbox {id} is frozen"), "thaw it first"));
    }
    let number = spawner.calls.get().wrapping_add(1);
    spawner.calls.set(number);
    let made = group.begin_call(number, left).map_err(|error| match error.raw_os_error() {
        Some(libc::EAGAIN) => {
            let cause = format!("{MOST_CALLS} earlier calls have left something running");
            refused(None, "make the cgroup of the call", cause, "end what they left running")
        }
        _ => at(PlanLayer::Cgroup, "make the cgroup of the call")(error),
    });
    let (call, places) = made?;
    match hand_over(spawner, id, number, &places) {
        Ok(init) => Ok(Handing { init, number, group, call }),
        Err(error) => {
            let _ = group.remove_call(call.name());
            Err(at(PlanLayer::Cgroup, "hand the cgroup of the call to init")(error))
        }
    }
}

/// Neither call blocks: a full backlog refuses, and so little fits into an empty socket.
fn hand_over(spawner: &Spawner, id: &SandboxId, number: u32, places: &[OwnedFd]) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let init = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(std::os::fd::AsRawFd::as_raw_fd(&init), &UnixAddr::new(launch::socket_path(spawner, id).as_str())?)?;
    let request = ToInit { tag: 0, body: InitRequest::Call { call: number } };
    let mut frame = postcard::to_extend(&request, vec![0; HEAD]).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - HEAD).map_err(io::Error::other)?;
    frame[..HEAD].copy_from_slice(&length.to_le_bytes());
    let beside: Vec<BorrowedFd<'_>> = places.iter().map(AsFd::as_fd).collect();
    let sent = fdpass::send(init.as_fd(), &frame, &beside)?;
    if sent == frame.len() { Ok(init.into()) } else { Err(Errno::EAGAIN.into()) }
}

impl Handing {
    pub(super) fn watched(&self) -> BorrowedFd<'_> {
        self.init.as_fd()
    }

    /// Init has said something, or has gone.
    pub(super) fn heard(&self) -> Result<u32, SpawnFailure> {
        let mut answer = [0; 256];
        let length = recv(std::os::fd::AsRawFd::as_raw_fd(&self.init), &mut answer, MsgFlags::empty())
            .map_err(|error| at(PlanLayer::Cgroup, "hear of init")(error.into()))?;
        let body = answer.get(HEAD..length).unwrap_or_default();
        match postcard::from_bytes::<FromInit>(body).map(|answer| answer.body) {
            Ok(InitReply::Done) => Ok(self.number),
            Ok(InitReply::Failed { errno, step }) => Err(at(PlanLayer::Cgroup, &step)(io::Error::from_raw_os_error(errno))),
            _ => {
                let cause = "the sandbox's init does not know of calls";
                Err(refused(None, "begin a call", cause, "it was started by an older version: start the agent anew"))
            }
        }
    }

    /// Nothing will enter it.
    pub(super) fn give_up(&self) {
        let _ = self.group.remove_call(self.call.name());
    }
}

impl Ending {
    /// Begins to end a call: kills what is in it. `None` when there is no such call.
    pub(super) fn begin(spawner: &Spawner, id: &SandboxId, number: u32) -> Result<Self, SpawnFailure> {
        let (group, call) = found(spawner, id, number)?;
        let left = call.running().map_err(unseen)?;
        let killed = call.begin_kill().map_err(at(PlanLayer::Cgroup, "kill the call"))?;
        Ok(Self { group, call, state: State::Killed(killed), left })
    }

    /// Goes on as far as it can; the end of the call once that is known.
    pub(super) fn step(&mut self) -> io::Result<Option<CallEnd>> {
        if let State::Killed(events) = &mut self.state {
            if !events.say("populated 0")? {
                return Ok(None);
            }
            self.state = State::Empty(self.call.figures(&self.group)?);
        }
        let State::Empty(figures) = self.state else { return Ok(None) };
        let removed = self.group.remove_call(self.call.name())?;
        Ok(removed.then_some(CallEnd { figures, left: self.left }))
    }
}

/// Counts what a call has used so far and lets what it left running go on, in its cgroup.
pub(super) fn release(spawner: &Spawner, id: &SandboxId, number: u32) -> Result<CallEnd, SpawnFailure> {
    let (group, call) = found(spawner, id, number)?;
    let end = CallEnd { left: call.running().map_err(unseen)?, figures: call.figures(&group).map_err(unseen)? };
    // Fails while something runs; then a later call removes it.
    let _ = group.remove_call(call.name());
    Ok(end)
}

/// Kills what calls of a sandbox have left that nobody waits for.
pub(super) fn end_all(spawner: &Spawner, id: &SandboxId) -> Result<(), SpawnFailure> {
    group_of(spawner, id)?.kill_calls().map_err(at(PlanLayer::Cgroup, "kill earlier calls"))
}

fn found(spawner: &Spawner, id: &SandboxId, number: u32) -> Result<(Group, CallGroup), SpawnFailure> {
    let group = group_of(spawner, id)?;
    let call = group.call(number).map_err(unseen)?;
    let none = || refused(None, "find the call", format!("sandbox {id} has no call {number}"), "");
    Ok((group, call.ok_or_else(none)?))
}
