//! `aether kill`, `pause` and `resume`: one call per agent, nothing else.

use std::io::Write as _;

use clap::{Args, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{
    client::{Answer, agents::uri},
    failure::Failure,
};

/// The agents of a verb that takes several.
#[derive(Debug, Args)]
pub(super) struct Targets {
    /// Agents
    #[arg(value_name = "A", required = true, value_parser = NonEmptyStringValueParser::new())]
    pub(super) agents: Vec<String>,
}

/// End agents at once: nothing of them runs afterwards.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    #[command(flatten)]
    targets: Targets,
}

/// Freeze agents: every process of them stands still.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    targets: Targets,
}

/// Let agents go on: thaw frozen ones, and give back those that a person types in.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    targets: Targets,
}

impl Kill {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        post(context, &self.targets, "/kill").await
    }
}

impl Pause {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        post(context, &self.targets, "/pause").await
    }
}

impl Resume {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        post(context, &self.targets, "/resume").await
    }
}

async fn post(context: &Context, targets: &Targets, what: &str) -> Result<u8, Failure> {
    let mut tally = Tally::default();
    for agent in &targets.agents {
        let outcome = context.client.post(&uri(agent, what), &serde_json::json!({})).await;
        tally.count(context, agent, outcome)?;
    }
    tally.finish()
}

/// How several calls went: each is tried, each failure said, the first one gives the status.
#[derive(Default)]
pub(super) struct Tally {
    first: Option<u8>,
}

impl Tally {
    /// One call: prints the agent (or its object), or says why not.
    pub(super) fn count(&mut self, context: &Context, agent: &str, outcome: Result<Answer, Failure>) -> Result<(), Failure> {
        match outcome {
            Ok(answer) if answer.is_empty() && context.json => Ok(()),
            Ok(answer) => {
                let text = if context.json { answer.raw()? } else { agent };
                writeln!(std::io::stdout(), "{text}")?;
                Ok(())
            }
            // The others would fail the same way.
            Err(failure @ Failure::Unreachable { .. }) => Err(failure),
            Err(failure) => {
                crate::say(&failure);
                self.first.get_or_insert(failure.status());
                Ok(())
            }
        }
    }

    /// The status of all.
    pub(super) fn finish(self) -> Result<u8, Failure> {
        Ok(self.first.unwrap_or(0))
    }
}
