//! What follows from the order of calls and steps.

use crate::{Effect, Goal, History, PlannedCall, StepIntent, toolbox::Toolbox, tools};

/// Whether calls without an outcome may have begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Fresh,
    Resumed,
}

/// Does a call change something, or end the work?
fn is_alone(call: &PlannedCall, toolbox: &Toolbox<'_>) -> bool {
    toolbox.effect(&call.tool) != Effect::None || tools::canonical(&call.tool) == tools::COMPLETE
}

/// What a step does to the world: nothing, when none of its calls does.
pub(crate) fn effect(intent: &StepIntent, toolbox: &Toolbox<'_>) -> Effect {
    if intent.calls.iter().any(|call| is_alone(call, toolbox)) { Effect::Changes } else { Effect::None }
}

/// Where the calls that run side by side with the one at `from` end.
pub(crate) fn group_end(intent: &StepIntent, toolbox: &Toolbox<'_>, from: usize) -> usize {
    let alone = |call: &PlannedCall| is_alone(call, toolbox);
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
