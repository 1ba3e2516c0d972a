//! "Run COMMAND", "count lines in F", "find files named X".

use super::{
    intent::{Pattern, Unit},
    script::{Again, Move, Script, give_up, quote, succeed},
};
use crate::text;

pub(super) fn run(script: &mut Script<'_>, commands: &[String]) -> Move {
    let mut results = Vec::new();
    for command in commands {
        let thought = format!("I run: {}", text::one_line(command, 200));
        let seen = match script.command(&thought, command, Again::Never) {
            Err(step) => return step,
            Ok(seen) => seen,
        };
        if seen.is_unknown() {
            return give_up(format!("a restart hid the result of `{command}`; it may have run, so I do not run it again"));
        }
        if !seen.ok {
            return give_up(format!("`{command}` failed: {}", text::ends(&seen.text, 1500, "")));
        }
        results.push(format!("`{command}`: {}", text::ends(&seen.text, 1500, "")));
    }
    succeed(results.join("\n"))
}

pub(super) fn count(script: &mut Script<'_>, unit: Unit, path: &str) -> Move {
    let file = quote(path);
    let (name, command) = match unit {
        Unit::Lines => ("lines", wc("-l", &file)),
        Unit::Words => ("words", wc("-w", &file)),
        Unit::Characters => ("characters", wc("-m", &file)),
        Unit::Bytes => ("bytes", wc("-c", &file)),
        Unit::Files => ("files", format!("[ -e {file} ] && find {file} -type f | wc -l")),
    };
    match script.run(&format!("I count the {name} of {path}."), &command) {
        Err(step) => step,
        Ok(seen) => match seen.output().trim().parse::<u64>() {
            Ok(number) if seen.ok => succeed(format!("{path} has {number} {name}")),
            _ => give_up(format!("the {name} of {path} could not be counted: {}", text::one_line(&seen.text, 300))),
        },
    }
}

/// Of a file, or of all files in a directory together.
fn wc(option: &str, file: &str) -> String {
    format!("if [ -d {file} ]; then find {file} -type f -exec cat {{}} + | wc {option}; else wc {option} < {file}; fi")
}

pub(super) fn find(script: &mut Script<'_>, pattern: &Pattern, directory: &str) -> Move {
    let place = quote(directory);
    let (what, search) = match pattern {
        Pattern::Named(name) => (format!("named {name}"), format!("find {place} -name {}", quoted(name))),
        // grep ends with 1 when nothing was found, which is an answer and no failure.
        Pattern::Containing(text) => {
            let search = format!("{{ grep -rIlF --exclude-dir=.git -e {} {place} || [ $? -eq 1 ]; }}", quoted(text));
            (format!("containing {text:?}"), search)
        }
    };
    let seen = match script.run(&format!("I search {directory} for files {what}."), &format!("[ -d {place} ] && {search}")) {
        Err(step) => return step,
        Ok(seen) => seen,
    };
    if !seen.ok {
        return give_up(format!("{directory} could not be searched: {}", text::one_line(&seen.text, 300)));
    }
    let output = seen.output();
    let found = output.lines().filter(|line| !line.is_empty() && !line.starts_with("[...")).count();
    match (found, seen.saved()) {
        (0, _) => succeed(format!("there are no files {what} in {directory}")),
        (_, Some(path)) => succeed(format!("many files {what} in {directory}; the whole list is in {path}")),
        (n, None) => succeed(format!("{n} files {what} in {directory}:\n{}", text::ends(&output, 3000, ""))),
    }
}

/// Here `~` is a character like any other.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
