//! What follows from the order of calls and steps.

use crate::{Effect, Goal, History, PlannedCall, StepIntent, toolbox::Toolbox, tools};

/// Where the calls that run side by side with the one at `from` end.
pub(crate) fn group_end(intent: &StepIntent, toolbox: &Toolbox<'_>, from: usize) -> usize {
    let alone =
        |call: &PlannedCall| toolbox.effect(&call.tool) != Effect::None || tools::canonical(&call.tool) == tools::COMPLETE;
    let rest = intent.calls.get(from..).unwrap_or_default();
    match rest.first() {
        None => from,
        Some(first) if alone(first) => from + 1,
        Some(_) => from + rest.iter().take_while(|call| !alone(call)).count(),
    }
}

/// Where text from outside came from, in the goal and all that was read so far.
pub(crate) fn taint(goal: &Goal, history: &History) -> Vec<String> {
    let mut sources: Vec<String> = goal.outside.iter().cloned().collect();
    for source in history.steps.iter().flat_map(|step| step.outcomes.iter().flatten()).filter_map(|o| o.outside.as_ref()) {
        if !sources.contains(source) {
            sources.push(source.clone());
        }
    }
    sources
}

/// Newest answers without a tool.
pub(crate) fn idle_answers(history: &History) -> usize {
    history.steps.iter().rev().take_while(|step| step.intent.calls.is_empty()).count()
}
