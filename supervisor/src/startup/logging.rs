//! Where the log goes: to the journal with its fields when standard error is the journal, else as lines to standard error.

use std::{io::IsTerminal, os::unix::fs::MetadataExt};

use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Name of the service in the journal.
const IDENTIFIER: &str = "aetherd";

/// Begins to log. The journal's socket is opened here, while this process may still do it anywhere.
pub(super) fn begin() {
    let filter = EnvFilter::try_from_env("AETHER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let journal = is_journal().then(tracing_journald::layer).and_then(Result::ok);
    let layer = match journal {
        Some(journal) => journal.with_syslog_identifier(IDENTIFIER.to_owned()).boxed(),
        None => tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    // A panic ends the task it is in and nothing else; the log has it beside everything else, with its fields.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let cause = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, cause, "a panic in the service");
    }));
}

/// Is standard error the stream that the service manager connected to the journal (`JOURNAL_STREAM`, systemd.exec(5))?
/// Somebody may have redirected it since.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(meta) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", meta.dev(), meta.ino())
}
