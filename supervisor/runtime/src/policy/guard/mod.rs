//! A filter, not a boundary: finds texts that look as if they gave the agent orders.
//!
//! Whoever knows the filter can write around it. It lowers what a lazy attack achieves and shows people where to look; what an agent
//! that was fooled can do is bounded by its sandbox, its network, its rules and its budget.

mod decode;
mod languages;
mod phrases;

pub use decode::readings;

use aether_protocol::Suspicion;

/// Bytes of a text that are looked at; the agent is shown less than that of a result.
const LONGEST: usize = 1 << 20;
/// Findings told of one text.
const MOST: usize = 4;

/// What looks like an attempt in this text, in all its readings.
pub fn scan(text: &str) -> Vec<Suspicion> {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let mut found: Vec<Suspicion> = Vec::new();
    if let Some(hidden) = decode::tags(text) {
        found.push(Suspicion { kind: "text in invisible characters".into(), excerpt: cut(&hidden) });
    }
    for (number, reading) in decode::folded(text).into_iter().enumerate() {
        for (kind, excerpt) in phrases::find(&reading) {
            let kind = if number == 0 { kind.to_owned() } else { format!("{kind}, disguised") };
            if found.len() < MOST && !found.iter().any(|one| one.kind.starts_with(kind.trim_end_matches(", disguised"))) {
                found.push(Suspicion { kind, excerpt: cut(&excerpt) });
            }
        }
    }
    found
}

fn cut(text: &str) -> String {
    crate::text::one_line(text, 160)
}

#[cfg(test)]
mod tests;
