//! When older steps are summed up, so that a conversation fits its model.
//!
//! The journal keeps every step whole. Which of them are summed up follows from the journal alone, so a restart changes nothing; and
//! it changes seldom, so that what a provider has cached of the conversation stays of use.

use aether_llm::Message;

use crate::{History, context, images::Shown};

/// Estimated tokens of the steps at which the older ones are summed up.
const FULL: u64 = 30_000;
/// Steps that stay whole then, as long as they take no more than half of that.
const KEPT: usize = 8;

/// Steps that are only summed up, counted from the first.
pub(crate) fn summed_up(history: &History) -> usize {
    let sizes: Vec<u64> = history.steps.iter().map(|step| tokens(&context::block(history, step, &Shown::default()))).collect();
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
            text.len() + calls.iter().map(|call| call.name.len() + call.arguments.to_string().len()).sum::<usize>()
        }
        Message::System { text } | Message::User { text, .. } | Message::Tool { text, .. } => text.len(),
    };
    messages.iter().map(|message| of(message) as u64 / 4 + 4).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallOutcome, PlannedCall, RecordedStep, StepIntent};

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
        assert_eq!(summed_up(&history(&[4000; 20])), 0);
        assert_eq!(summed_up(&history(&[])), 0);
    }

    #[test]
    fn it_happens_seldom_and_the_newest_steps_stay() {
        let marks: Vec<usize> = (1..=200).map(|count| summed_up(&history(&vec![4000; count]))).collect();
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
        assert_eq!(summed_up(&history(&[400, 400, 400_000])), 2);
        assert_eq!(summed_up(&history(&[400_000])), 0);
    }
}
