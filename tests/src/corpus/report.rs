//! The tables of docs/COMPATIBILITY.md that come from a run.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Job, Run, decisions::Decision};

/// Jobs and their tolerated differences.
pub fn difference_table(jobs: &[Job]) -> String {
    let mut table = "| job | inside |\n| --- | --- |\n".to_owned();
    for job in jobs {
        let said = job.difference.as_ref().map_or("the same", |difference| &difference.why);
        writeln!(table, "| `{}` | {said} |", job.name).expect("a string");
    }
    table
}

/// Refusals that were met, by decision.
pub fn denial_table(run: &Run, decisions: &[Decision]) -> String {
    let mut table = "| call | answer | met by | decision | why |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for decision in decisions {
        let met: BTreeSet<&str> =
            run.denials.iter().filter(|denial| decision.covers(denial)).map(|denial| denial.program.as_str()).collect();
        let met = if met.is_empty() { "(not in every run)".to_owned() } else { met.into_iter().collect::<Vec<_>>().join(", ") };
        writeln!(table, "| `{}` | {} | {met} | {} | {} |", decision.call, decision.errno, decision.decision, decision.why)
            .expect("a string");
    }
    table
}

/// The page with the text between `<!-- NAME -->` and `<!-- end of NAME -->` replaced.
///
/// # Panics
/// When the page has no such place.
pub fn splice(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let parts = page.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let (head, tail) = parts.unwrap_or_else(|| panic!("no {begin} … {end} in the page"));
    format!("{head}{begin}{text}{end}{tail}")
}
