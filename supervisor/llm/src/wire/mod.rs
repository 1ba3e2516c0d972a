//! What providers speak: one file an interface, each of them a request written and an answer's pieces read.

mod answer;
mod anthropic;
mod chat;
mod embed;
mod gemini;
mod ollama;
mod problem;
mod responses;
mod shape;

use serde_json::Value;

pub(crate) use self::{
    answer::Answer,
    problem::{message_of, of_body, of_status},
};
use crate::{CompletionRequest, Delta, LlmError};

/// Listens to an answer while it is written.
pub(crate) type Say<'a> = &'a mut (dyn FnMut(Delta) + Send);

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// OpenAI's chat completions, which most others speak as well.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's generateContent.
    Gemini,
    /// Ollama's chat.
    Ollama,
}

impl Interface {
    /// Every interface.
    pub const ALL: [Self; 5] = [Self::Chat, Self::Responses, Self::Anthropic, Self::Gemini, Self::Ollama];

    /// Its name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// Path of a question below the base URL, in parts, and its query.
    pub(crate) fn question(self, model: &str) -> (Vec<String>, Option<&'static str>) {
        let parts = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Chat => (parts(&["chat", "completions"]), None),
            Self::Responses => (parts(&["responses"]), None),
            Self::Anthropic => (parts(&["v1", "messages"]), None),
            Self::Gemini => (parts(&["v1beta", "models", &format!("{model}:streamGenerateContent")]), Some("alt=sse")),
            Self::Ollama => (parts(&["api", "chat"]), None),
        }
    }

    /// Path of the list of models below the base URL.
    pub(crate) const fn list(self) -> &'static [&'static str] {
        match self {
            Self::Chat | Self::Responses => &["models"],
            Self::Anthropic => &["v1", "models"],
            Self::Gemini => &["v1beta", "models"],
            Self::Ollama => &["api", "tags"],
        }
    }

    /// Names in a list of models.
    pub(crate) fn listed(self, list: &Value) -> Vec<String> {
        let (place, key) = match self {
            Self::Chat | Self::Responses | Self::Anthropic => ("data", "id"),
            Self::Gemini | Self::Ollama => ("models", "name"),
        };
        let models = list.get(place).and_then(Value::as_array).into_iter().flatten();
        let names = models.filter_map(|model| model.get(key)?.as_str());
        names.map(|name| name.strip_prefix("models/").unwrap_or(name).to_owned()).collect()
    }

    /// The body of a question.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn body(self, request: &CompletionRequest, model: &str) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Chat => chat::request(request, model),
            Self::Responses => responses::request(request, model),
            Self::Anthropic => anthropic::request(request, model),
            Self::Gemini => gemini::request(request, model),
            Self::Ollama => ollama::request(request, model),
        }
    }

    /// Takes in one piece of an answer, or a whole one.
    ///
    /// # Errors
    /// When the piece says that the provider failed, or is not what the interface promises.
    pub(crate) fn read(self, answer: &mut Answer, piece: &str, say: Say<'_>) -> Result<(), LlmError> {
        let piece: Value = serde_json::from_str(piece).map_err(|error| LlmError::Malformed(error.to_string()))?;
        // Gemini without `alt=sse` answers with a list of its pieces.
        let pieces = if let Value::Array(pieces) = piece { pieces } else { vec![piece] };
        for piece in &pieces {
            if !piece.is_object() {
                return Err(LlmError::Malformed("a piece of it is no JSON object".into()));
            }
            if let Some(error) = piece.get("error").filter(|error| !error.is_null()) {
                return Err(problem::of_error(error));
            }
            match self {
                Self::Chat => chat::read(answer, piece, say)?,
                Self::Responses => responses::read(answer, piece, say)?,
                Self::Anthropic => anthropic::read(answer, piece, say)?,
                Self::Gemini => gemini::read(answer, piece, say)?,
                Self::Ollama => ollama::read(answer, piece, say)?,
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for Interface {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|interface| interface.name() == text);
        found.ok_or_else(|| format!("{text:?} is no interface: chat, responses, anthropic, gemini or ollama"))
    }
}
