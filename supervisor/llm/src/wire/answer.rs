//! An answer that is put together from its pieces.

use std::hash::{BuildHasher, RandomState};

use serde_json::{Value, json};

use super::Say;
use crate::{Completion, Delta, LlmError, StopReason, TokenUsage, ToolCall};

/// Calls that a single answer may hold: an index in a piece is the provider's word, and must not decide how much memory is used.
const MAX_CALLS: usize = 128;

/// An answer so far.
#[derive(Debug)]
pub(crate) struct Answer {
    model: String,
    pub(super) text: String,
    calls: Vec<Call>,
    pub(super) usage: Option<TokenUsage>,
    stop: Option<StopReason>,
}

#[derive(Debug, Default)]
struct Call {
    /// How the provider tells its calls apart within this answer.
    key: u64,
    id: String,
    name: String,
    text: String,
    whole: Option<Value>,
}

impl Answer {
    pub(crate) fn new(model: &str) -> Self {
        Self { model: model.to_owned(), text: String::new(), calls: Vec::new(), usage: None, stop: None }
    }

    /// The provider marked its end: what comes after it may be lost without harm.
    pub(crate) const fn is_ended(&self) -> bool {
        self.stop.is_some()
    }

    pub(super) fn model(&mut self, piece: &Value, key: &str) {
        if let Some(model) = piece.get(key).and_then(Value::as_str).filter(|model| !model.is_empty()) {
            model.clone_into(&mut self.model);
        }
    }

    pub(super) fn say(&mut self, text: &str, say: Say<'_>) {
        if !text.is_empty() {
            self.text.push_str(text);
            say(Delta::Text(text.to_owned()));
        }
    }

    pub(super) fn stop(&mut self, reason: StopReason) {
        self.stop = Some(reason);
    }

    /// The key of the call that came last.
    pub(super) fn last_call(&self) -> Option<(u64, &str)> {
        self.calls.last().map(|call| (call.key, call.id.as_str()))
    }

    pub(super) const fn count(&self) -> usize {
        self.calls.len()
    }

    /// What is known of a call, by whatever piece; empty texts say nothing.
    pub(super) fn call(&mut self, key: u64, id: &str, name: &str, say: Say<'_>) -> Result<(), LlmError> {
        let call = self.at(key)?;
        if !id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.name.is_empty() && !name.is_empty() {
            name.clone_into(&mut call.name);
            say(Delta::Call(name.to_owned()));
        }
        Ok(())
    }

    /// More text of a call's arguments.
    pub(super) fn arguments(&mut self, key: u64, more: &str) -> Result<(), LlmError> {
        self.at(key)?.text.push_str(more);
        Ok(())
    }

    /// The arguments of a call as a whole, in the place of what came of them before.
    pub(super) fn whole_arguments(&mut self, key: u64, arguments: Value) -> Result<(), LlmError> {
        let call = self.at(key)?;
        match arguments {
            Value::String(text) => call.text = text,
            value => call.whole = Some(value),
        }
        Ok(())
    }

    fn at(&mut self, key: u64) -> Result<&mut Call, LlmError> {
        let at = match self.calls.iter().position(|call| call.key == key) {
            Some(at) => at,
            None if self.calls.len() >= MAX_CALLS => {
                return Err(LlmError::Malformed(format!("it makes more than {MAX_CALLS} calls")));
            }
            None => {
                self.calls.push(Call { key, ..Call::default() });
                self.calls.len() - 1
            }
        };
        self.calls.get_mut(at).ok_or_else(|| LlmError::Malformed("a call is lost".into()))
    }

    /// The whole answer.
    pub(crate) fn finish(self) -> Result<Completion, LlmError> {
        let named = self.calls.into_iter().filter(|call| !call.name.is_empty());
        let calls: Vec<ToolCall> = named.map(Call::finish).collect();
        let stop = match self.stop {
            // Some say that they are done and mean that they wait for their calls.
            Some(StopReason::End) | None if !calls.is_empty() => StopReason::Calls,
            Some(stop) => stop,
            None => StopReason::End,
        };
        if self.text.is_empty() && calls.is_empty() && stop == StopReason::End && self.usage.is_none() {
            return Err(LlmError::Malformed("it is empty".into()));
        }
        Ok(Completion { text: self.text, calls, usage: self.usage, stop, ..Completion::new(self.model) })
    }
}

impl Call {
    fn finish(self) -> ToolCall {
        let arguments = self.whole.unwrap_or_else(|| match self.text.trim() {
            "" => json!({}),
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(self.text.as_str())),
        });
        let id = if self.id.is_empty() { made_up() } else { self.id };
        ToolCall { id, name: self.name, arguments }
    }
}

/// An id for a call that came without one, unlike those of other answers: some providers want each id once in a conversation.
pub(super) fn made_up() -> String {
    format!("call_{:016x}", RandomState::new().hash_one(0_u8))
}
