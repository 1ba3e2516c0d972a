//! `aether exec`

use std::io::{IsTerminal as _, Write as _};

use aether_protocol::{CommandSpec, ErrorCode, TtyId, spec};
use clap::{Args, builder::NonEmptyStringValueParser};

use super::{Context, parse_env};
use crate::{
    client::agents::ExecRequest,
    failure::Failure,
    session::process::{Bond, Joined, Outcome, join},
    terminal,
};

/// Run one more program in the sandbox of a live agent
///
/// Examples:
///   aether exec builder -- ps aux
///   aether exec -it builder -- bash
///
/// The exit status is the program's; 125 our failure, 126 not executable, 127 not found,
/// 128+n signal n.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Exec {
    /// Forward standard input; without it the program reads end-of-file
    #[arg(short = 'i', long)]
    interactive: bool,
    /// Give the program a terminal
    #[arg(short = 't', long)]
    tty: bool,
    /// Add to its environment
    #[arg(long = "env", value_name = "K=V", value_parser = parse_env)]
    env: Vec<(String, String)>,
    /// Directory to start in
    #[arg(long, value_name = "DIR")]
    workdir: Option<String>,
    /// The agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// Program and arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Exec {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        context.no_json("exec")?;
        let terminal = if self.interactive { std::io::stdin().is_terminal() } else { std::io::stdout().is_terminal() };
        if self.tty && !terminal {
            return Err(Failure::usage("-t needs a terminal, and this is none", "leave -t out"));
        }
        let size = if self.tty { terminal::size() } else { None };
        let (cols, rows) = (size.map(|size| size.0), size.map(|size| size.1));
        let command = CommandSpec { argv: self.command.clone(), tty: self.tty, stdin: self.interactive, cols, rows };
        let request = ExecRequest {
            argv: self.command.clone(),
            env: self.env.iter().cloned().collect(),
            workdir: self.workdir.clone(),
            tty: self.tty,
            stdin: self.interactive,
            cols,
            rows,
        };
        spec::check_command(&command)
            .and_then(|()| spec::check_env(&request.env))
            .and_then(|()| self.workdir.as_ref().map_or(Ok(()), |dir| spec::check_guest_path("--workdir", dir)))
            .map_err(|error| Failure::usage(error.message, error.hint))?;
        match context.client.exec(&self.agent, &request).await {
            Ok(process) => self.join(context, &process).await.map_err(Failure::ours),
            Err(failure) => match not_started(&failure) {
                Some(status) => {
                    crate::say(&failure);
                    Ok(status)
                }
                None => Err(failure.ours()),
            },
        }
    }

    async fn join(&self, context: &Context, process: &TtyId) -> Result<u8, Failure> {
        let joined = Joined { target: process.as_str(), agent: &self.agent, stdin: self.interactive, bond: Bond::Exec };
        match join(&context.client, &joined).await? {
            Outcome::Ended { code, .. } => Ok(code),
            Outcome::Detached => {
                let _ = writeln!(std::io::stderr(), "\nleft; come back with: aether attach {} {process}", self.agent);
                Ok(0)
            }
            Outcome::Interrupted(status) => Ok(status),
        }
    }
}

/// The status that a shell gives for a program that cannot be started, when that is what failed: the supervisor names the
/// call of the failed step, `execve`, and tells the two kinds apart by the code.
fn not_started(failure: &Failure) -> Option<u8> {
    match failure {
        Failure::Api(error) if error.message.contains("execve: ") => match error.code {
            ErrorCode::NotFound => Some(127),
            _ => Some(126),
        },
        _ => None,
    }
}
