//! The person's terminal: its size, and raw mode that always ends.

use std::{
    io,
    os::fd::AsFd,
    sync::{Mutex, Once, PoisonError},
};

use nix::{
    sys::termios::{self, LocalFlags, SetArg, Termios},
    unistd,
};
use terminal_size::terminal_size_of;

/// The settings to go back to, while raw mode is on. Global, because the panic hook needs it too.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// Raw mode of the terminal on standard input: every key goes to the agent. Ends when dropped, and on a panic.
#[derive(Debug)]
pub(crate) struct RawMode(());

impl RawMode {
    /// Turns it on.
    pub(crate) fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let earlier = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                earlier(panic);
            }));
        });
        let before = termios::tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        saved().get_or_insert(before);
        // DRAIN, not FLUSH: what was typed ahead belongs to the program.
        termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw)?;
        Ok(Self(()))
    }

    /// Turns it on again after the shell had the terminal (SIGCONT).
    pub(crate) fn again(&self) {
        if let Some(before) = saved().as_ref() {
            let mut raw = before.clone();
            termios::cfmakeraw(&mut raw);
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw);
        }
    }
}

/// What is typed is not shown. Ends when dropped, and on a panic.
#[derive(Debug)]
pub(crate) struct Hidden(());

impl Hidden {
    /// Turns the echo off.
    pub(crate) fn enter() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        saved().get_or_insert(before);
        // What was typed before the echo went off was shown: it is not taken for the value.
        termios::tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self(()))
    }
}

/// Keys come at once and are not shown; Ctrl-C and Ctrl-Z stay what they are. Ends when dropped, and on a panic.
#[derive(Debug)]
pub(crate) struct Keys(());

impl Keys {
    /// Turns it on; nothing where there is no terminal, or where somebody else has it.
    pub(crate) fn enter() -> Option<Self> {
        let before = termios::tcgetattr(io::stdin()).ok().filter(|_| ours())?;
        let keys = Self(());
        saved().get_or_insert(before);
        keys.again();
        Some(keys)
    }

    /// Turns it on again after the shell had the terminal (SIGCONT).
    pub(crate) fn again(&self) {
        if let Some(before) = saved().as_ref().filter(|_| ours()) {
            let mut keys = before.clone();
            keys.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON);
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &keys);
        }
    }
}

/// Are we in the foreground? Others are stopped when they change the terminal (tcsetattr(3), SIGTTOU).
fn ours() -> bool {
    // One that does not control our session stops nobody.
    unistd::tcgetpgrp(io::stdin()).map_or(true, |group| group == unistd::getpgrp())
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        restore();
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    if let Some(before) = saved().take() {
        // Fails only when the terminal is gone.
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &before);
    }
}

fn saved() -> std::sync::MutexGuard<'static, Option<Termios>> {
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Columns and rows of the terminal that output, input or errors go to.
pub(crate) fn size() -> Option<(u16, u16)> {
    of(io::stdout()).or_else(|| of(io::stdin())).or_else(|| of(io::stderr()))
}

/// Columns to fit lines into; `None` when standard output is no terminal, so lines stay whole.
pub(crate) fn columns() -> Option<usize> {
    of(io::stdout()).or_else(|| of(io::stderr())).map(|(columns, _)| usize::from(columns))
}

/// Columns of standard output alone.
pub(crate) fn output_columns() -> Option<usize> {
    of(io::stdout()).map(|(columns, _)| usize::from(columns))
}

fn of(stream: impl AsFd) -> Option<(u16, u16)> {
    terminal_size_of(stream).map(|(width, height)| (width.0, height.0)).filter(|(columns, rows)| *columns > 0 && *rows > 0)
}
