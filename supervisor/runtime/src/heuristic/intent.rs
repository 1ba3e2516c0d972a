//! Which rule a goal asks for, from its words.

use super::script::quote;

/// What a goal asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Intent {
    /// Describe the machine.
    Inspect { report: String },
    /// Describe a directory.
    Summarise { directory: String, report: String },
    /// Build a project, and test it.
    Build { directory: String, tests: Tests, report: String },
    /// Write a file.
    Write { path: String, content: String },
    /// Run commands.
    Run { commands: Vec<String> },
    /// Count something.
    Count { unit: Unit, path: String },
    /// Find files.
    Find { pattern: Pattern, directory: String },
    /// No rule fits.
    Unknown,
}

/// Whether tests belong to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tests {
    Run,
    Skip,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Lines,
    Words,
    Characters,
    Bytes,
    Files,
}

/// How files are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Named(String),
    Containing(String),
}

const POLITE: &[&str] = &["please ", "can you ", "could you ", "i want you to ", "i would like you to ", "you should ", "now "];

pub(super) fn understand(goal: &str) -> Intent {
    let mut goal = goal.trim();
    while let Some(rest) = POLITE.iter().find_map(|polite| strip(goal, polite)) {
        goal = rest.trim_start();
    }
    let lower = goal.to_ascii_lowercase();
    let verb = lower.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let found = match verb {
        "write" | "create" | "save" | "put" | "add" => write(goal),
        "make" => write(goal).or_else(|| build(goal, &lower)),
        "run" | "execute" | "exec" => run(goal, &lower),
        "count" | "how" => count(goal, &lower),
        "find" | "search" | "locate" | "grep" => find(goal, &lower),
        "list" | "show" => find(goal, &lower).or_else(|| list(goal, &lower)),
        "build" | "compile" | "test" => build(goal, &lower),
        "summarise" | "summarize" | "document" | "explain" => inspect(goal, &lower).or_else(|| Some(summarise(goal))),
        _ => None,
    };
    found
        .or_else(|| backticked(goal).map(|commands| Intent::Run { commands }))
        .or_else(|| inspect(goal, &lower))
        .or_else(|| has(&lower, &["summar", "overview", "describe"]).then(|| summarise(goal)))
        .or_else(|| build(goal, &lower))
        .or_else(|| find(goal, &lower))
        .unwrap_or(Intent::Unknown)
}

fn inspect(goal: &str, lower: &str) -> Option<Intent> {
    let verb = has(
        lower,
        &[
            "inspect",
            "examin",
            "describ",
            "survey",
            "analys",
            "analyz",
            "report",
            "look at",
            "check",
            "explor",
            "summar",
            "tell me about",
            "show me",
        ],
    );
    let noun =
        words(lower).any(|w| matches!(w, "machine" | "system" | "sandbox" | "computer" | "host" | "environment" | "server"));
    (verb && noun).then(|| Intent::Inspect { report: report(goal, "~/report.md") })
}

fn summarise(goal: &str) -> Intent {
    let report = report(goal, "~/summary.md");
    let directory = paths(goal).into_iter().find(|p| *p != report).unwrap_or_else(|| "~".into());
    Intent::Summarise { directory, report }
}

fn build(goal: &str, lower: &str) -> Option<Intent> {
    let tests = words(lower).any(|w| matches!(w, "test" | "tests" | "check" | "verify"));
    if !tests && !words(lower).any(|w| matches!(w, "build" | "compile" | "make" | "rebuild")) {
        return None;
    }
    let report = report(goal, "~/build-report.md");
    let directory = paths(goal).into_iter().find(|p| *p != report).unwrap_or_else(|| "~/project".into());
    Some(Intent::Build { directory, tests: if tests { Tests::Run } else { Tests::Skip }, report })
}

