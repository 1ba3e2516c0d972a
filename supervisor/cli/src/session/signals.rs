//! Signals that reach the client.

use std::io;

use nix::sys::signal::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

/// Those that are passed on, and the two that concern our own terminal.
pub(crate) struct Signals {
    passed: [(Signal, unix::Signal); 6],
    resized: unix::Signal,
    continued: unix::Signal,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caught {
    /// For the program.
    Pass(Signal),
    /// The terminal has another size.
    Resized,
    /// The shell gave the terminal back.
    Continued,
}

impl Signals {
    /// From now on they end nothing by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        let on = |which: Signal| Ok::<_, io::Error>((which, signal(SignalKind::from_raw(which as i32))?));
        Ok(Self {
            passed: [
                on(Signal::SIGINT)?,
                on(Signal::SIGTERM)?,
                on(Signal::SIGHUP)?,
                on(Signal::SIGQUIT)?,
                on(Signal::SIGUSR1)?,
                on(Signal::SIGUSR2)?,
            ],
            resized: signal(SignalKind::window_change())?,
            continued: signal(SignalKind::from_raw(Signal::SIGCONT as i32))?,
        })
    }

    /// The next one. Cancel safe.
    pub(crate) async fn next(&mut self) -> Caught {
        let [int, term, hup, quit, usr1, usr2] = &mut self.passed;
        tokio::select! {
            _ = int.1.recv() => Caught::Pass(int.0),
            _ = term.1.recv() => Caught::Pass(term.0),
            _ = hup.1.recv() => Caught::Pass(hup.0),
            _ = quit.1.recv() => Caught::Pass(quit.0),
            _ = usr1.1.recv() => Caught::Pass(usr1.0),
            _ = usr2.1.recv() => Caught::Pass(usr2.0),
            _ = self.resized.recv() => Caught::Resized,
            _ = self.continued.recv() => Caught::Continued,
        }
    }
}
