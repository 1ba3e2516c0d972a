//! `complete`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, canonical, done, parse};
use crate::{CallOutcome, HandsError, History, Outcome, PlannedCall, RecordedStep};

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

/// How a goal ended, if its journal has that on record.
pub fn on_record(history: &History) -> Option<Outcome> {
    let RecordedStep { intent, outcomes } = history.steps.last()?;
    intent.calls.iter().zip(outcomes).find_map(|(call, outcome)| ending(call, outcome.as_ref()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::StepIntent;

    #[test]
    fn only_a_call_that_was_made_ends_a_goal() {
        let call = |tool: &str, args| PlannedCall { id: "c".into(), tool: tool.into(), args };
        let history = |calls: Vec<PlannedCall>, outcomes| {
            let intent = StepIntent { step: 1, thought: String::new(), usage: None, calls };
            History { steps: vec![RecordedStep { intent, outcomes }], messages: Vec::new() }
        };
        let said = call("complete", json!({ "summary": "all done" }));
        let other = call("run_command", json!({ "command": "true" }));
        let made = || Some(done("ended"));
        assert_eq!(
            on_record(&history(vec![other.clone(), said.clone()], vec![made(), made()])),
            Some(Outcome::Completed("all done".into()))
        );
        let gave_up = call("complete", json!({ "summary": "cannot", "failed": true }));
        assert_eq!(on_record(&history(vec![gave_up], vec![made()])), Some(Outcome::Failed("cannot".into())));
        for outcomes in [Vec::new(), vec![None], vec![made(), None]] {
            assert_eq!(on_record(&history(vec![other.clone(), said.clone()], outcomes)), None, "it may not have been made");
        }
        assert_eq!(on_record(&History { steps: Vec::new(), messages: Vec::new() }), None);
    }
}
