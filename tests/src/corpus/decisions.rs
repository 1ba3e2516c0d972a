//! What was decided about the refusals that jobs met: `tests/corpus/denials.txt`.
//!
//! One decision a line: `CALL ERRNO PROGRAMS | DECISION | WHY`. PROGRAMS are names, separated by commas, or `*` for any.

use std::fs;

use super::denials::Denial;

/// One decision.
#[derive(Debug, Clone)]
pub struct Decision {
    /// System call.
    pub call: String,
    /// Error it may answer.
    pub errno: String,
    /// Programs it was looked at for; `*` is any.
    pub programs: Vec<String>,
    /// `harmless`, or what is done about it.
    pub decision: String,
    /// Why that is right.
    pub why: String,
}

impl Decision {
    /// Is it about that refusal?
    pub fn covers(&self, denial: &Denial) -> bool {
        let program = |name: &String| name == "*" || *name == denial.program;
        self.call == denial.call && self.errno == denial.errno && self.programs.iter().any(program)
    }
}

/// All decisions, in the file's order.
///
/// # Panics
/// When a line is not as described.
pub fn all() -> Vec<Decision> {
    let path = super::directory().join("denials.txt");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("not `CALL ERRNO PROGRAMS | DECISION | WHY`: {line}"))).collect()
}

fn parse(line: &str) -> Option<Decision> {
    let mut parts = line.splitn(3, '|').map(str::trim);
    let mut key = parts.next()?.splitn(3, ' ');
    let (call, errno) = (key.next()?.to_owned(), key.next()?.to_owned());
    let programs: Vec<String> = key.next()?.split(',').map(|name| name.trim().to_owned()).collect();
    let (decision, why) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    (!decision.is_empty() && !why.is_empty()).then_some(Decision { call, errno, programs, decision, why })
}
