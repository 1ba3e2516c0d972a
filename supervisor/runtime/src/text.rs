//! Text cut to a size for people and models.

use serde_json::Value;

/// Characters of a result that stay in the history.
pub(crate) const OBSERVATION: usize = 4000;
/// Bytes of a result in an event.
const EVENT: usize = 4096;

/// Characters of each argument in an event.
pub(crate) const EVENT_ARGUMENT: usize = 2000;

/// One line of at most `limit` characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > limit * 4 {
            break;
        }
    }
    if line.chars().count() <= limit {
        return line;
    }
    let mut cut: String = line.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Beginning and end of a long text around a note that says what is missing; short texts as they are.
pub(crate) fn ends(text: &str, limit: usize, note: &str) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(note.chars().count() + 60);
    let (head, tail) = (room / 2, room - room / 2);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}\n[... {} characters left out{note} ...]\n{end}", count - head - tail)
}

/// For an event.
pub(crate) fn for_event(text: &str) -> String {
    if text.len() <= EVENT {
        return text.to_owned();
    }
    let mut end = EVENT - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Arguments whose long texts are cut.
pub(crate) fn arguments(args: &Value, limit: usize) -> Value {
    match args {
        Value::String(text) => Value::String(ends(text, limit, "")),
        Value::Array(items) => items.iter().map(|item| arguments(item, limit)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), arguments(value, limit))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_never_exceed_their_limit_nor_split_characters() {
        let long = "ä€😀\n".repeat(5000);
        assert!(
            ends(&long, OBSERVATION, ": all of it in /home/agent/.aether/outputs/step-12.txt").chars().count() <= OBSERVATION
        );
        assert!(for_event(&long).len() <= EVENT);
        assert_eq!(one_line(&long, 10).chars().count(), 10);
        assert_eq!(one_line(" a\n b ", 10), "a b");
        assert_eq!(ends("short", OBSERVATION, ""), "short");
    }
}
