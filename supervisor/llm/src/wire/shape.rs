//! What several interfaces want in the same form.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{CompletionRequest, Image, Message, ToolSpec};

/// The longest id of a call that every provider takes back.
const ID: usize = 40;

/// An id of a call as every provider takes it: its own ones as they are, others by a name that follows from them. A conversation may
/// have been begun with another provider.
pub(super) fn id(id: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.len() <= ID && id.chars().all(plain) {
        return Cow::Borrowed(id);
    }
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    Cow::Owned(format!("call_{:016x}", hasher.finish()))
}

/// Arguments as an object: some interfaces know no other.
pub(super) fn object(arguments: &Value) -> Value {
    if arguments.is_object() { arguments.clone() } else { json!({ "unreadable": arguments }) }
}

/// Arguments as the text of JSON.
pub(super) fn text(arguments: &Value) -> String {
    arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned)
}

pub(super) fn base64(image: &Image) -> String {
    BASE64_STANDARD.encode(&image.data)
}

/// As an address that holds its own contents (RFC 2397).
pub(super) fn data_url(image: &Image) -> String {
    format!("data:{};base64,{}", image.media_type, base64(image))
}

/// All rules as one text.
pub(super) fn rules(request: &CompletionRequest) -> String {
    let texts = request.messages.iter().filter_map(|message| match message {
        Message::System { text } if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

/// A tool as OpenAI's chat and Ollama want it.
#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
pub(super) struct Function<'a> {
    function: &'a ToolSpec,
}

/// Tools as OpenAI's chat and Ollama want them.
pub(super) fn functions(tools: &[Arc<ToolSpec>]) -> Vec<Function<'_>> {
    tools.iter().map(|function| Function { function }).collect()
}

/// The text of a question. Tools are written as they are: a copy of all their schemas would be most of what a question costs.
pub(super) fn written<T: Serialize>(rest: &Value, tools: &[T]) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Whole<'a, T> {
        #[serde(flatten)]
        rest: &'a Value,
        #[serde(skip_serializing_if = "<[T]>::is_empty")]
        tools: &'a [T],
    }
    serde_json::to_vec(&Whole { rest, tools })
}

/// The conversation with the images of results in a message of their own, after the results of the same turn: for interfaces whose
/// results are text.
pub(super) fn images_apart(messages: &[Message]) -> Vec<Cow<'_, Message>> {
    let mut out = Vec::with_capacity(messages.len());
    let mut held: Vec<Image> = Vec::new();
    let mut of: Vec<&str> = Vec::new();
    let release = |held: &mut Vec<Image>, of: &mut Vec<&str>| {
        let text = format!("The images that {} returned:", std::mem::take(of).join(", "));
        Message::User { text, images: std::mem::take(held) }
    };
    for message in messages {
        match message {
            Message::Tool { call_id, name, text, images } if !images.is_empty() => {
                held.extend_from_slice(images);
                of.push(name);
                out.push(Cow::Owned(Message::tool(call_id, name, text)));
            }
            Message::Tool { .. } => out.push(Cow::Borrowed(message)),
            _ => {
                if !held.is_empty() {
                    out.push(Cow::Owned(release(&mut held, &mut of)));
                }
                out.push(Cow::Borrowed(message));
            }
        }
    }
    if !held.is_empty() {
        out.push(Cow::Owned(release(&mut held, &mut of)));
    }
    out
}

/// A number of tokens.
pub(super) fn count(usage: &Value, place: &str) -> Option<u64> {
    usage.pointer(place).and_then(Value::as_u64)
}

/// A text in a piece, empty when it is not there.
pub(super) fn str_at<'a>(piece: &'a Value, place: &str) -> &'a str {
    piece.pointer(place).and_then(Value::as_str).unwrap_or_default()
}
