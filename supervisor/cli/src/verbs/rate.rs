//! `aether rate`

use std::io::Write as _;

use aether_protocol::NewFeedback;
use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{client::agents::uri, failure::Failure};

/// Say what you think of a step of a built-in agent; it can read that with the tool get_feedback
///
/// Examples:
///   aether rate builder 3 good
///   aether rate builder 4 bad "the tests were not run"
///
/// A second word about the same step takes the place of your first.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Rate {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// Number of the step
    #[arg(value_name = "STEP", value_parser = clap::value_parser!(u32).range(1..))]
    step: u32,
    /// What you think of it
    #[arg(value_name = "WORD")]
    word: Word,
    /// Why
    #[arg(value_name = "COMMENT", default_value = "")]
    comment: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Word {
    Good,
    Bad,
}

impl Rate {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let rating = match self.word {
            Word::Good => 1,
            Word::Bad => -1,
        };
        let new = NewFeedback { step: self.step, rating, comment: self.comment };
        new.check().map_err(|error| Failure::usage(error.message, error.hint))?;
        let answer = context.client.post(&uri(&self.agent, "/feedback"), &new).await?;
        if context.json {
            writeln!(std::io::stdout(), "{}", answer.raw()?)?;
        }
        Ok(0)
    }
}