fn run(goal: &str, lower: &str) -> Option<Intent> {
    if let Some(commands) = backticked(goal) {
        return Some(Intent::Run { commands });
    }
    let (_, rest) = goal.split_once(char::is_whitespace)?;
    let rest_lower = lower.split_once(char::is_whitespace)?.1;
    if ["the test", "tests", "the build", "its test", "all test", "the unit"].iter().any(|p| rest_lower.starts_with(p)) {
        return build(goal, lower);
    }
    let rest = ["the command ", "the command:", "this command ", "this command:", "command:"]
        .iter()
        .find_map(|p| strip(rest, p))
        .unwrap_or(rest);
    let rest = rest.trim().trim_start_matches(':').trim();
    let command = quoted(rest).filter(|q| q.len() + 2 >= rest.trim_end_matches('.').len()).unwrap_or_else(|| rest.to_owned());
    (!command.is_empty()).then(|| Intent::Run { commands: vec![command] })
}

fn write(goal: &str) -> Option<Intent> {
    const BEFORE: &[&str] = &[
        " with the content ",
        " with the contents ",
        " with content ",
        " with contents ",
        " with the content:",
        " with content:",
        " with the text ",
        " with text ",
        " with the words ",
        " that says ",
        " which says ",
        " saying ",
        " that contains ",
        " containing ",
        " with:",
        " reading ",
    ];
    let (_, rest) = goal.split_once(char::is_whitespace)?;
    if let Some((at, len)) = BEFORE.iter().filter_map(|word| position(rest, word)).min() {
        let (target, content) = (&rest[..at], unquote(rest[at + len..].trim().trim_start_matches(':').trim()));
        let path = quoted(target).or_else(|| paths(target).into_iter().next()).or_else(|| file_name(target))?;
        return (!content.is_empty()).then(|| Intent::Write { path, content: line(content) });
    }
    let (at, len) =
        [" to the file ", " into the file ", " to ", " into ", " in "].iter().filter_map(|w| rposition(rest, w)).max()?;
    let target = rest[at + len..].trim();
    let path = quoted(target).or_else(|| paths(target).into_iter().next()).or_else(|| file_name(target))?;
    let content = quoted(rest[..at].trim())?;
    Some(Intent::Write { path, content: line(&content) })
}

fn count(goal: &str, lower: &str) -> Option<Intent> {
    let unit = words(lower).find_map(|w| match w {
        "line" | "lines" => Some(Unit::Lines),
        "word" | "words" => Some(Unit::Words),
        "character" | "characters" | "chars" => Some(Unit::Characters),
        "byte" | "bytes" => Some(Unit::Bytes),
        "file" | "files" => Some(Unit::Files),
        _ => None,
    })?;
    let path = paths(goal).into_iter().next().or_else(|| file_name(goal));
    let path = match unit {
        Unit::Files => path.unwrap_or_else(|| "~".into()),
        _ => path?,
    };
    Some(Intent::Count { unit, path })
}

fn find(goal: &str, lower: &str) -> Option<Intent> {
    const NAMED: &[&str] = &[" named ", " called ", " matching ", " whose name is "];
    const CONTAINING: &[&str] =
        &[" containing ", " that contain ", " which contain ", " that contains ", " with the text ", " for the text "];
    if !has(lower, &["find", "search", "locate", "list", "grep"]) {
        return None;
    }
    let after = |keys: &[&str]| keys.iter().filter_map(|k| position(goal, k)).min().map(|(at, len)| goal[at + len..].trim());
    let (tail, named) = match (after(NAMED), after(CONTAINING)) {
        (Some(tail), _) => (tail, true),
        (None, Some(tail)) => (tail, false),
        (None, None) => return None,
    };
    let place = [" in ", " under ", " below ", " inside "].iter().filter_map(|k| rposition(tail, k)).max();
    let (what, directory) = match place.and_then(|(at, len)| Some((at, paths(&tail[at + len..]).into_iter().next()?))) {
        Some((at, directory)) => (&tail[..at], directory),
        None => {
            let before = paths(&goal[..goal.len() - tail.len()]).into_iter().next();
            (tail, before.unwrap_or_else(|| "~".into()))
        }
    };
    let what = unquote(what.trim().trim_end_matches(['.', '?', '!'])).to_owned();
    if what.is_empty() {
        return None;
    }
    Some(Intent::Find { pattern: if named { Pattern::Named(what) } else { Pattern::Containing(what) }, directory })
}

