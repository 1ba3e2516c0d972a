//! `complete`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, canonical, done, parse};
use crate::{CallOutcome, HandsError, Outcome, PlannedCall};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// What was done and where its results are; or why the goal could not be reached.
    #[serde(default)]
    summary: Option<String>,
    /// True when the goal was not reached.
    #[serde(default)]
    failed: bool,
}

pub(super) struct Complete;

#[async_trait]
impl Tool for Complete {
    type Args = Args;
    const NAME: &'static str = "complete";
    const DESCRIPTION: &'static str = "Ends the work: the goal is reached, or (failed) cannot be reached. Nothing runs after it.";
    const EFFECT: Effect = Effect::None;

    async fn run(_: Args, _: &Site<'_>) -> Result<CallOutcome, HandsError> {
        Ok(done("ended"))
    }
}

/// How the goal ended, if this call ended it.
pub(crate) fn ending(call: &PlannedCall, outcome: &CallOutcome) -> Option<Outcome> {
    if canonical(&call.tool) != Complete::NAME || !outcome.ok {
        return None;
    }
    let args: Args = parse(&call.args).unwrap_or(Args { summary: None, failed: false });
    let said = args.summary.filter(|s| !s.trim().is_empty());
    Some(match args.failed {
        true => Outcome::Failed(said.unwrap_or_else(|| "the agent gave up without a reason".into())),
        false => Outcome::Completed(said.unwrap_or_else(|| "done".into())),
    })
}
