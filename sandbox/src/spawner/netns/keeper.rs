//! The keeper of the maker: starts it, and starts it again when it has ended before the spawner.
//!
//! The spawner cannot: by then it has given up what a maker needs. So the first process that it forks keeps that, together with the
//! maker's ends of both sockets. What is asked for or was made waits in them, whoever is at the other end; the spawner notices nothing.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::{confine, maker};
use crate::sys::task::{Cloned, clone_into, exit_now};

/// A maker that lives as long as this, milliseconds, did not die of its start.
const STEADY: u16 = 10_000;
/// Pause before another one is started, milliseconds: the first one, and the longest.
const PAUSES: (u16, u16) = (50, 3_200);

/// The keeper's life; its end is that of the spawner. What the maker prepared goes on without it.
pub(super) fn run(home: &OwnedFd, bare: &OwnedFd, relayed: &OwnedFd) -> io::Result<()> {
    let filtered = confine::apply_to_keeper()?;
    let mut pause = PAUSES.0;
    loop {
        match clone_into(0, None) {
            Ok(Cloned::Child) => exit_now(maker::main(filtered, home, bare, relayed)),
            Ok(Cloned::Parent { pidfd, .. }) => {
                if !within(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::from(STEADY))? {
                    pause = PAUSES.0;
                    within(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
                }
            }
            Err(error) => eprintln!("aether-netns: cannot be started: {error}"),
        }
        // Only a hang-up wakes this: it ended because the spawner has.
        if within(&mut [PollFd::new(bare.as_fd(), PollFlags::empty())], PollTimeout::from(pause))? {
            return Ok(());
        }
        eprintln!("aether-netns: it ended before the spawner; another one is started");
        pause = pause.saturating_mul(2).min(PAUSES.1);
    }
}

/// Did any of it happen within the time?
fn within(what: &mut [PollFd<'_>], limit: PollTimeout) -> io::Result<bool> {
    loop {
        match poll(what, limit) {
            Err(Errno::EINTR) => {}
            other => return Ok(other? > 0),
        }
    }
}
