//! `aether completion`

use std::io::Write as _;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Context;
use crate::{args::Cli, failure::Failure};

/// Print a completion script
///
/// Example:
///   aether completion bash > ~/.local/share/bash-completion/completions/aether
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self, context: &Context) -> Result<u8, Failure> {
        context.no_json("completion")?;
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "aether", &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(0)
    }
}