fn list(goal: &str, lower: &str) -> Option<Intent> {
    let directory = paths(goal).into_iter().next().or_else(|| lower.contains("home").then(|| "~".into()))?;
    let files = words(lower).any(|w| matches!(w, "file" | "files" | "directory" | "folder" | "home" | "contents" | "content"));
    files.then(|| Intent::Run { commands: vec![format!("ls -la {}", quote(&directory))] })
}

/// Where a report goes: a path with an ending of text after `to`, `into`, `as` or `in`.
fn report(goal: &str, default: &str) -> String {
    let mut previous = "";
    for word in goal.split_whitespace() {
        let path = word.trim_matches(PUNCTUATION);
        let text = path.ends_with(".md") || path.ends_with(".txt");
        if text && matches!(previous.to_ascii_lowercase().as_str(), "to" | "into" | "as" | "in" | "called" | "named") {
            return path.to_owned();
        }
        previous = word;
    }
    default.to_owned()
}

const PUNCTUATION: [char; 11] = ['"', '\'', '`', ',', ';', ':', '!', '?', '(', ')', '.'];

/// Words that are paths: they start with `~`, `/` or `./`, or have a slash inside.
fn paths(text: &str) -> Vec<String> {
    let clean = |word: &str| -> String {
        let word = word.trim_matches(['"', '\'', '`', ',', ';', ':', '!', '?', '(', ')']);
        word.strip_suffix('.').filter(|w| !w.ends_with('.') && !w.is_empty()).unwrap_or(word).to_owned()
    };
    let is_path = |w: &String| {
        w == "~" || w.starts_with("~/") || w.starts_with("./") || (w.contains('/') && w.len() > 1 && !w.contains("://"))
    };
    text.split_whitespace()
        .map(clean)
        .filter(is_path)
        .map(|w| if w.len() > 1 { w.trim_end_matches('/').to_owned() } else { w })
        .collect()
}

/// A word like `notes.txt` or `Makefile`.
fn file_name(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().map(|w| w.trim_matches(PUNCTUATION)).collect();
    let named = words.iter().position(|w| matches!(w.to_ascii_lowercase().as_str(), "called" | "named" | "file"));
    let dotted = words.iter().find(|w| w.rsplit_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty() && b.len() <= 8));
    let after = named.and_then(|i| words.get(i + 1..)?.iter().find(|w| !matches!(**w, "called" | "named" | "" | "in" | "the")));
    dotted.or(after).map(|w| (*w).to_owned())
}

fn backticked(goal: &str) -> Option<Vec<String>> {
    let commands: Vec<String> =
        goal.split('`').skip(1).step_by(2).map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
    (!commands.is_empty() && goal.matches('`').count().is_multiple_of(2)).then_some(commands)
}

fn quoted(text: &str) -> Option<String> {
    for (open, close) in [('"', '"'), ('“', '”'), ('\'', '\''), ('`', '`')] {
        if let Some((_, rest)) = text.split_once(open)
            && let Some((inner, _)) = rest.rsplit_once(close)
            && !inner.is_empty()
        {
            return Some(inner.to_owned());
        }
    }
    None
}

/// Without the quotes that surround all of it.
fn unquote(text: &str) -> &str {
    let whole = text.trim_end_matches('.');
    for (open, close) in [('"', '"'), ('“', '”'), ('\'', '\''), ('`', '`')] {
        if let Some(inner) = whole.strip_prefix(open).and_then(|t| t.strip_suffix(close)) {
            return inner;
        }
    }
    text
}

fn line(content: &str) -> String {
    if content.ends_with('\n') { content.to_owned() } else { format!("{content}\n") }
}

fn words(lower: &str) -> impl Iterator<Item = &str> {
    lower.split(|c: char| !c.is_alphanumeric())
}

fn has(lower: &str, any: &[&str]) -> bool {
    any.iter().any(|word| lower.contains(word))
}

fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

// ASCII lowercase keeps byte positions, so a position in the copy is one in the original.
fn position(text: &str, word: &str) -> Option<(usize, usize)> {
    text.to_ascii_lowercase().find(word).map(|at| (at, word.len()))
}

fn rposition(text: &str, word: &str) -> Option<(usize, usize)> {
    text.to_ascii_lowercase().rfind(word).map(|at| (at, word.len()))
}

#[cfg(test)]
#[path = "intent_tests.rs"]
mod tests;
