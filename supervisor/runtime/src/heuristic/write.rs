//! "Write a file X saying Y."

use super::script::{Move, Script, give_up, quote, succeed};

pub(super) fn next(script: &mut Script<'_>, path: &str, content: &str) -> Move {
    steps(script, path, content).unwrap_or_else(|step| step)
}

fn steps(script: &mut Script<'_>, path: &str, content: &str) -> Result<Move, Move> {
    let written = script.write(&format!("I write {path} as the goal says it."), path, content)?;
    if !written.ok {
        return Ok(give_up(format!("{path} could not be written: {}", written.text)));
    }
    let check = script.run("Is it there, and whole?", &format!("wc -c < {}", quote(path)))?;
    if check.output().trim() != content.len().to_string() {
        return Ok(give_up(format!("{path} should have {} bytes, but: {}", content.len(), check.text)));
    }
    Ok(succeed(format!("wrote {} bytes to {path}", content.len())))
}
