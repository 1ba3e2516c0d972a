//! Counts tokens in an answer as it passes, and knows whether the answer came to its end.

use bytes::Bytes;
use serde_json::Value;

/// Longest line, and longest answer in one piece, that is looked into, bytes.
const MOST: usize = 1 << 20;
/// Of a longer answer so much of its end is searched, bytes.
const TAIL: usize = 64 << 10;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One JSON text.
    Whole,
    /// Server-sent events.
    Events,
    /// One JSON text a line.
    Lines,
}

/// Reads along.
#[derive(Debug)]
pub(crate) struct Meter {
    form: Form,
    /// Takes the event out that reports the tokens: the program did not ask for it.
    hide: bool,
    /// The blank line after a hidden event goes with it.
    hide_blank: bool,
    input: Option<u64>,
    output: Option<u64>,
    complete: bool,
    /// The line, or the answer, so far.
    text: Vec<u8>,
    /// It became too long to be looked into.
    overlong: bool,
    bytes: u64,
}

impl Meter {
    /// For an answer of this content type.
    pub(crate) fn new(content_type: &str, hide: bool) -> Self {
        let form = match content_type.split(';').next().unwrap_or_default().trim() {
            "text/event-stream" => Form::Events,
            "application/x-ndjson" => Form::Lines,
            _ => Form::Whole,
        };
        let hide = hide && form == Form::Events;
        Self {
            form,
            hide,
            hide_blank: false,
            input: None,
            output: None,
            complete: false,
            text: Vec::new(),
            overlong: false,
            bytes: 0,
        }
    }

    /// It may take something out.
    pub(crate) const fn hides(&self) -> bool {
        self.hide
    }

