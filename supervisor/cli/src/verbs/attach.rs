//! `aether attach`

use std::io::Write as _;

use aether_protocol::TtyId;
use clap::{Args, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{
    failure::Failure,
    session::process::{Bond, Joined, Outcome, join},
};

/// Join the terminal or the standard streams of an agent's program
///
/// What is still held of its output is shown first. Ctrl-P Ctrl-Q leaves a terminal;
/// Ctrl-C leaves a program without one. The program goes on in both cases.
/// When it ends, so does attach, with its exit status.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Attach {
    /// The agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// Another terminal of it, by id or number
    #[arg(value_name = "TTY")]
    tty: Option<String>,
}

impl Attach {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        context.no_json("attach")?;
        let target = match &self.tty {
            None => self.agent.clone(),
            Some(tty) => match (tty.parse::<u32>(), tty.parse::<TtyId>()) {
                (Ok(number), _) => TtyId::new(&context.client.agent(&self.agent).await?.id, number).to_string(),
                (_, Ok(id)) => id.to_string(),
                (_, Err(error)) => return Err(Failure::usage(error.to_string(), "see aether inspect for the agent's id")),
            },
        };
        let joined = Joined { target: &target, agent: &self.agent, stdin: true, bond: Bond::Visitor };
        match join(&context.client, &joined).await? {
            Outcome::Ended { code, .. } => Ok(code),
            Outcome::Detached => {
                let _ = writeln!(std::io::stderr(), "\nleft {}", self.agent);
                Ok(0)
            }
            Outcome::Interrupted(status) => {
                let _ = writeln!(std::io::stderr(), "\nleft {}; its program goes on", self.agent);
                Ok(status)
            }
        }
    }
}
