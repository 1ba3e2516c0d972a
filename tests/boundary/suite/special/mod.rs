//! Attacks that need more than one probe in one sandbox.

mod absent;
mod crash;
mod descriptors;
mod exec_race;
mod files;
mod lent;
mod limits;
mod peers;
mod set_id;

use anyhow::Result;

use crate::{
    attack::{Gain, Layer},
    bench::Bench,
    fingerprint::Fingerprint,
    report::{Report, Row, Verdict},
};

/// What an attempt answered, and what its control did.
struct Outcome<'a> {
    id: &'static str,
    promise: &'static str,
    attempt: &'a str,
    answer: String,
    /// Begin of an answer that is a refusal.
    refused: &'a [&'a str],
    by: &'a [Layer],
    control: &'static str,
    /// Did the control get through?
    control_holds: bool,
    note: &'static str,
}

type Part = fn(&Bench, &mut Report) -> Result<()>;

/// Runs all whose id begins with `wanted`.
pub(crate) fn run(bench: &Bench, wanted: Option<&str>, report: &mut Report) -> Result<()> {
    let parts: [(&str, Part); 9] = [
        ("ESC-06", crash::run),
        ("ESC-09", exec_race::run),
        ("ESC-24", absent::run),
        ("ESC-10", descriptors::run),
        ("ESC-11", lent::run),
        ("ESC-28", set_id::run),
        ("XA", peers::run),
        ("FS", files::run),
        ("RES", limits::run),
    ];
    for (id, part) in parts {
        if wanted.is_none_or(|wanted| wanted.starts_with(id) || id.starts_with(wanted)) {
            let before = Fingerprint::at_rest(bench)?;
            let done = part(bench, report);
            report.check(id, "runs to its end", done);
            report.check(id, "leaves the host as it was", before.is_again(bench));
        }
    }
    Ok(())
}

impl Outcome<'_> {
    fn judge(self) -> Row {
        let alone = self.id.starts_with("ESC") && self.by.len() < 2;
        let verdict = if alone {
            Verdict::Fail(format!("an escape that {:?} alone stop", self.by))
        } else if !self.refused.iter().any(|refused| self.answer.starts_with(refused)) {
            Verdict::Fail(format!("answers {:?}, not {:?}", self.answer, self.refused))
        } else if self.control_holds {
            Verdict::Pass
        } else {
            Verdict::Inconclusive("the control did not get through".to_owned())
        };
        Row {
            id: self.id,
            promise: self.promise,
            attempt: self.attempt.to_owned(),
            answer: self.answer,
            layers: self.by.to_vec(),
            control: self.control,
            note: self.note,
            gain: Gain::Escape,
            verdict,
        }
    }
}
