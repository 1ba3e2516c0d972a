//! A spawner that does nothing for a while.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Daemon, proc, wait::until};

/// A spawner that stands still until this is dropped.
pub struct Stopped(Pid);

impl Stopped {
    /// The one of this daemon.
    ///
    /// # Panics
    /// When there is none, or it does not stop.
    pub fn spawner_of(daemon: &Daemon) -> Self {
        let pid = Pid::from_raw(i32::try_from(daemon.spawner()).expect("a pid"));
        kill(pid, Signal::SIGSTOP).expect("stop the spawner");
        until("the spawner to stand still", || {
            proc::status(daemon.spawner()).is_some_and(|status| status["State"].starts_with('T'))
        });
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ended = kill(self.0, Signal::SIGCONT);
    }
}
