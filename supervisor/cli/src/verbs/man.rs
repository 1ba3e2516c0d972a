//! `aether man`

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::Context;
use crate::{args::Cli, failure::Failure};

/// Write the manual pages
///
/// One for the command and one for each verb: aether.1, aether-run.1 and so on.
/// Packages bring them; this is for a build of one's own.
///
/// Example:
///   aether man ~/.local/share/man/man1
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Man {
    /// An existing directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Man {
    pub(crate) fn run(self, context: &Context) -> Result<u8, Failure> {
        context.no_json("man")?;
        clap_mangen::generate_to(Cli::command(), &self.directory).map_err(|error| {
            Failure::local(format!("cannot write to {}: {error}", self.directory.display()), "name a directory that exists")
        })?;
        Ok(0)
    }
}
