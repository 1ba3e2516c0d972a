//! The command line of `aetherd`.

use std::path::PathBuf;

use clap::Parser;

use crate::config::Listen;

/// Runs AI agents in sandboxes built straight from the kernel, and answers for them.
#[derive(Debug, Parser)]
#[command(name = "aetherd", version)]
pub(super) struct Args {
    /// Configuration file; FILE.d/*.toml are read after it [default: /etc/aether/aether.toml, when it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Read the configuration, its drop-ins and the declared agents beside it, say what is wrong with them, and end
    #[arg(long)]
    pub(super) check_config: bool,
    /// State directory [default: /var/lib/aether]
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// Unix socket of the API [default: /run/aether/aether.sock]
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// TCP address of the API, or "none"; port 0 picks a free one [default: 127.0.0.1:3001]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) listen: Option<Listen>,
    /// End all agents when the service ends, for tests and demos
    #[arg(long)]
    pub(super) stop_agents_on_exit: bool,
    /// User id to become [default: that of the user "aether", or 64999 when there is none]
    #[arg(long, value_name = "UID", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) service_uid: Option<u32>,
    /// Print the manual page
    #[arg(long, hide = true)]
    pub(super) man: bool,
}
