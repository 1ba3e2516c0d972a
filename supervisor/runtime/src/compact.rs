//! When older steps are summed up, so that a conversation fits its model.
//!
//! The journal keeps every step whole. Which of them are summed up follows from the journal alone, so a restart changes nothing; and
//! it changes seldom, so that what a provider has cached of the conversation stays of use.

use std::io;

use aether_llm::Message;
use aether_protocol::{AgentEvent, event::AgentCompacted};
use serde_json::Value;

use crate::{
    Goal, History, context,
    images::{self, Shown},
};

/// Estimated tokens of the steps at which the older ones are summed up.
const FULL: u64 = 30_000;
/// Steps that stay whole then, as long as they take no more than half of that.
const KEPT: usize = 8;

/// Tokens that each step takes in a conversation. A step is measured once, however long the history becomes.
#[derive(Debug, Default)]
pub(crate) struct Sizes(Vec<u64>);

impl Sizes {
    /// Of these steps, to which others are only added.
    pub(crate) fn of(&mut self, history: &History) -> &[u64] {
        let new = history.steps.iter().skip(self.0.len());
        self.0.extend(new.map(|step| tokens(&context::block(history, step, &Shown::default()))));
        &self.0
    }

    /// How many steps were summed up for the last step, and are for the next one.
    pub(crate) fn marks(&mut self, history: &History) -> (usize, usize) {
        let sizes = self.of(history);
        (sizes.split_last().map_or(0, |(_, before)| summed_up(before)), summed_up(sizes))
    }
}

/// That other steps are summed up than for the step before.
pub(crate) fn told(
    goal: &Goal,
    history: &History,
    pinned: &[String],
    (was, now): (usize, usize),
    tokens_after: u64,
) -> Option<AgentEvent> {
    if was == now {
        return None;
    }
    let before = context::conversation(goal, history, pinned, was, &Shown::default());
    let tokens_before = tokens(&before) + images::tokens(history, was);
    let (pid, step) = (goal.number, history.steps.len() as u32 + 1);
    Some(AgentCompacted { pid, step, summed_up: now as u32, tokens_before, tokens_after }.into())
}

/// Steps of these sizes that are only summed up, counted from the first.
pub(crate) fn summed_up(sizes: &[u64]) -> usize {
    let (mut from, mut total) = (0, 0);
    for newest in 0..sizes.len() {
        total += sizes[newest];
        if total <= FULL {
            continue;
        }
        let oldest = (newest + 1).saturating_sub(KEPT).max(from);
        let mut keep = newest;
        total = sizes[newest];
        while keep > oldest && total + sizes[keep - 1] <= FULL / 2 {
            keep -= 1;
            total += sizes[keep];
        }
        from = keep;
    }
    from
}

/// Tokens that a conversation takes, estimated at four bytes each.
pub(crate) fn tokens(messages: &[Message]) -> u64 {
    let of = |message: &Message| match message {
        Message::Assistant { text, calls } => {
            text.len() + calls.iter().map(|call| call.name.len() + length(&call.arguments)).sum::<usize>()
        }
        Message::System { text } | Message::User { text, .. } | Message::Tool { text, .. } => text.len(),
    };
    messages.iter().map(|message| of(message) as u64 / 4 + 4).sum()
}

/// Bytes of a value as JSON.
fn length(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallOutcome, PlannedCall, RecordedStep, StepIntent};

    fn summed_up_of(history: &History) -> usize {
        summed_up(Sizes::default().of(history))
    }

    #[test]
    fn steps_that_come_later_are_measured_then_and_as_before() {
        let sizes: Vec<usize> = (0..40).map(|n| 400 + n * 300).collect();
        let (all, mut kept) = (history(&sizes), Sizes::default());
        for count in 0..=all.steps.len() {
            let some = History { steps: all.steps[..count].to_vec(), messages: all.messages.clone() };
            assert_eq!(kept.of(&some), Sizes::default().of(&some), "{count} steps");
        }
        let value = serde_json::json!({ "a": "\u{e4}\n\"", "b": [1, 2.5, null] });
        assert_eq!(length(&value), value.to_string().len());
    }

    fn history(sizes: &[usize]) -> History {
        let step = |(i, size): (usize, &usize)| RecordedStep {
            intent: StepIntent {
                step: i as u32 + 1,
                thought: String::new(),
                usage: None,
                calls: vec![PlannedCall { id: "c".into(), tool: "run_command".into(), args: serde_json::json!({}) }],
            },
            outcomes: vec![Some(CallOutcome::done("x".repeat(*size)))],
        };
        History { steps: sizes.iter().enumerate().map(step).collect(), messages: Vec::new() }
    }

    #[test]
    fn nothing_is_summed_up_before_the_conversation_is_full() {
        assert_eq!(summed_up_of(&history(&[4000; 20])), 0);
        assert_eq!(summed_up_of(&history(&[])), 0);
    }

    #[test]
    fn it_happens_seldom_and_the_newest_steps_stay() {
        let marks: Vec<usize> = (1..=200).map(|count| summed_up_of(&history(&vec![4000; count]))).collect();
        let mut changes = marks.clone();
        changes.dedup();
        assert!(changes.len() > 5 && changes.len() < 12, "{changes:?}");
        assert!(marks.windows(2).all(|pair| pair[0] <= pair[1]), "what was summed up stays so");
        for (count, mark) in (1..).zip(&marks) {
            assert!(count - mark >= KEPT.min(count), "{count} steps, {mark} summed up");
        }
    }

    #[test]
    fn one_huge_step_stays_alone() {
        assert_eq!(summed_up_of(&history(&[400, 400, 400_000])), 2);
        assert_eq!(summed_up_of(&history(&[400_000])), 0);
    }
}
