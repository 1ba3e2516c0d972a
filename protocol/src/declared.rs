//! Agents that are declared in files: an [`AgentSpec`] as TOML, the name of the file is the name of the agent.

use std::fmt;

use crate::{AgentName, AgentSpec};

/// Why a declaration cannot be used. Reads `:LINE: cause`, to be put behind the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Line, from 1, when it can be told.
    pub line: Option<usize>,
    /// The cause, one line.
    pub cause: String,
    /// What to do, one line.
    pub fix: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, ":{line}: {}", self.cause),
            None => write!(f, ": {}", self.cause),
        }
    }
}

impl std::error::Error for Refusal {}

/// The spec that `text` declares for the agent `name`, checked as far as it can be without a host.
///
/// # Errors
/// [`Refusal`], with the line where there is one.
pub fn parse(name: &str, text: &str) -> Result<AgentSpec, Refusal> {
    let refusal = |cause: String, fix: &str| Refusal { line: None, cause, fix: fix.to_owned() };
    let named: AgentName = name.parse().map_err(|_| {
        refusal(format!("{name:?} is no name for an agent"), "rename the file: a-z, 0-9 and -, at most 63 characters")
    })?;
    let mut spec: AgentSpec = toml::from_str(text).map_err(|error| Refusal {
        line: error.span().map(|span| text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count() + 1),
        cause: error.message().replace('\n', " "),
        fix: "correct that line; the keys are those of AgentSpec in the API".to_owned(),
    })?;
    if spec.name.as_ref().is_some_and(|own| *own != named) {
        return Err(refusal("name is not the name of the file".to_owned(), "remove the line name = …, or rename the file"));
    }
    if spec.ephemeral {
        return Err(refusal(
            "a declared agent cannot be ephemeral".to_owned(),
            "remove the line ephemeral = true: how it ended is read from its record",
        ));
    }
    spec.name = Some(named);
    spec.check().map_err(|error| refusal(error.message, &error.hint))?;
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "program = { type = \"command\", argv = [\"sleep\", \"9\"] }\n[limits]\nmemoryBytes = 67108864\n";

    #[test]
    fn the_file_gives_the_name() {
        let spec = parse("builder", GOOD).expect("a good one");
        assert_eq!(spec.name.as_ref().map(AgentName::as_str), Some("builder"));
        assert_eq!(spec.limits.memory_bytes, Some(64 << 20));
        assert!(parse("builder", &format!("name = \"other\"\n{GOOD}")).is_err());
        assert!(parse("Builder!", GOOD).is_err());
    }

    #[test]
    fn refusals_name_the_line() {
        let said = parse("a", &format!("{GOOD}nosuch = 1\n")).expect_err("unknown key").to_string();
        assert!(said.starts_with(":4: unknown field `nosuch`"), "{said}");
        let said = parse("a", "program = { type = \"command\", argv = [] }\n").expect_err("nothing to run");
        assert!(!said.fix.is_empty(), "{said}");
    }
}
