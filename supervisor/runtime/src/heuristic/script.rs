//! A rule as straight-line code: each line either has its result already or is the next step.

use serde_json::{Value, json};

/// Longest time for one command, seconds.
const PATIENT: u32 = 600;

/// The next step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Move {
    pub(super) thought: String,
    pub(super) tool: &'static str,
    pub(super) args: Value,
}

/// The result of an earlier step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) ok: bool,
    pub(super) text: String,
}

impl Seen {
    pub(super) fn new(text: &str) -> Self {
        match text.strip_prefix("FAILED: ") {
            Some(rest) => Self { ok: false, text: rest.to_owned() },
            None => Self { ok: true, text: text.to_owned() },
        }
    }

    /// A restart came between the command and its result.
    pub(super) fn is_unknown(&self) -> bool {
        !self.ok && self.text.starts_with("unknown outcome")
    }

    /// Exit status of a command.
    pub(super) fn exit(&self) -> Option<u8> {
        let digits = self.text.strip_prefix("exit status ")?;
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// What a command printed on both outputs, without the lines that name them.
    pub(super) fn output(&self) -> String {
        let body =
            if self.text.starts_with("exit status ") { self.text.split_once('\n').map_or("", |(_, b)| b) } else { &self.text };
        let lines = body.lines().filter(|line| !matches!(*line, "stdout:" | "stderr:" | "stdout, cut after 1 MiB:"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The file that has all of a long output.
    pub(super) fn saved(&self) -> Option<&str> {
        let path = self.text.split_once("all of it in ")?.1;
        path.split([' ', '\n']).next()
    }
}

/// Whether a command may be run again when its outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Running it twice does no harm.
    Fine,
    /// Only a person can know.
    Never,
}

/// The results so far.
pub(super) struct Script<'a> {
    seen: &'a [Seen],
}

impl<'a> Script<'a> {
    pub(super) fn new(seen: &'a [Seen]) -> Self {
        Self { seen }
    }

    /// A command that may be repeated.
    pub(super) fn run(&mut self, thought: &str, command: &str) -> Result<&'a Seen, Move> {
        self.command(thought, command, Again::Fine)
    }

    pub(super) fn command(&mut self, thought: &str, command: &str, again: Again) -> Result<&'a Seen, Move> {
        let step = Move { thought: thought.into(), tool: "run_command", args: json!({"command": command, "timeout": PATIENT}) };
        self.step(step, again)
    }

    /// Writes a file; writing the same again is harmless.
    pub(super) fn write(&mut self, thought: &str, path: &str, content: &str) -> Result<&'a Seen, Move> {
        let step = Move { thought: thought.into(), tool: "write_file", args: json!({"path": path, "content": content}) };
        self.step(step, Again::Fine)
    }

    fn step(&mut self, step: Move, again: Again) -> Result<&'a Seen, Move> {
        let mut thought = None;
        while let Some((first, rest)) = self.seen.split_first() {
            self.seen = rest;
            if again == Again::Never || !first.is_unknown() {
                return Ok(first);
            }
            thought = Some(format!("A restart hid the result; this may be done again. {}", step.thought));
        }
        Err(Move { thought: thought.unwrap_or_else(|| step.thought.clone()), ..step })
    }
}

pub(super) fn succeed(summary: impl Into<String>) -> Move {
    let summary = summary.into();
    Move { thought: "The goal is reached.".into(), tool: "complete", args: json!({"summary": summary}) }
}

pub(super) fn give_up(reason: impl Into<String>) -> Move {
    let reason = reason.into();
    Move { thought: "The goal cannot be reached.".into(), tool: "complete", args: json!({"summary": reason, "failed": true}) }
}

/// A word for the shell; `~` still means the home.
pub(super) fn quote(path: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    match path.strip_prefix('~') {
        Some("") => "\"$HOME\"".into(),
        Some(rest) if rest.starts_with('/') => format!("\"$HOME\"{}", quoted(rest)),
        _ => quoted(path),
    }
}

/// Text in a Markdown block of a language, with a fence that the text does not contain.
pub(super) fn fenced(language: &str, text: &str) -> String {
    let mut fence = String::from("```");
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}