    /// Looks at the next bytes; gives what goes on to the program.
    pub(crate) fn pass(&mut self, bytes: Bytes) -> Bytes {
        self.bytes += bytes.len() as u64;
        if self.form == Form::Whole {
            self.keep(&bytes);
            return bytes;
        }
        let mut out = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.hide && self.text.len() + piece.len() > MOST {
                // A line too long to be judged goes on as it is, and is no report of tokens.
                out.append(&mut self.text);
                out.extend_from_slice(piece);
                self.overlong = !piece.ends_with(b"\n");
                continue;
            }
            self.keep(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.text);
                let overlong = std::mem::take(&mut self.overlong);
                let shown = overlong || self.line(&line);
                if self.hide && shown {
                    out.extend_from_slice(&line);
                }
            }
        }
        if self.hide { out.into() } else { bytes }
    }

    /// The answer ended well on its way; gives what was held back.
    pub(crate) fn end(&mut self) -> Bytes {
        let text = std::mem::take(&mut self.text);
        if self.form != Form::Whole {
            let shown = text.is_empty() || self.overlong || self.line(&text);
            return if self.hide && shown { text.into() } else { Bytes::new() };
        }
        match serde_json::from_slice::<Value>(&text) {
            Ok(value) => {
                self.complete = true;
                self.read(&value);
            }
            Err(_) if self.overlong => {
                self.complete = text.trim_ascii_end().ends_with(b"}") || text.trim_ascii_end().ends_with(b"]");
                self.read_end(&text);
            }
            Err(_) => {}
        }
        Bytes::new()
    }

    /// Tokens read and written, when the provider said so.
    pub(crate) fn tokens(&self) -> Option<(u64, u64)> {
        match (self.input, self.output) {
            (None, None) => None,
            (input, output) => Some((input.unwrap_or(0), output.unwrap_or(0))),
        }
    }

    /// The provider marked the end.
    pub(crate) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Bytes seen.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        if self.text.len() > MOST {
            self.overlong = true;
        }
        if self.overlong && self.text.len() > 2 * TAIL {
            let cut = self.text.len() - TAIL;
            self.text.drain(..cut);
        }
    }

    /// One line; `false` when it is to be hidden.
    fn line(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return !std::mem::take(&mut self.hide_blank);
        }
        let data = match self.form {
            Form::Events => match line.strip_prefix(b"data:") {
                Some(data) => data.trim_ascii_start(),
                None => return true,
            },
            _ => line,
        };
        if data == b"[DONE]" {
            self.complete = true;
            return true;
        }
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return true };
        self.read(&value);
        let report = value.get("usage").is_some_and(Value::is_object)
            && value.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty);
        self.hide_blank = self.hide && report;
        !self.hide_blank
    }

    fn read(&mut self, value: &Value) {
        if let Value::Array(parts) = value {
            parts.iter().for_each(|part| self.read(part));
            return;
        }
        let inner = [Some(value), value.get("response"), value.get("message")];
        for place in inner.into_iter().flatten() {
            if let Some(usage) = place.get("usage").or_else(|| place.get("usageMetadata")) {
                self.usage(usage);
            }
        }
        // Ollama's counts stand in the last object itself.
        self.usage_of(value, &["prompt_eval_count"], &["eval_count"]);
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        let finished = value.pointer("/candidates/0/finishReason").is_some_and(Value::is_string);
        self.complete |= finished
            || value.get("done") == Some(&Value::Bool(true))
            || matches!(kind, "message_stop" | "response.completed" | "response.incomplete" | "response.failed");
    }

    fn usage(&mut self, usage: &Value) {
        self.usage_of(usage, &["prompt_tokens"], &["completion_tokens"]);
        // Anthropic counts what its cache read and wrote apart from the rest.
        let cached = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
        self.usage_of(usage, &cached, &["output_tokens"]);
        let read = ["promptTokenCount", "toolUsePromptTokenCount"];
        self.usage_of(usage, &read, &["candidatesTokenCount", "thoughtsTokenCount"]);
    }

    /// Adds up the fields of one report. Reports of one answer grow, so the largest counts.
    fn usage_of(&mut self, usage: &Value, input: &[&str], output: &[&str]) {
        let sum = |names: &[&str]| names.iter().filter_map(|name| usage.get(name)?.as_u64()).reduce(u64::saturating_add);
        self.input = self.input.max(sum(input));
        self.output = self.output.max(sum(output));
    }

    /// The last report in the end of a long JSON text. Quotes inside of strings are escaped, so a model's words cannot look like it.
    fn read_end(&mut self, text: &[u8]) {
        for name in [b"\"usage\":".as_slice(), b"\"usageMetadata\":"] {
            let Some(at) = text.windows(name.len()).rposition(|part| part == name) else { continue };
            let rest = text.get(at + name.len()..).unwrap_or_default();
            if let Some(Ok(usage)) = serde_json::Deserializer::from_slice(rest).into_iter::<Value>().next() {
                self.usage(&usage);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is counted, whatever the pieces, and what goes on.
    fn counted(kind: &str, hide: bool, text: &str) -> (Option<(u64, u64)>, bool, String) {
        let mut last = None;
        for size in [1, 7, 64, text.len()] {
            let mut meter = Meter::new(kind, hide);
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(size.max(1)) {
                out.extend(meter.pass(Bytes::copy_from_slice(piece)));
            }
            out.extend(meter.end());
            let now = (meter.tokens(), meter.is_complete(), String::from_utf8(out).expect("text"));
            assert!(last.is_none_or(|last| last == now), "pieces of {size}");
            last = Some(now);
        }
        last.expect("counted")
    }

    const EVENTS: &str = "text/event-stream; charset=utf-8";

    #[test]
    fn every_interface_is_counted() {
        let chat = "data: {\"choices\":[{\"delta\":{}}],\"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n";
        assert_eq!(counted(EVENTS, false, chat), (Some((9, 4)), true, chat.to_owned()));
        let (tokens, complete, shown) = counted(EVENTS, true, chat);
        assert_eq!((tokens, complete), (Some((9, 4)), true));
        assert_eq!(shown, "data: {\"choices\":[{\"delta\":{}}],\"usage\":null}\n\ndata: [DONE]\n\n");

        let whole = r#"{"choices":[{}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
        assert_eq!(counted("application/json", true, whole), (Some((3, 2)), true, whole.to_owned()));
        let responses = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}}\n\n";
        assert_eq!(counted(EVENTS, false, responses).0, Some((5, 6)));
        let anthropic = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\ndata: {\"type\":\"message_stop\"}\n\n";
        assert_eq!(counted(EVENTS, false, anthropic), (Some((15, 7)), true, anthropic.to_owned()));
        let gemini = "data: {\"usageMetadata\":{\"promptTokenCount\":4}}\r\n\r\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":3}}\r\n\r\n";
        assert_eq!(counted(EVENTS, false, gemini).0, Some((4, 5)));
        let ollama = "{\"message\":{},\"done\":false}\n{\"done\":true,\"prompt_eval_count\":8,\"eval_count\":2}\n";
        assert_eq!(counted("application/x-ndjson", false, ollama), (Some((8, 2)), true, ollama.to_owned()));
    }

    #[test]
    fn a_cut_answer_is_not_complete() {
        for (kind, text) in [
            (EVENTS, "data: {\"choices\":[{\"delta\":{}}]}\n\n"),
            ("application/json", "{\"choices\":[{\"mess"),
            ("application/x-ndjson", "{\"done\":false}\n"),
            (EVENTS, "data: not json\n\n"),
        ] {
            let (tokens, complete, _) = counted(kind, false, text);
            assert_eq!((tokens, complete), (None, false), "{text}");
        }
    }

    #[test]
    fn a_long_answer_is_counted_from_its_end_and_not_held() {
        let mut meter = Meter::new("application/json", false);
        let forged = r#"{"text": "\"usage\":{\"prompt_tokens\":1}", "data": ""#;
        meter.pass(Bytes::from(forged));
        for _ in 0..64 {
            meter.pass(Bytes::from(vec![b'x'; 64 << 10]));
            assert!(meter.text.len() <= MOST + (64 << 10));
        }
        meter.pass(Bytes::from(r#"", "usage":{"prompt_tokens":11,"completion_tokens":12}}"#));
        meter.end();
        assert_eq!((meter.tokens(), meter.is_complete()), (Some((11, 12)), true));
    }
}
