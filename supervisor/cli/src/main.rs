//! `aether`: the command line client of the Aether supervisor.
//!
//! One file per verb under `verbs/`. Data goes to standard output, everything else to standard error; exit statuses are those
//! of [`failure::Failure::status`].

#![forbid(unsafe_code)]

mod args;
mod client;
mod failure;
mod session;
mod show;
mod terminal;
mod transfer;
mod verbs;

use std::{io::Write as _, process::ExitCode};

use failure::Failure;
use show::style::{Style, Tone};

fn main() -> ExitCode {
    // Before anything else: what tries the host out has one thread.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == aether_doctor::SURVEY_ARGUMENT) {
        return ExitCode::from(u8::try_from(aether_doctor::survey_main()).unwrap_or(1));
    }
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(status) => return ExitCode::from(status),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::local(format!("cannot start: {}", failure::plain(&error)), "")),
    };
    let outcome = runtime.block_on(verbs::run(cli));
    // A thread may still sit in a read of standard input; the process ends without it.
    runtime.shutdown_background();
    let outcome = outcome.and_then(|status| std::io::stdout().flush().map(|()| status).map_err(Failure::from));
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    say(failure);
    ExitCode::from(failure.status())
}

/// `error:` with the cause and `hint:` with what to do, on standard error.
pub(crate) fn say(failure: &Failure) {
    let Some((cause, hint)) = failure.lines() else { return };
    let style = Style::stderr();
    let mut text = format!("{} {}\n", style.paint(Tone::Bad, "error:"), show::text::one_line(cause));
    if !hint.is_empty() {
        text.push_str(&format!("{} {}\n", style.paint(Tone::Accent, "hint:"), show::text::one_line(hint)));
    }
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
