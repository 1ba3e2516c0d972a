//! A goal that no rule fits: says so, and never pretends.

use super::{
    DISCLAIMER,
    script::{Move, Script, give_up},
};
use crate::text;

/// What the rules can do, in the words that they understand.
pub(super) const ABILITIES: &str = "inspect this machine and write a report; summarise the files in DIR; build and test the project in DIR; \
    write a file X saying Y; run COMMAND (or commands in backticks); count lines, words or files in F; find files named or containing X; list the files in DIR";

pub(super) fn next(script: &mut Script<'_>, goal: &str) -> Move {
    steps(script, goal).unwrap_or_else(|step| step)
}

fn steps(script: &mut Script<'_>, goal: &str) -> Result<Move, Move> {
    let home = script.run(
        "I have no rule for this goal. I look at the home once, so that you see what is there, and then say what I can do.",
        "cd && ls -A && df -h . | tail -n 1",
    )?;
    let found = text::one_line(&home.output(), 300);
    Ok(give_up(format!(
        "{DISCLAIMER}, and none of my rules fits \"{}\". What I can do: {ABILITIES}. For other goals give the service a model. \
         The home holds: {found}",
        text::one_line(goal, 120)
    )))
}
