//! The embedded default: fixed rules that pick real commands for some goals. It is not a model and says so.
//!
//! A rule is a script that is run from its beginning for every step and gets the results of earlier steps from the
//! conversation, so it keeps no state and goes on after any restart.

mod build;
mod command;
mod inspect;
mod intent;
mod project;
mod script;
mod summarise;
mod survey;
mod write;

use aether_llm::{Completion, CompletionRequest, Delta, LlmError, Message, Provider, StopReason, ToolCall};
use async_trait::async_trait;

use crate::context::IN_VIEW;
use intent::Intent;
use script::{Move, Script, Seen};

/// Said in its first thought and in its reports.
pub(crate) const DISCLAIMER: &str = "I am a set of fixed rules, not a language model";

/// The provider `heuristic`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heuristic;

#[async_trait]
impl Provider for Heuristic {
    fn name(&self) -> &str {
        "heuristic"
    }

    fn default_model(&self) -> String {
        self.name().into()
    }

    fn history(&self) -> usize {
        usize::MAX
    }

    async fn complete(
        &self,
        request: CompletionRequest,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Completion, LlmError> {
        let goal = request.messages.iter().find_map(|message| match message {
            Message::User { text, .. } => Some(text.as_str()),
            _ => None,
        });
        let goal = goal.ok_or_else(|| LlmError::Invalid("no goal".into()))?;
        let seen = results(&request.messages);
        let next = decide(goal, &seen);
        let mut text = next.thought;
        let person = |message: &Message| matches!(message, Message::User { text, .. } if !text.starts_with(IN_VIEW));
        if request.messages.len() > 2 && request.messages.last().is_some_and(person) {
            text = format!("I got your message, but fixed rules cannot follow it; I go on with the goal. {text}");
        }
        if seen.is_empty() {
            text = format!("{DISCLAIMER}. {text}");
        }
        on_delta(Delta::Text(text.clone()));
        on_delta(Delta::Call(next.tool.into()));
        let id = format!("rule_{}", seen.len() + 1);
        let call = ToolCall { id, name: next.tool.into(), arguments: next.args };
        Ok(Completion { text, calls: vec![call], stop: StopReason::Calls, ..Completion::new(self.default_model()) })
    }
}

fn decide(goal: &str, seen: &[Seen]) -> Move {
    let mut script = Script::new(seen);
    match intent::understand(goal) {
        Intent::Inspect { report } => inspect::next(&mut script, &report),
        Intent::Summarise { directory, report } => summarise::next(&mut script, &directory, &report),
        Intent::Build { directory, tests, report } => build::next(&mut script, &directory, tests, &report),
        Intent::Write { path, content } => write::next(&mut script, &path, &content),
        Intent::Run { commands } => command::run(&mut script, &commands),
        Intent::Count { unit, path } => command::count(&mut script, unit, &path),
        Intent::Find { pattern, directory } => command::find(&mut script, &pattern, &directory),
        Intent::Unknown => survey::next(&mut script, goal),
    }
}

fn results(messages: &[Message]) -> Vec<Seen> {
    let texts = messages.iter().filter_map(|message| match message {
        Message::Tool { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.map(Seen::new).collect()
}
